"""Any chat or vision-language model that the transformers library runs, from a local folder or by its hub name."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
from transformers.cache_utils import DynamicCache, DynamicLayer

from assistant.errors import (
    ContextLengthError,
    EmptyTurnError,
    GenerationError,
    MissingDependencyError,
    WeightsCorruptError,
    WeightsMissingError,
)
from assistant.language.constraint import ConstraintCompiler
from assistant.language.prefix_cache import Key
from assistant.language.reply import Reply
from assistant.language.sampling import log_probability
from assistant.language.transformers_chat import ChatPrompt, Picture, TransformersChat
from assistant.lately import Lately
from assistant.types import Generated, GenerationOptions, Message, Prompt
from assistant.worker import Worker

# Read this many tokens between two looks at whether the caller is still there.
_CHUNK_TOKENS = 512
_PICTURES = 32
"""Whose embeddings are kept, some megabytes each: a picture is looked at once though its conversation is not the only one."""


@dataclass(slots=True, eq=False)
class _Text:
    """A prompt on its way through the model, the reply after it."""

    prompt: ChatPrompt
    pictures: list[tuple[int, Tensor]]
    """Where each picture that is not yet read begins, and its embeddings (L, D)."""
    positions_31L: Tensor | None = None
    """In time, height and width, to the end of the context, for classes that have such."""

    def append(self, ids: Sequence[int]) -> None:
        """Go on with these tokens."""
        self.prompt.ids.extend(ids)
        self.prompt.keys.extend(ids)


class TransformersModel:
    """A model with its own chat template; pictures are given to models that see."""

    def __init__(
        self, source: str | Path, *, device: str = "auto", context_tokens: int | None = None, name: str | None = None
    ) -> None:
        """Load the model: safetensors only, and none of its own Python code.

        Args:
            source: A folder, or a hub name `OWNER/MODEL`; only the latter may use the network.
            device: As torch names it; "auto" takes a GPU if there is one.
            context_tokens: Of prompt and reply together; None takes what the model was made for.
            name: The model, as users know it; None takes the last part of `source`.

        Raises:
            WeightsMissingError: There is no such model.
            WeightsCorruptError: The model cannot be loaded.
            MissingDependencyError: The library wants another package for it.
            ConfigError: The library can prepare its pictures with torchvision only.
        """
        local = Path(source).is_dir()
        if not local and not re.fullmatch(r"[\w.-]+/[\w.-]+", str(source)):
            raise WeightsMissingError(
                f"there is no folder {source}", hint="name a folder with config.json, or a hub model OWNER/MODEL"
            )
        common: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
        try:
            config = AutoConfig.from_pretrained(source, **common)
            self._sees = hasattr(config, "vision_config")
            family = AutoModelForImageTextToText if self._sees else AutoModelForCausalLM
            self._chat = TransformersChat(str(source), config, sees=self._sees, **common)
            model: Any = family.from_pretrained(source, dtype="auto", use_safetensors=True, **common)
        except OSError as error:
            raise WeightsMissingError(
                f"{source} cannot be opened: {error}", hint="check the name, and the files in the folder"
            ) from error
        except ImportError as error:
            raise MissingDependencyError(f"{source} needs another package: {error}", hint="install it with pip") from error
        except (ValueError, KeyError, TypeError) as error:
            raise WeightsCorruptError(
                f"{source} cannot be loaded: {error}", hint="is it a chat model with safetensors weights?"
            ) from error
        self._device = torch.device(_device(device))
        self._model: Any = model.eval().to(self._device)
        self._tokenizer: Any = self._chat.tokenizer
        self._end_ids = _end_ids(model.generation_config.eos_token_id, self._tokenizer.eos_token_id)
        trained: int = getattr(config.get_text_config(), "max_position_embeddings", 4096)
        self._context_tokens = min(context_tokens or trained, trained)
        self._name = name or Path(source).name
        self._constraints: ConstraintCompiler | None = None
        self._cache: Any = None
        self._read: list[Key] = []
        """What `_cache` has read."""
        self._reusable = False
        """Whether `_read` tells it all."""
        self._seen: Lately[Tensor] = Lately(_PICTURES)
        self._limits_logits = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._worker = Worker("language")

    @property
    def name(self) -> str:
        """The model, as users know it."""
        return self._name

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and reply may have together."""
        return self._context_tokens

    @property
    def sees(self) -> bool:
        """Whether the model takes pictures."""
        return self._sees

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """How many tokens the messages take as a prompt, template included; pictures too, if the model sees.

        Raises:
            UnsupportedMediaError: The model cannot take a picture.
        """
        return len(self._chat.read(messages).ids)

    async def generate(self, prompt: Prompt, options: GenerationOptions) -> AsyncGenerator[Generated, None]:
        """The reply, piece by piece; the last piece carries `finish_reason` and `usage`.

        Raises:
            ContextLengthError: The prompt does not fit.
            InputError: The prompt is empty, a picture is refused, or the constraint cannot be followed.
            GenerationError: The model failed.
        """
        async with aclosing(self._worker.stream(lambda: self._generate(prompt, options))) as pieces:
            async for piece in pieces:
                if piece is not None:
                    yield piece

    async def score(self, prompt: Prompt, candidates: Sequence[str]) -> tuple[float, ...]:
        """The log-probability of each candidate as the whole reply, the end of the reply included.

        Raises:
            ContextLengthError: The prompt and a candidate do not fit.
            GenerationError: The model failed.
        """
        return await self._worker.run(lambda: tuple(self._score(prompt, candidate) for candidate in candidates))

    async def close(self) -> None:
        """Free the model."""
        await self._worker.close()
        self._cache = None

    # ── in the worker's thread ──

    @torch.inference_mode()
    def _score(self, prompt: Prompt, candidate: str) -> float:
        read = self._checked(prompt)
        ids = [*self._tokenizer.encode(candidate, add_special_tokens=False), self._end_ids[0]]
        self._check_room(len(read.ids) + len(ids) - 1)
        try:
            text = _Text(read, [])
            self._reuse(text)
            for _ in self._look(text):
                pass
            logits_LV = self._feed(text, len(read.ids))
            if len(ids) > 1:
                text.append(ids[:-1])
                logits_LV = torch.cat([logits_LV, self._feed(text, len(read.ids), keep=len(ids) - 1)])
        except (RuntimeError, ValueError, MemoryError) as error:
            raise self._failed(error) from error
        return log_probability(logits_LV, ids)

    def _generate(self, prompt: Prompt, options: GenerationOptions) -> Iterator[Generated | None]:
        """Pieces of the reply; None where there is nothing to show yet, so that a closed stream is noticed."""
        text = _Text(self._checked(prompt), [])
        prompt_tokens = len(text.prompt.ids)
        reply = self._reply(options, self._context_tokens - prompt_tokens)
        try:
            cached = self._reuse(text)
            yield from self._look(text)
            while not text.prompt.whole and prompt_tokens - len(self._read) > _CHUNK_TOKENS:
                self._feed(text, len(self._read) + _CHUNK_TOKENS)
                yield None
            logits_V = self._feed(text, prompt_tokens)[-1]
            while True:
                shown = reply.advance(logits_V)
                if reply.finish_reason is not None:
                    yield reply.last(shown, prompt_tokens=prompt_tokens, cached_tokens=cached)
                    return
                yield Generated(shown) if shown else None
                text.append([reply.token_id])
                logits_V = self._feed(text, len(text.prompt.ids))[-1]
        except (RuntimeError, ValueError, MemoryError) as error:
            raise self._failed(error) from error

    def _reuse(self, text: _Text) -> int:
        """Cut the cache to what it shares with the prompt and return how much that is; the last token is always read again."""
        keys, shared = text.prompt.keys, 0
        # A cache with a sliding window or a state cannot be cut.
        if self._reusable and not text.prompt.whole and all(type(layer) is DynamicLayer for layer in self._cache.layers):
            while shared < min(len(self._read), len(keys) - 1) and self._read[shared] == keys[shared]:
                shared += 1
        if shared == 0:
            self._cache, self._read = DynamicCache(config=self._model.config), []
            self._reusable = not text.prompt.whole
            if hasattr(self._model.base_model, "rope_deltas"):
                self._model.base_model.rope_deltas = None  # Qwen-VL's own note of the prompt before
        elif shared < len(self._read):
            self._cache.crop(shared - len(self._read))
            del self._read[shared:]
        return shared

    def _look(self, text: _Text) -> Iterator[None]:
        """Look at the pictures that are to be read, and yield after each."""
        for picture in text.prompt.pictures:
            if picture.end > len(self._read):
                text.pictures.append((picture.start, self._embeddings(picture)))
                yield None
        text.positions_31L = self._positions(text.prompt)

    @torch.inference_mode()
    def _embeddings(self, picture: Picture) -> Tensor:
        """Of the picture's tokens (L, D): features in the places that its processor left for them, words elsewhere.

        Raises:
            GenerationError: There are not as many features as places.
        """
        kept = self._seen.get(picture.image.sha256)
        if kept is not None:
            return kept
        inputs = {name: value.to(self._device) for name, value in self._chat.pixels(picture).items()}
        seen = self._model.get_image_features(**inputs).pooler_output
        features_ND = torch.cat([part.reshape(-1, part.shape[-1]) for part in seen])
        places_L = picture.layout.places_L.to(self._device)
        if len(features_ND) != int(places_L.sum()):
            raise GenerationError(
                f"picture {picture.number} has {int(places_L.sum())} places in the prompt and {len(features_ND)} features",
                hint="its processor does not fit its weights: save both again, from one model",
            )
        embeddings_LD: Tensor = self._model.get_input_embeddings()(torch.tensor(picture.layout.ids, device=self._device))
        embeddings_LD[places_L] = features_ND.to(embeddings_LD.dtype)
        return self._seen.put(picture.image.sha256, embeddings_LD)

    def _positions(self, prompt: ChatPrompt) -> Tensor | None:
        """For classes (Qwen-VL) where a picture takes fewer positions than it has tokens: those of the prompt, and of the reply."""
        if not prompt.pictures or not hasattr(self._model.base_model, "get_rope_index"):
            return None
        kinds_L = torch.zeros(len(prompt.ids), dtype=torch.int)
        for picture in prompt.pictures:
            kinds_L[picture.start : picture.end] = picture.layout.places_L.int()
        positions_31L, _ = self._model.base_model.get_rope_index(
            torch.tensor([prompt.ids]),
            mm_token_type_ids=kinds_L[None],
            image_grid_thw=torch.cat([grid for picture in prompt.pictures if (grid := picture.layout.grid_13) is not None]),
        )
        after_311 = positions_31L[:, :, -1:]  # a prompt ends with text, where the three are one
        reply_31L = after_311 + torch.arange(1, self._context_tokens + 1 - len(prompt.ids))
        return torch.cat([positions_31L, reply_31L], dim=2).to(self._device)

    @torch.inference_mode()
    def _feed(self, text: _Text, end: int, *, keep: int = 1) -> Tensor:
        """Read the text up to `end`; the logits of the last `keep` positions, on the processor."""
        start = len(self._read)
        limit = {"logits_to_keep": keep} if self._limits_logits else {}
        output = self._model(**self._inputs(text, start, end), past_key_values=self._cache, use_cache=True, **limit)
        self._cache = output.past_key_values
        self._read += text.prompt.keys[start:end]
        logits_LV: Tensor = output.logits[0, -keep:].float().cpu()
        return logits_LV

    def _inputs(self, text: _Text, start: int, end: int) -> dict[str, Tensor]:
        """What the model takes to read these positions, by argument name."""
        ids_1L = torch.tensor([text.prompt.ids[start:end]], device=self._device)
        if not text.prompt.pictures:
            media = text.prompt.whole if start == 0 else {}
            return {"input_ids": ids_1L, **{name: value.to(self._device) for name, value in media.items()}}
        embeddings_1LD: Tensor = self._model.get_input_embeddings()(ids_1L)
        for first, picture_LD in text.pictures:
            low, high = max(start, first), min(end, first + len(picture_LD))
            if low < high:
                embeddings_1LD[0, low - start : high - start] = picture_LD[low - first : high - first]
        positions = {} if text.positions_31L is None else {"position_ids": text.positions_31L[:, :, start:end]}
        return {"inputs_embeds": embeddings_1LD, **positions}

    def _failed(self, error: Exception) -> GenerationError:
        self._cache, self._read, self._reusable = None, [], False
        return GenerationError(f"the language model failed: {error}", hint="try again")

    def _reply(self, options: GenerationOptions, room_tokens: int) -> Reply:
        constraint = None
        if options.choices or options.json_schema is not None:
            if self._constraints is None:
                self._constraints = ConstraintCompiler(self._tokenizer.backend_tokenizer.to_str(), self._end_ids)
            constraint = self._constraints.compile(options)
        text = _ReplyText(self._tokenizer.backend_tokenizer)
        return Reply(text, options, end_ids=self._end_ids, constraint=constraint, room_tokens=room_tokens)

    def _checked(self, prompt: Prompt) -> ChatPrompt:
        if not prompt.messages:
            raise EmptyTurnError("the prompt has no message", hint="give at least one message")
        read = self._chat.read(prompt.messages)
        self._check_room(len(read.ids))
        return read

    def _check_room(self, tokens: int) -> None:
        if tokens >= self._context_tokens:
            raise ContextLengthError(
                f"the prompt takes {tokens} tokens, the context has {self._context_tokens}",
                hint="shorten it or begin a new session",
            )


class _ReplyText:
    """Turns a stream of ids into text, never giving half a character."""

    def __init__(self, backend: Tokenizer) -> None:
        self._backend = backend
        self._stream = DecodeStream(skip_special_tokens=True)

    def push(self, token_id: int) -> str:
        return self._stream.step(self._backend, token_id) or ""

    def finish(self) -> str:
        return ""


def _device(wanted: str) -> str:
    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def _end_ids(generation: int | list[int] | None, tokenizer: int | None) -> tuple[int, ...]:
    """The tokenizer's own first: a complete reply ends with it."""
    listed = [generation] if isinstance(generation, int) else generation or []
    return tuple(dict.fromkeys([*([] if tokenizer is None else [tokenizer]), *listed]))
