"""A language model in this process: a GGUF file or safetensors folder, run by this project's own decoder."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor

from assistant.errors import ContextLengthError, EmptyTurnError, GenerationError
from assistant.language.adapted_checkpoint import AdaptedCheckpoint
from assistant.language.attention import AttentionReader
from assistant.language.chat_template import ChatTemplate, MediaSpan
from assistant.language.checkpoint import Checkpoint, open_checkpoint
from assistant.language.constraint import ConstraintCompiler
from assistant.language.decoder import CHUNK_ROWS, Decoder, KeyValueCache, Looking
from assistant.language.machine_code import host_target
from assistant.language.prefix_cache import Key, PrefixCache, Slot, shared_length
from assistant.language.reply import Reply
from assistant.language.sampling import log_probability
from assistant.language.tokenizer import TextStream, open_tokenizer
from assistant.language.word_vectors import CheckpointWords
from assistant.types import Attention, Generated, GenerationOptions, Image, Message, Prompt, PromptPosition, VisualTokens
from assistant.worker import Worker

# Read this many tokens between two looks at whether the caller is still there.
_CHUNK_TOKENS = 128
_BATCH = 16
# So few are read as fast together with what follows them: until then weights are unpacked rather than multiplied.
_FEW_TOKENS = 31


@dataclass(frozen=True, slots=True)
class _Text:
    """A prompt, position by position; `visual` has the embedding of each position that is a visual token.

    A position looks at the last picture before it (after Flamingo, arXiv:2204.14198): `looks` has them in order.
    """

    keys: list[Key] = field(default_factory=list)
    visual: dict[int, Tensor] = field(default_factory=dict)
    looks: list[Looking] = field(default_factory=list)


class EmbeddedModel:
    """A small instruct model on the processor, its KV cache kept from turn to turn."""

    def __init__(
        self,
        source: Path,
        *,
        name: str,
        context_tokens: int,
        threads: int,
        slots: int = 2,
        full_precision: bool = False,
        cache_dir: Path | None = None,
        adapters: Mapping[str, Tensor] = MappingProxyType({}),
        visual_tokens: Callable[[Image, str], VisualTokens] | None = None,
    ) -> None:
        """Map the model.

        Args:
            source: A GGUF file, or a folder with `config.json` and safetensors.
            name: The model, as users know it.
            context_tokens: Of prompt and reply together; at most what the model was trained for.
            threads: Of the processor.
            slots: How many conversations are kept in the KV cache.
            full_precision: Compute in float32, slower; a reply then never depends on what was in the cache.
            cache_dir: Where compiled code is kept, so that the next start need not wait for it; None is nowhere.
            adapters: Low-rank changes to its matrices; see `AdaptedCheckpoint`.
            visual_tokens: Turns a picture, shown with some words, into embeddings of the model's width or something to look at.
                Without it the model is blind and the pictures of a prompt are left to the evidence in its text.

        Raises:
            WeightsError: The model is missing or cannot be used, or the adapters do not fit.
        """
        checkpoint: Checkpoint = open_checkpoint(source)
        if adapters:
            checkpoint = AdaptedCheckpoint(checkpoint, adapters, threads=threads)
        self._checkpoint = checkpoint
        self._tokenizer = open_tokenizer(checkpoint.tokenizer())
        self._template = ChatTemplate(self._tokenizer)
        self._decoder = Decoder(checkpoint, threads=threads, full_precision=full_precision, target=host_target(cache_dir))
        self._name = name
        self._context_tokens = min(context_tokens, self._decoder.config.context_tokens)
        self._prefixes = PrefixCache(self._decoder, tokens=self._context_tokens, slots=slots)
        self._visual_tokens = visual_tokens
        self._constraints: ConstraintCompiler | None = None
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
        """Whether the pictures of a prompt become visual tokens."""
        return self._visual_tokens is not None

    def words(self, sha256: str) -> CheckpointWords:
        """Its embeddings of words, for a connector; `sha256` is that of its weights."""
        return CheckpointWords(self._checkpoint, self._tokenizer, sha256=sha256)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """How many tokens the messages take as a prompt, template and pictures included; pictures not seen lately are looked at."""
        return len(self._text(messages, reply=True).keys)

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

    async def generate_batch(self, prompts: Sequence[Prompt], options: GenerationOptions) -> tuple[Generated, ...]:
        """Whole replies to many prompts, in order, several at a time. For evaluation and batch work: nothing is kept in the cache.

        Raises:
            ContextLengthError: A prompt does not fit.
            GenerationError: The model failed.
        """
        texts = await self._worker.run(lambda: [self._read(prompt) for prompt in prompts])
        order = sorted(range(len(texts)), key=lambda i: len(texts[i].keys))
        opening = await self._worker.run(lambda: self._opening(texts))
        replies: dict[int, Generated] = {}
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            batch = [texts[i] for i in chosen]
            replies.update(zip(chosen, await self._worker.run(partial(self._batch, batch, opening, options)), strict=True))
        return tuple(replies[i] for i in range(len(texts)))

    async def score(self, prompt: Prompt, candidates: Sequence[str]) -> tuple[float, ...]:
        """The log-probability of each candidate as the whole reply, the end of the reply included.

        Raises:
            ContextLengthError: The prompt and a candidate do not fit.
            GenerationError: The model failed.
        """
        return await self._worker.run(lambda: self._score(prompt, candidates))

    async def attention(self, prompt: Prompt, reply: str) -> Attention:
        """Where the model looks in the prompt while it writes a reply; of a long one, the first 256 tokens.

        The weights of a token are those of the position before it, which predicts it.

        Raises:
            EmptyTurnError: The reply has no token.
            ContextLengthError: The prompt and the reply do not fit.
            GenerationError: The model failed.
        """
        return await self._worker.run(lambda: self._attention(prompt, reply))

    async def warm_up(self, messages: Sequence[Message]) -> None:
        """Read the messages ahead of time, so that prompts that begin with them start sooner."""
        await self._worker.run(lambda: self._warm_up(messages))

    async def close(self) -> None:
        """Free the model."""
        await self._worker.close()
        self._decoder.close()

    # ── in the worker's thread ──

    def _generate(self, prompt: Prompt, options: GenerationOptions) -> Iterator[Generated | None]:
        """Pieces of the reply; None where there is nothing to show yet, so that a closed stream is noticed."""
        text = self._read(prompt)
        prompt_tokens = len(text.keys)
        reply = self._reply(text, options)
        slot = self._prefixes.take(text.keys)
        cached_tokens = len(slot.read)
        try:
            while prompt_tokens - len(slot.read) > _CHUNK_TOKENS:
                self._feed(slot, text, len(slot.read) + _CHUNK_TOKENS)
                yield None
            logits_V = self._feed(slot, text, prompt_tokens)
            while True:
                shown = reply.advance(logits_V)
                if reply.finish_reason is not None:
                    yield reply.last(shown, prompt_tokens=prompt_tokens, cached_tokens=cached_tokens)
                    return
                yield Generated(shown) if shown else None
                text.keys.append(reply.token_id)
                logits_V = self._feed(slot, text, len(text.keys))
        except (RuntimeError, ValueError, MemoryError) as error:
            self._prefixes.drop(slot)
            raise GenerationError(f"the language model failed: {error}", hint="try again") from error

    def _score(self, prompt: Prompt, candidates: Sequence[str]) -> tuple[float, ...]:
        text = self._read(prompt)
        end_id = self._template.end_ids[0]
        slot = self._prefixes.take(text.keys)
        try:
            after_prompt_V = self._feed(slot, text, len(text.keys))
            scores = []
            for candidate in candidates:
                ids = [*self._tokenizer.encode(candidate), end_id]
                self._check_room(len(text.keys) + len(ids) - 1)
                scores.append(self._log_probability(slot, text, ids, after_prompt_V))
                slot.truncate(len(text.keys))
            return tuple(scores)
        except (RuntimeError, ValueError, MemoryError) as error:
            self._prefixes.drop(slot)
            raise GenerationError(f"the language model failed: {error}", hint="try again") from error

    def _log_probability(self, slot: Slot, text: _Text, ids: list[int], before_V: Tensor) -> float:
        """Of `ids` after the text, which the slot has read; `before_V` predicts the first of them."""
        logits_LV = before_V[None]
        if len(ids) > 1:
            embeddings_BLD = self._decoder.embed(torch.tensor([ids[:-1]]))
            rest_LV = self._decoder.forward(embeddings_BLD, slot.cache, all_positions=True, looks=text.looks)[0]
            logits_LV = torch.cat([logits_LV, rest_LV])
            slot.read += ids[:-1]
        return log_probability(logits_LV, ids)

    def _attention(self, prompt: Prompt, reply: str) -> Attention:
        text = self._read(prompt)
        ids = self._tokenizer.encode(reply)[:CHUNK_ROWS]
        if not ids:
            raise EmptyTurnError("the reply is empty", hint="give at least one word")
        self._check_room(len(text.keys) + len(ids))
        last = len(text.keys) - 1
        slot = self._prefixes.take(text.keys)
        try:
            if len(slot.read) < last:
                self._feed(slot, text, last)
            rows_LD = torch.cat([self._embed(text, last, last + 1), self._decoder.embed(torch.tensor([ids]))[0, :-1]])
            with AttentionReader(self._decoder) as reader:
                self._decoder.forward(rows_LD[None], slot.cache, looks=text.looks)
            slot.truncate(last)
        except (RuntimeError, ValueError, MemoryError) as error:
            self._prefixes.drop(slot)
            raise GenerationError(f"the language model failed: {error}", hint="try again") from error
        stream = TextStream(self._tokenizer)
        weights_RT = reader.weights_LT[:, : last + 1].numpy()
        return Attention(self._positions(prompt.messages), tuple(stream.push(i) for i in ids), weights_RT)

    def _positions(self, messages: Sequence[Message]) -> tuple[PromptPosition, ...]:
        """What stands where in a prompt for a reply to the messages."""
        positions: list[PromptPosition] = []
        for number, message in enumerate(messages):
            pictures = 0
            for span in self._template.spans([message], pictures=self._visual_tokens is not None, reply=False):
                if isinstance(span, MediaSpan):
                    assert self._visual_tokens is not None
                    visual = self._visual_tokens(span.image, span.question)
                    named = [part for part in visual.parts for _ in range(part.tokens)]
                    named_or_not = named if len(named) == len(visual.tokens_ND) else [None] * len(visual.tokens_ND)
                    positions += [PromptPosition(number, picture=pictures, part=part) for part in named_or_not]
                    pictures += 1
                else:
                    positions += [PromptPosition(number, self._tokenizer.token_bytes(i)) for i in span.ids]
        opening = self._template.token_ids([], reply=True)
        return (*positions, *(PromptPosition(len(messages), self._tokenizer.token_bytes(i)) for i in opening))

    def _warm_up(self, messages: Sequence[Message]) -> None:
        text = self._text(messages, reply=False)
        self._check_room(len(text.keys))
        if len(text.keys) - self._prefixes.known(text.keys) > _FEW_TOKENS:
            self._feed(self._prefixes.take(text.keys), text, len(text.keys))

    def _opening(self, texts: list[_Text]) -> KeyValueCache:
        """What all texts begin with, such as a system prompt, read once."""
        length = min((min(shared_length(texts[0].keys, text.keys), len(text.keys) - 1) for text in texts), default=0)
        cache = self._decoder.new_cache(tokens=length)
        if length:
            self._decoder.forward(self._embed(texts[0], 0, length)[None], cache, looks=texts[0].looks)
        return cache

    def _batch(self, texts: list[_Text], opening: KeyValueCache, options: GenerationOptions) -> list[Generated]:
        replies = [self._reply(text, options) for text in texts]
        longest = max(len(text.keys) for text in texts)
        padding = [longest - len(text.keys) for text in texts]
        room = min(self._context_tokens, longest + options.max_tokens)
        cache = self._decoder.new_cache(tokens=room, batch=len(texts), padding_B=padding)
        shown = [""] * len(texts)
        empty_D = self._decoder.embed(torch.zeros(1, 1, dtype=torch.long))[0]
        rows = [
            torch.cat([empty_D.expand(n, -1), self._embed(text, 0, len(text.keys))]) for n, text in zip(padding, texts, strict=True)
        ]
        looks = [
            replace(x, start=x.start + n, end=x.end + n, row=i)
            for i, (n, text) in enumerate(zip(padding, texts, strict=True))
            for x in text.looks
        ]
        cache.begin_with(opening)
        embeddings_BLD = torch.stack(rows)[:, opening.length :]
        try:
            while True:
                logits_BV = self._decoder.forward(embeddings_BLD, cache, looks=looks)
                for i, reply in enumerate(replies):
                    if reply.finish_reason is None:
                        shown[i] += reply.advance(logits_BV[i])
                if all(reply.finish_reason is not None for reply in replies) or cache.length >= room:
                    break
                embeddings_BLD = self._decoder.embed(torch.tensor([[reply.token_id] for reply in replies]))
        except (RuntimeError, ValueError, MemoryError) as error:
            raise GenerationError(f"the language model failed: {error}", hint="try again") from error
        return [
            reply.last(said, prompt_tokens=len(text.keys), cached_tokens=0)
            for reply, said, text in zip(replies, shown, texts, strict=True)
        ]

    def _reply(self, text: _Text, options: GenerationOptions) -> Reply:
        constraint = None
        if options.choices or options.json_schema is not None:
            if self._constraints is None:
                self._constraints = ConstraintCompiler(self._tokenizer.backend.to_str(), self._template.end_ids)
            constraint = self._constraints.compile(options)
        room_tokens = self._context_tokens - len(text.keys)
        end_ids = frozenset(self._template.end_ids)
        return Reply(TextStream(self._tokenizer), options, end_ids=end_ids, constraint=constraint, room_tokens=room_tokens)

    def _read(self, prompt: Prompt) -> _Text:
        if not prompt.messages:
            raise EmptyTurnError("the prompt has no message", hint="give at least one message")
        text = self._text(prompt.messages, reply=True)
        self._check_room(len(text.keys))
        return text

    def _text(self, messages: Sequence[Message], *, reply: bool) -> _Text:
        text, looked_at = _Text(), ""
        for span in self._template.spans(messages, pictures=self._visual_tokens is not None, reply=reply):
            if isinstance(span, MediaSpan):
                assert self._visual_tokens is not None
                visual = self._visual_tokens(span.image, span.question)
                name = span.image.sha256 + visual.question
                for n, row_D in enumerate(torch.from_numpy(visual.tokens_ND)):
                    text.visual[len(text.keys)] = row_D
                    text.keys.append((name, n))
                if visual.look is not None:
                    if text.looks:
                        text.looks[-1] = replace(text.looks[-1], end=len(text.keys))
                    text.looks.append(Looking(visual.look, len(text.keys)))
                    looked_at = name
            else:
                first: Key = (looked_at, span.ids[0]) if looked_at else span.ids[0]
                text.keys.extend((first, *span.ids[1:]))
                looked_at = ""
        return text

    def _check_room(self, tokens: int) -> None:
        if tokens >= self._context_tokens:
            raise ContextLengthError(
                f"the prompt takes {tokens} tokens, the context has {self._context_tokens}",
                hint="shorten it or begin a new session",
            )

    def _feed(self, slot: Slot, text: _Text, end: int) -> Tensor:
        """Read the text up to `end` and return what the model predicts there."""
        start = len(slot.read)
        logits_BV = self._decoder.forward(self._embed(text, start, end)[None], slot.cache, looks=text.looks)
        slot.read += text.keys[start:end]
        return logits_BV[0]

    def _embed(self, text: _Text, start: int, end: int) -> Tensor:
        ids = [0 if n in text.visual else _token_id(text.keys[n]) for n in range(start, end)]
        embeddings_LD = self._decoder.embed(torch.tensor([ids]))[0]
        for position in range(start, end):
            if position in text.visual:
                embeddings_LD[position - start] = text.visual[position].to(embeddings_LD.dtype)
        return embeddings_LD


def _token_id(key: Key) -> int:
    return key if isinstance(key, int) else key[1]
