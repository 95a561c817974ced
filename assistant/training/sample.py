"""What training is fed: pictures, or features in their place, and a conversation about them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from assistant.types import Evidence, Image

if TYPE_CHECKING:
    from assistant.vision.encoder import Features

Split: TypeAlias = Literal["train", "held-out"]
"""What is held out is never in a training sample: some classes of things, pairs of colour and shape, pictures and questions."""

Language: TypeAlias = Literal["en", "zh"]

Task: TypeAlias = Literal[
    "name",
    "kind",
    "presence",
    "count",
    "colour",
    "shape",
    "where",
    "relation",
    "compare",
    "caption",
    "place",
    "read",
    "unsure",
    "chat",
]
"""What a question asks for; results are averaged over tasks, so that no frequent one hides the others."""

TASKS: tuple[Task, ...] = Task.__args__  # type: ignore[attr-defined]

_HELD_OUT_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and the answer that is to be learned."""

    question: str
    answer: str
    task: Task


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A conversation about `images`, all shown before its first question; about none where it is empty."""

    source: str
    licence: str
    """Of what the sample was made from."""
    key: str
    """Names the sample, for messages about it."""
    exchanges: tuple[Exchange, ...]
    images: tuple[Image, ...] = ()
    features: Features | None = None
    """In place of a picture: what an encoder would make of one."""
    evidence: tuple[Evidence, ...] | None = None
    """Of each picture, what the prompt is to say that the experts found; None where it is to be asked of them, or left out."""

    def __post_init__(self) -> None:
        empty = any(not exchange.question.strip() or not exchange.answer.strip() for exchange in self.exchanges)
        if empty or not self.exchanges:  # such a sample would train nothing, silently
            raise ValueError(f"sample {self.key!r} of {self.source!r} has an empty question or answer")
        if self.evidence is not None and len(self.evidence) != len(self.images):
            raise ValueError(f"sample {self.key!r} of {self.source!r} has {len(self.images)} pictures and other evidence")


class Source(Protocol):
    """An endless, repeatable stream of samples, each computed from its number alone."""

    @property
    def name(self) -> str:
        """In a mixture."""
        ...

    @property
    def licence(self) -> str:
        """Of what it draws on."""
        ...

    def sample(self, number: int, *, seed: int, split: Split) -> Sample:
        """The sample of a number from 0, always the same for the same arguments."""
        ...


def samples(source: Source, *, seed: int, split: Split, start: int = 0) -> Iterator[Sample]:
    """The stream from a number on."""
    return (source.sample(number, seed=seed, split=split) for number in count(start))


def chance(*words: object) -> random.Random:
    """A source of chance that depends on the words alone, on every machine."""
    return random.Random("/".join(map(str, words)))


def share_of(key: str) -> float:
    """A number in [0, 1) that depends on the key alone, on every machine."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def split_of(key: str) -> Split:
    """Where a class, a picture or a pair of properties belongs, for ever."""
    return "held-out" if share_of(key) < _HELD_OUT_SHARE else "train"
