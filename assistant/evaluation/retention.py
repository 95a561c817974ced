"""What a language model has forgotten by learning to see: the same conversations without pictures, before and after."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.evaluation.chat import ChatResult
from assistant.evaluation.score import Figure, share


@dataclass(frozen=True, slots=True)
class Retention:
    """The untouched model beside the one that sees."""

    before: Figure
    after: Figure
    lost: tuple[str, ...]
    """Names of the cases that only the untouched model gets right."""
    gained: tuple[str, ...]
    """Names of those that only the other does."""

    @property
    def loss_points(self) -> float:
        """How much smaller the share is, in points of a hundred; below nought where it has grown."""
        return 100 * (self.before.value - self.after.value)

    @property
    def relative_loss(self) -> float:
        """The same as a share of what the untouched model gets right."""
        return (self.before.value - self.after.value) / self.before.value if self.before.value else 0.0

    def table(self) -> str:
        """Two lines."""
        changed = f"lost {', '.join(self.lost) or 'none'}; gained {', '.join(self.gained) or 'none'}"
        return (
            f"text only ({self.before.cases})  untouched {self.before}  with the connector {self.after}  "
            f"loss {self.loss_points:.1f} points ({self.relative_loss:.1%} of what was right)\n{changed}"
        )


def compare(before: ChatResult, after: ChatResult) -> Retention:
    """Of the same cases.

    Raises:
        ValueError: They are not the same.
    """
    if [x.name for x in before.answers] != [x.name for x in after.answers]:
        raise ValueError("the cases differ")
    pairs = list(zip(before.answers, after.answers, strict=True))
    return Retention(
        share("right", [x.passed for x in before.answers]),
        share("right", [x.passed for x in after.answers]),
        tuple(x.name for x, y in pairs if x.passed and not y.passed),
        tuple(x.name for x, y in pairs if y.passed and not x.passed),
    )
