"""System prompt, history and the new turn become one prompt within a token budget. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from types import MappingProxyType

from assistant.dialogue.notes import PICTURE_NOTE, Facts, user_text
from assistant.errors import ContextLengthError
from assistant.types import Evidence, Fusion, Image, Message, Prompt, StoredTurn

BLOCK_TURNS = 8
"""Turns are forgotten by so many at once."""
PICTURES, BLOCK_PICTURES = 16, 8
"""A model that sees is shown the newest 16 pictures of a conversation, and those of the new turn however many; older ones are
left to their notes, 8 at once."""

CountTokens = Callable[[Sequence[Message]], int]


@dataclass(frozen=True, slots=True)
class Percept:
    """The user's turn after perception: words and what was seen."""

    text: str
    evidence: tuple[Evidence, ...] = ()
    images: tuple[Image, ...] = ()
    """What the evidence is about, in the same order."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How pictures are told of. It stays the same through a conversation: another manner is another beginning of the prompt."""

    fusion: Fusion = "late"
    picture_note: str = PICTURE_NOTE
    """Format of the line for a picture, with the fields `number` and `evidence`."""
    facts: Facts | None = None


def compose(
    preamble: Sequence[Message],
    history: Sequence[StoredTurn],
    percept: Percept,
    *,
    budget_tokens: int,
    count_tokens: CountTokens,
    manner: Manner = Manner(),
    pictures: Mapping[str, Image] = MappingProxyType({}),
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
        budget_tokens: What the prompt may take; the reply's share is already subtracted.
        count_tokens: Counts a prompt's tokens.
        manner: How pictures are told of.
        pictures: Those of the history that are shown again, by sha256; the notes of the others stand alone.

    Raises:
        ContextLengthError: The new turn alone does not fit.
    """
    # turns before the first whole block are in no prompt: a note that looked at them would change with every turn
    history = history[next((place for place, turn in enumerate(history) if turn.index % BLOCK_TURNS == 0), 0) :]
    starts = [place for place, turn in enumerate(history) if turn.index % BLOCK_TURNS == 0] + [len(history)]
    turns = _turns(history, percept, manner, pictures)

    def messages(start: int) -> tuple[Message, ...]:
        return (*preamble, *chain.from_iterable(turns[start:]))

    def fits(start: int) -> bool:
        return count_tokens(messages(start)) <= budget_tokens

    place = 0 if fits(starts[0]) else bisect_left(starts, True, lo=1, key=fits)
    if place == len(starts):
        raise ContextLengthError(
            f"the turn takes {count_tokens(messages(len(history)))} tokens and the model has room for {budget_tokens}",
            hint="say it shorter, show fewer pictures at once, or raise language_model.context_tokens",
        )
    return Prompt(messages(starts[place]))


def shown_again(history: Sequence[StoredTurn], new_pictures: int) -> frozenset[str]:
    """The sha256 of the earlier pictures that a model that sees is to be shown with so many new ones."""
    numbers = _first_numbers(history)
    left_out = max(0, -(-(numbers[-1] - 1 + new_pictures - PICTURES) // BLOCK_PICTURES) * BLOCK_PICTURES)
    return frozenset(
        sha256
        for turn, first in zip(history, numbers, strict=False)
        for number, sha256 in enumerate(turn.image_sha256s, start=first)
        if number > left_out
    )


def _turns(
    history: Sequence[StoredTurn], percept: Percept, manner: Manner, pictures: Mapping[str, Image]
) -> list[tuple[Message, ...]]:
    """The messages of each turn, the new one last; none of a turn that was not answered."""
    turns = list[tuple[Message, ...]]()
    earlier, since = list[Evidence](), list[tuple[int, Evidence]]()
    *first_numbers, first_new = _first_numbers(history)
    for turn, first in zip(history, first_numbers, strict=True):
        if turn.reply_text and turn.status != "failed":
            whole = len(turn.image_sha256s) == len(turn.evidence)  # else nobody knows which evidence is whose
            images = [pictures.get(sha256) if whole else None for sha256 in turn.image_sha256s]
            asked = _user_message(turn.user_text, turn.evidence, images, first, manner, earlier, since)
            turns.append((asked, Message("assistant", turn.reply_text)))
            since.clear()
        else:
            turns.append(())
        earlier += turn.evidence
        since += enumerate(turn.evidence, start=first)
    images = [*percept.images] if manner.fusion != "late" else []
    return [*turns, (_user_message(percept.text, percept.evidence, images, first_new, manner, earlier, since),)]


def _user_message(
    text: str,
    evidence: Sequence[Evidence],
    images: Sequence[Image | None],
    first: int,
    manner: Manner,
    earlier: Sequence[Evidence],
    since: Sequence[tuple[int, Evidence]],
) -> Message:
    words = user_text(
        text,
        evidence,
        range(first, first + len(evidence)),
        manner.fusion,
        picture_note=manner.picture_note,
        facts=manner.facts,
        earlier=earlier,
        since=since,
    )
    shown = {number: image for number, image in enumerate(images, start=first) if image is not None}
    return Message("user", words, tuple(shown.values()), tuple(shown))


def _first_numbers(history: Sequence[StoredTurn]) -> list[int]:
    """The number of each turn's first picture, and last of the new turn's; failed turns count, as the user showed them too."""
    before = history[0].pictures_before if history else 0
    return list(accumulate((len(turn.evidence) for turn in history), initial=before + 1))
