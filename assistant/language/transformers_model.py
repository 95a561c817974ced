"""Any chat or vision-language model that the transformers library runs, from a local folder or by its hub name."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import PIL.Image
import torch
from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer
from transformers.cache_utils import DynamicCache, DynamicLayer

from assistant.errors import ContextLengthError, EmptyTurnError, GenerationError, WeightsCorruptError, WeightsMissingError
from assistant.language.constraint import ConstraintCompiler
from assistant.language.reply import Reply
from assistant.language.sampling import log_probability
from assistant.language.tokenizer import valid_text
from assistant.types import Generated, GenerationOptions, Message, Prompt
from assistant.worker import Worker

# Read this many tokens between two looks at whether the caller is still there.
_CHUNK_TOKENS = 512


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
            self._processor: Any = (AutoProcessor if self._sees else AutoTokenizer).from_pretrained(source, **common)
            model: Any = family.from_pretrained(source, dtype="auto", use_safetensors=True, **common)
        except OSError as error:
            raise WeightsMissingError(
                f"{source} cannot be opened: {error}", hint="check the name, and the files in the folder"
            ) from error
        except (ValueError, KeyError, ImportError) as error:
            raise WeightsCorruptError(
                f"{source} cannot be loaded: {error}", hint="is it a chat model with safetensors weights?"
            ) from error
        self._device = torch.device(_device(device))
        self._model: Any = model.eval().to(self._device)
        self._tokenizer: Any = self._processor.tokenizer if self._sees else self._processor
        if self._processor.chat_template is None:
            raise WeightsCorruptError(f"{source} has no chat template", hint="use an instruct or chat model")
        self._end_ids = _end_ids(model.generation_config.eos_token_id, self._tokenizer.eos_token_id)
        self._control = _control_pattern(self._tokenizer, getattr(self._processor, "image_token", None))
        trained: int = getattr(config.get_text_config(), "max_position_embeddings", 4096)
        self._context_tokens = min(context_tokens or trained, trained)
        self._name = name or Path(source).name
        self._constraints: ConstraintCompiler | None = None
        self._cache: Any = None
        self._read_ids: list[int] = []
        self._comparable = False
        """Whether `_read_ids` tells all that `_cache` has read: there is a cache, without a picture in it."""
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
        """How many tokens the messages take as a prompt, template included; pictures too, if the model sees."""
        return int(self._inputs(messages)["input_ids"].shape[1])

    async def generate(self, prompt: Prompt, options: GenerationOptions) -> AsyncGenerator[Generated, None]:
        """The reply, piece by piece; the last piece carries `finish_reason` and `usage`.

        Raises:
            ContextLengthError: The prompt does not fit.
            InputError: The prompt is empty, or its constraint cannot be followed.
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
        inputs = self._checked(prompt)
        ids = [*self._tokenizer.encode(candidate, add_special_tokens=False), self._end_ids[0]]
        prompt_tokens = inputs["input_ids"].shape[1]
        self._check_room(prompt_tokens + len(ids) - 1)
        try:
            cached = self._reuse(inputs)
            read = torch.cat([inputs["input_ids"], torch.tensor([ids[:-1]], dtype=torch.long, device=self._device)], dim=1)
            logits_LV = self._forward(read[:, cached:], _media(inputs), keep=len(ids))
        except (RuntimeError, ValueError, MemoryError) as error:
            raise self._failed(error) from error
        return log_probability(logits_LV, ids)

    def _generate(self, prompt: Prompt, options: GenerationOptions) -> Iterator[Generated | None]:
        """Pieces of the reply; None where there is nothing to show yet, so that a closed stream is noticed."""
        inputs = self._checked(prompt)
        prompt_tokens: int = inputs["input_ids"].shape[1]
        reply = self._reply(options, self._context_tokens - prompt_tokens)
        try:
            read = cached = self._reuse(inputs)
            media = _media(inputs)
            while not media and prompt_tokens - read > _CHUNK_TOKENS:
                self._forward(inputs["input_ids"][:, read : read + _CHUNK_TOKENS], {})
                read += _CHUNK_TOKENS
                yield None
            logits_V = self._forward(inputs["input_ids"][:, read:], media)[-1]
            while True:
                shown = reply.advance(logits_V)
                if reply.finish_reason is not None:
                    yield reply.last(shown, prompt_tokens=prompt_tokens, cached_tokens=cached)
                    return
                yield Generated(shown) if shown else None
                logits_V = self._forward(torch.tensor([[reply.token_id]], device=self._device), {})[-1]
        except (RuntimeError, ValueError, MemoryError) as error:
            raise self._failed(error) from error

    def _reuse(self, inputs: dict[str, Tensor]) -> int:
        """Cut the cache to what it shares with the prompt and return how much that is; the last token is always read again."""
        ids = inputs["input_ids"][0].tolist()
        media = bool(_media(inputs))
        shared = 0
        # A cache with a sliding window or a state cannot be cut; one with a picture cannot be compared by ids.
        if self._comparable and not media and all(type(layer) is DynamicLayer for layer in self._cache.layers):
            while shared < min(len(self._read_ids), len(ids) - 1) and self._read_ids[shared] == ids[shared]:
                shared += 1
        if shared == 0:
            self._cache, self._read_ids, self._comparable = DynamicCache(config=self._model.config), [], not media
        elif shared < len(self._read_ids):
            self._cache.crop(shared - len(self._read_ids))
            del self._read_ids[shared:]
        return shared

    @torch.inference_mode()
    def _forward(self, ids_1L: Tensor, media: dict[str, Tensor], *, keep: int = 1) -> Tensor:
        """Read tokens, and pictures with them; the logits of the last `keep` positions, on the processor."""
        limit = {"logits_to_keep": keep} if self._limits_logits else {}
        output = self._model(input_ids=ids_1L, past_key_values=self._cache, use_cache=True, **limit, **media)
        self._cache = output.past_key_values
        self._read_ids += ids_1L[0].tolist()
        logits_LV: Tensor = output.logits[0, -keep:].float().cpu()
        return logits_LV

    def _failed(self, error: Exception) -> GenerationError:
        self._cache, self._read_ids, self._comparable = None, [], False
        return GenerationError(f"the language model failed: {error}", hint="try again")

    def _reply(self, options: GenerationOptions, room_tokens: int) -> Reply:
        constraint = None
        if options.choices or options.json_schema is not None:
            if self._constraints is None:
                self._constraints = ConstraintCompiler(self._tokenizer.backend_tokenizer.to_str(), self._end_ids)
            constraint = self._constraints.compile(options)
        text = _Text(self._tokenizer.backend_tokenizer)
        return Reply(text, options, end_ids=self._end_ids, constraint=constraint, room_tokens=room_tokens)

    def _checked(self, prompt: Prompt) -> dict[str, Tensor]:
        if not prompt.messages:
            raise EmptyTurnError("the prompt has no message", hint="give at least one message")
        inputs = {name: value.to(self._device) for name, value in self._inputs(prompt.messages).items()}
        self._check_room(inputs["input_ids"].shape[1])
        return inputs

    def _check_room(self, tokens: int) -> None:
        if tokens >= self._context_tokens:
            raise ContextLengthError(
                f"the prompt takes {tokens} tokens, the context has {self._context_tokens}",
                hint="shorten it or begin a new session",
            )

    def _inputs(self, messages: Sequence[Message]) -> dict[str, Tensor]:
        """What the model reads, by argument name."""
        if not self._sees:
            chat = [{"role": message.role, "content": self._inert(message.text)} for message in messages]
            text = self._tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
            return {"input_ids": torch.tensor([self._tokenizer.encode(text, add_special_tokens=False)])}
        parts = [
            {
                "role": message.role,
                "content": [*({"type": "image"} for _ in message.images), {"type": "text", "text": self._inert(message.text)}],
            }
            for message in messages
        ]
        text = self._processor.apply_chat_template(parts, add_generation_prompt=True, tokenize=False)
        images = [PIL.Image.fromarray(image.pixels_HWC) for message in messages for image in message.images]
        inputs = self._processor(text=[text], images=images or None, add_special_tokens=False, return_tensors="pt")
        return {name: value for name, value in inputs.items() if name != "attention_mask"}

    def _inert(self, text: str) -> str:
        """The text with every control token broken up by an invisible space, so that it is read as text."""
        return self._control.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", valid_text(text))


class _Text:
    """Turns a stream of ids into text, never giving half a character."""

    def __init__(self, backend: Tokenizer) -> None:
        self._backend = backend
        self._stream = DecodeStream(skip_special_tokens=True)

    def push(self, token_id: int) -> str:
        return self._stream.step(self._backend, token_id) or ""

    def finish(self) -> str:
        return ""


def _media(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in inputs.items() if name != "input_ids"} if "pixel_values" in inputs else {}


def _device(wanted: str) -> str:
    if wanted != "auto":
        return wanted
    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"


def _end_ids(generation: int | list[int] | None, tokenizer: int | None) -> tuple[int, ...]:
    """The tokenizer's own first: a complete reply ends with it."""
    listed = [generation] if isinstance(generation, int) else generation or []
    return tuple(dict.fromkeys([*([] if tokenizer is None else [tokenizer]), *listed]))


def _control_pattern(tokenizer: Any, image_token: str | None) -> re.Pattern[str]:
    names = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special and token.content.strip()}
    names |= {image_token} if image_token else set()
    return re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)) or r"(?!)")
