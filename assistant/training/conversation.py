"""A prepared sample as the tokens of a conversation, with the marks of what is to be learned, in one pass."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from assistant.dialogue.notes import Facts, user_text
from assistant.language.chat_template import ChatTemplate, MediaSpan, PromptSpan
from assistant.prompts import load_preamble
from assistant.training.prepared import PreparedSample
from assistant.training.sample import Exchange
from assistant.types import Fusion, Image, Message

_BLANK = np.zeros((1, 1, 3), np.uint8)
_FIRST_DAY, _DAYS = date(2025, 1, 1), 2000


@dataclass(frozen=True, slots=True)
class Answer:
    """Where an answer stands in a row: from `start` until before `end`, the end of the message included."""

    start: int
    end: int
    exchange: Exchange


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A conversation after the preamble. An item is a token id, or -1 - i where picture i has its visual tokens."""

    sample: PreparedSample
    items: tuple[int, ...]
    answers: tuple[Answer, ...]
    question: str = ""
    """The words of the message that shows the pictures."""


def preamble(rng: random.Random, *, system_prompt: str, examples: str | None, late: bool) -> tuple[Message, ...]:
    """The product's own, on some day."""
    return load_preamble(system_prompt, examples, seen=not late, today=_FIRST_DAY + timedelta(days=rng.randrange(_DAYS)))


def conversation(sample: PreparedSample, fusion: Fusion, *, facts: Facts | None = None) -> tuple[Message, ...]:
    """The messages after the preamble, written as the product writes them: all pictures with the first of the user's."""
    messages = list[Message]()
    numbers = range(1, len(sample.evidence) + 1)
    for place, exchange in enumerate(sample.exchanges):
        new, earlier = (sample.evidence, ()) if place == 0 else ((), sample.evidence)
        text = user_text(exchange.question, new, numbers if place == 0 else (), fusion, facts=facts, earlier=earlier)
        shown = numbers if place == 0 and fusion != "late" else range(0)
        images = tuple(Image(_BLANK, f"{sample.key}/{number}") for number in shown)
        messages += [Message("user", text, images, tuple(shown)), Message("assistant", exchange.answer)]
    return tuple(messages)


def render(template: ChatTemplate, sample: PreparedSample, messages: Sequence[Message]) -> Row:
    """The row of a sample's messages.

    Raises:
        ValueError: An answer has no token, or does not end as the model's replies do.
    """
    items = _items(template.spans(messages, pictures=True, reply=False))
    answers = []
    for place, exchange in enumerate(sample.exchanges):
        start = len(_items(template.spans(messages[: 2 * place + 1], pictures=True, reply=True)))
        after = len(_items(template.spans(messages[: 2 * place + 2], pictures=True, reply=False)))
        ends = [place for place in range(start, after) if items[place] == template.end_ids[0]]
        if not ends or ends[0] == start:
            raise ValueError(f"sample {sample.key!r} has nothing to learn in answer {place + 1}: {exchange.answer!r}")
        answers.append(Answer(start, ends[0] + 1, exchange))
    return Row(sample, items, tuple(answers), messages[0].text)


def _items(spans: Sequence[PromptSpan]) -> tuple[int, ...]:
    items: list[int] = []
    pictures = 0
    for span in spans:
        if isinstance(span, MediaSpan):
            pictures += 1
            items.append(-pictures)
        else:
            items += span.ids
    return tuple(items)
