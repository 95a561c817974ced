"""System prompt, history and the new turn become one prompt within a token budget. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.errors import ContextLengthError
from assistant.types import Evidence, Image, Message, Prompt, StoredTurn

BLOCK_TURNS = 8
"""Turns are forgotten by so many at once."""

CountTokens = Callable[[Sequence[Message]], int]


@dataclass(frozen=True, slots=True)
class Percept:
    """The user's turn after perception: words and what was seen."""

    text: str
    evidence: tuple[Evidence, ...] = ()
    images: tuple[Image, ...] = ()


def compose(
    preamble: Sequence[Message],
    history: Sequence[StoredTurn],
    percept: Percept,
    *,
    picture_note: str,
    budget_tokens: int,
    count_tokens: CountTokens,
) -> Prompt:
    """The prompt for the new turn.

    A turn is written the same way when it is new and when it is remembered, so that the prompt of turn N starts with
    the prompt of turn N-1 and its KV cache is reused. When the history outgrows the budget, its oldest turns go in
    blocks, counted from the first turn of the session: a beginning that moved with every turn would cost the whole prefix
    each time. For the same reason a block whose beginning is not there goes too.

    Args:
        preamble: The system prompt, and examples of how to answer.
        history: Earlier turns without a gap, oldest first; those that failed or have no reply are left out of the prompt.
        percept: The new turn.
        picture_note: Format of the line for a picture, with the fields `number` and `evidence`.
        budget_tokens: What the prompt may take; the reply's share is already subtracted.
        count_tokens: Counts a prompt's tokens.

    Raises:
        ContextLengthError: The new turn alone does not fit.
    """
    starts = [place for place, turn in enumerate(history) if turn.index % BLOCK_TURNS == 0] + [len(history)]

    def messages(start: int) -> tuple[Message, ...]:
        answered = [turn for turn in history[start:] if turn.reply_text and turn.status != "failed"]
        return _messages(preamble, answered, percept, picture_note)

    def fits(start: int) -> bool:
        return count_tokens(messages(start)) <= budget_tokens

    place = 0 if fits(starts[0]) else bisect_left(starts, True, lo=1, key=fits)
    if place == len(starts):
        raise ContextLengthError(
            f"the turn takes {count_tokens(messages(len(history)))} tokens and the model has room for {budget_tokens}",
            hint="say it shorter, or raise language_model.context_tokens",
        )
    return Prompt(messages(starts[place]))


def _messages(
    preamble: Sequence[Message], history: Sequence[StoredTurn], percept: Percept, picture_note: str
) -> tuple[Message, ...]:
    messages = [*preamble]
    pictures = 0
    for turn in history:
        messages.append(Message("user", _user_text(turn.user_text, turn.evidence, pictures, picture_note)))
        messages.append(Message("assistant", turn.reply_text))
        pictures += len(turn.evidence)
    messages.append(Message("user", _user_text(percept.text, percept.evidence, pictures, picture_note), percept.images))
    return tuple(messages)


def _user_text(text: str, evidence: Sequence[Evidence], pictures_before: int, picture_note: str) -> str:
    notes = [picture_note.format(number=pictures_before + i, evidence=item.line()) for i, item in enumerate(evidence, start=1)]
    return "\n".join([*notes, text] if text else notes)
