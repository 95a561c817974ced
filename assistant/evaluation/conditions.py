"""The same question with the picture in several ways, without it, and with another's: what is right blind was not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from assistant.evaluation.task import Question
from assistant.types import Fusion, Image


@dataclass(frozen=True, slots=True)
class Condition:
    """How a question is asked."""

    name: str
    fusion: Fusion | None = None
    """None is what the model does by itself."""
    shows: Literal["its own", "none", "another"] = "its own"
    """Which picture."""

    def images(self, questions: Sequence[Question]) -> list[Image | None]:
        """What is shown with each question; another is the next question's picture that is not this one."""
        match self.shows:
            case "its own":
                return [question.image for question in questions]
            case "none":
                return [None] * len(questions)
            case "another":
                return [_another(questions, i) for i in range(len(questions))]


def _another(questions: Sequence[Question], i: int) -> Image | None:
    following = (*questions[i + 1 :], *questions[:i])
    return next((x.image for x in following if x.image.sha256 != questions[i].image.sha256), None)


CONDITIONS: Mapping[str, Condition] = MappingProxyType(
    {
        x.name: x
        for x in (
            Condition("tokens+evidence", "hybrid"),
            Condition("tokens", "early"),
            Condition("evidence", "late"),
            Condition("blind", shows="none"),
            Condition("shuffled", shows="another"),
        )
    }
)
"""The text that was read in a picture is told with the tokens too: nobody could read it off them."""
