"""The results of a task: figures with what they are shares of, and what plots need."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_NORMAL_95 = 1.96
_SMALL = 1000
"""Shares of fewer cases are shown with their interval."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a table."""

    name: str
    value: float
    cases: int = 0
    """What the value is a share of; 0 where it is no share."""
    low: float | None = None
    """Of the 95 % interval (Wilson's); None where it is no share."""
    high: float | None = None

    def __str__(self) -> str:
        """As a table shows it: "85.0 ±6.2" per cent, "85.0" where there are many cases, "0.123" where it is no share."""
        if self.low is None or self.high is None:
            return f"{self.value:.3f}"
        half = f" ±{(self.high - self.low) * 50:.1f}" if self.cases < _SMALL else ""
        return f"{self.value * 100:.1f}{half}"


def share(name: str, flags: Iterable[bool]) -> Figure:
    """How many are true. Of none at all it is nought, and the interval everything."""
    given = list(flags)
    return ratio(name, sum(given), len(given))


def ratio(name: str, hits: int, cases: int) -> Figure:
    """A share with Wilson's 95 % interval, which stays within 0 and 1 and is true of few cases too."""
    if cases == 0:
        return Figure(name, 0.0, 0, 0.0, 1.0)
    z2, value = _NORMAL_95**2, hits / cases
    middle = (value + z2 / (2 * cases)) / (1 + z2 / cases)
    half = _NORMAL_95 / (1 + z2 / cases) * math.sqrt(value * (1 - value) / cases + z2 / (4 * cases**2))
    return Figure(name, value, cases, max(0.0, middle - half), min(1.0, middle + half))


def average(name: str, shares: Sequence[Figure]) -> Figure:
    """The mean of shares of different cases, each counting as much; the interval as far as theirs reach together."""
    n = max(1, len(shares))
    value = sum(x.value for x in shares) / n
    half = math.hypot(*(((x.high or 0.0) - (x.low or 0.0)) / 2 for x in shares)) / n
    return Figure(name, value, sum(x.cases for x in shares), max(0.0, value - half), min(1.0, value + half))


@dataclass(frozen=True, slots=True)
class Bin:
    """The cases of a like confidence, for a reliability diagram."""

    cases: int
    confidence: float
    """Their mean."""
    right: float
    """Share of them."""


def reliability(confidences: Sequence[float], right: Sequence[bool], *, bins: int = 10) -> tuple[Bin, ...]:
    """The bins of equal width that hold any case."""
    held: dict[int, list[tuple[float, bool]]] = {}
    for confidence, flag in zip(confidences, right, strict=True):
        held.setdefault(min(bins - 1, int(confidence * bins)), []).append((confidence, flag))
    return tuple(
        Bin(len(cases), sum(x for x, _ in cases) / len(cases), sum(x for _, x in cases) / len(cases))
        for _, cases in sorted(held.items())
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """How far confidence is from the share that is right, on average over cases (ECE, arXiv:1706.04599)."""
    return sum(x.cases * abs(x.confidence - x.right) for x in bins) / max(1, sum(x.cases for x in bins))


@dataclass(frozen=True, slots=True)
class Score:
    """One task in one condition."""

    figures: tuple[Figure, ...]
    """The first is the one that counts."""
    confusions: Mapping[str, Mapping[str, Mapping[str, int]]] = field(default_factory=dict)
    """Of closed questions, by their family: what is right, then what was said, then how often."""
    bins: tuple[Bin, ...] = ()


def confusion(pairs: Iterable[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """How often what was said where what was right."""
    table: dict[str, dict[str, int]] = {}
    for right, said in pairs:
        row = table.setdefault(right, {})
        row[said] = row.get(said, 0) + 1
    return table
