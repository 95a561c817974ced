"""One reply in the making: from the model's logits to text that may be shown, until it ends."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from torch import Tensor

from assistant.language.constraint import Constraint
from assistant.language.sampling import Sampler
from assistant.language.stop_strings import StopStrings
from assistant.types import FinishReason, Generated, GenerationOptions, Usage


class TextDecoder(Protocol):
    """Turns a stream of ids into text, never giving half a character."""

    def push(self, token_id: int) -> str:
        """The characters that are complete now."""
        ...

    def finish(self) -> str:
        """What is left at the end."""
        ...


class Reply:
    """Chooses token after token; `finish_reason` is None while the model must go on."""

    def __init__(
        self,
        text: TextDecoder,
        options: GenerationOptions,
        *,
        end_ids: Collection[int],
        constraint: Constraint | None,
        room_tokens: int,
    ) -> None:
        """Begin.

        Args:
            text: Turns ids into text.
            options: How to choose and when to stop.
            end_ids: Tokens that end a reply.
            constraint: Says what may come next; None allows all.
            room_tokens: What the context has left for the reply.
        """
        self._text = text
        self._sampler = Sampler(options)
        self._stops = StopStrings(options.stop)
        self._end_ids = end_ids
        self._constraint = constraint
        self._limit = min(options.max_tokens, room_tokens)
        self.finish_reason: FinishReason | None = None
        self.tokens = 0
        """Tokens so far, without the one that ends the reply."""
        self.token_id = -1
        """The last token chosen: what the model is to be given next."""

    def advance(self, logits_V: Tensor) -> str:
        """Choose the next token and return the text that may be shown now, perhaps none.

        Args:
            logits_V: What the model predicts next.
        """
        if self._constraint is not None:
            logits_V = self._constraint.mask(logits_V)
        self.token_id = self._sampler.choose(logits_V)
        if self.token_id in self._end_ids:
            return self._finish("stop")
        self.tokens += 1
        shown = self._stops.push(self._text.push(self.token_id))
        if self._constraint is not None:
            self._constraint.accept(self.token_id)
        if self._stops.found or (self._constraint is not None and self._constraint.finished):
            return shown + self._finish("stop")
        return shown + self._finish("length") if self.tokens >= self._limit else shown

    def last(self, text: str, *, prompt_tokens: int, cached_tokens: int) -> Generated:
        """The last piece of the reply, with `text` in it."""
        return Generated(text, self.finish_reason, Usage(prompt_tokens, cached_tokens, self.tokens))

    def _finish(self, reason: FinishReason) -> str:
        self.finish_reason = reason
        return self._stops.push(self._text.finish()) + self._stops.finish()
