"""What is asked about pictures, and how the replies are judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from assistant.evaluation.score import Score
from assistant.types import Image

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One question about one picture."""

    key: str
    """Names the picture: its path, or the number of the scene it was drawn from."""
    image: Image
    text: str
    right: tuple[str, ...]
    """Any of these."""


@dataclass(frozen=True, slots=True)
class Said:
    """What came back."""

    reply: str
    margin: float = 0.0
    """By how much the first of the task's candidates is likelier than the second (natural logarithm); 0 without candidates."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Questions of one kind."""

    name: str
    questions: Sequence[Question]
    judge: Callable[[Sequence[Said]], Score]
    """Takes what was said to each question, in order."""
    max_tokens: int
    candidates: tuple[str, str] | None = None
    """Two whole replies of which the likelier is found beside the one that is written."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which of many questions are asked."""

    every: int = 1
    limit: int = 0
    """At most so many, taken evenly; 0 is all."""

    def of(self, items: Sequence[T]) -> list[T]:
        """Some of them, in order."""
        chosen = items[:: self.every]
        if not 0 < self.limit < len(chosen):
            return list(chosen)
        return [chosen[i * len(chosen) // self.limit] for i in range(self.limit)]


ALL = Sampling()
