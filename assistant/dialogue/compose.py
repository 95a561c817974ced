"""System prompt, history and the new turn become one prompt within a token budget. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assistant.errors import ContextLengthError
from assistant.types import Evidence, Image, Message, Prompt, StoredTurn

_BLOCK_TURNS = 8

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
    blocks: dropping one turn at a time would move every token and cost the whole prefix each turn.

    Args:
        preamble: The system prompt, and examples of how to answer.
        history: Earlier turns, oldest first.
        percept: The new turn.
        picture_note: Format of the line for a picture, with the fields `number` and `evidence`.
        budget_tokens: What the prompt may take; the reply's share is already subtracted.
        count_tokens: Counts a prompt's tokens.

    Raises:
        ContextLengthError: The new turn alone does not fit.
    """
    needed = 0
    for start in [*range(0, len(history), _BLOCK_TURNS), len(history)]:
        messages = _messages(preamble, history[start:], percept, picture_note)
        needed = count_tokens(messages)
        if needed <= budget_tokens:
            return Prompt(messages)
    raise ContextLengthError(
        f"the turn takes {needed} tokens and the model has room for {budget_tokens}",
        hint="say it shorter, or raise language_model.context_tokens",
    )


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
