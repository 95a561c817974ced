"""Messages to the token ids of a chat prompt.

The template is code, not the Jinja that comes with a checkpoint: nothing from a file is run, and what a user writes can only
become plain text. ChatML (SmolLM2, Qwen2) is the one template of the embedded models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from assistant.errors import WeightsCorruptError
from assistant.language.tokenizer import Tokenizer
from assistant.types import Image, Message

_START, _END, _END_OF_TEXT = "<|im_start|>", "<|im_end|>", "<|endoftext|>"


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """A stretch of the prompt that is token ids."""

    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MediaSpan:
    """The place in the prompt where a picture's visual tokens go."""

    image: Image
    question: str = ""
    """The words of the message that shows it."""


PromptSpan: TypeAlias = TokenSpan | MediaSpan


class ChatTemplate:
    """ChatML: `<|im_start|>role`, a line break, the text, `<|im_end|>`, a line break."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Look up the control tokens.

        Raises:
            WeightsCorruptError: The vocabulary has none of ChatML's control tokens.
        """
        start, end = tokenizer.control_id(_START), tokenizer.control_id(_END)
        if start is None or end is None:
            raise WeightsCorruptError(
                f"the model has no {_START} and {_END}",
                hint="use an instruct model that speaks ChatML, or the engine 'transformers'",
            )
        self._tokenizer = tokenizer
        self._start, self._end = start, end
        self._line_break = tokenizer.encode("\n")
        self._roles = {role: tokenizer.encode(f"{role}\n") for role in ("system", "user", "assistant")}
        end_of_text = tokenizer.control_id(_END_OF_TEXT)
        self.end_ids: tuple[int, ...] = (end,) if end_of_text is None else (end, end_of_text)
        """Tokens that end a reply; the first is the one that a complete reply ends with."""

    def spans(self, messages: Sequence[Message], *, pictures: bool = False, reply: bool = True) -> tuple[PromptSpan, ...]:
        """The prompt for the messages.

        Args:
            messages: Oldest first.
            pictures: Write "Picture N: " and a `MediaSpan` for each picture, before its message's text.
            reply: End with the opening of the assistant's reply.
        """
        spans: list[PromptSpan] = []
        ids: list[int] = []
        for message in messages:
            ids += [self._start, *self._roles[message.role]]
            for number, image in message.numbered if pictures else ():
                ids += self._tokenizer.encode(f"Picture {number}: ")
                spans += [TokenSpan(tuple(ids)), MediaSpan(image, message.text)]
                ids = []
            ids += [*self._tokenizer.encode(message.text), self._end, *self._line_break]
        if reply:
            ids += [self._start, *self._roles["assistant"]]
        if ids:
            spans.append(TokenSpan(tuple(ids)))
        return tuple(spans)

    def token_ids(self, messages: Sequence[Message], *, reply: bool = True) -> list[int]:
        """The prompt as token ids, without pictures."""
        return [i for span in self.spans(messages, reply=reply) if isinstance(span, TokenSpan) for i in span.ids]
