"""Ways for pictures to reach the language model, and connectors, side by side: what each gets right, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from assistant.evaluation.conditions import Condition
from assistant.evaluation.costs import Costs, measure_costs
from assistant.evaluation.score import Figure
from assistant.evaluation.subject import Subject
from assistant.evaluation.task import Task
from assistant.evaluation.vision import Progress, evaluate_vision
from assistant.types import Fusion, Image


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: a way of fusion, or a connector."""

    name: str
    missing: str = ""
    """Why it is not available."""
    right: dict[str, Figure] = field(default_factory=dict)
    """By column."""
    costs: Costs = Costs(0, 0, 0, 0)
    parameters: int = 0
    """Of the connector."""
    changed: int = 0
    """That change the language model."""


async def measure_row(
    name: str,
    subject: Subject,
    condition: Condition,
    tasks: Sequence[Task],
    images: Sequence[Image],
    *,
    by_family: bool = False,
    connector_parameters: tuple[int, int] = (0, 0),
    progress: Progress = lambda what, done, total: None,
) -> Row:
    """Measure one way.

    Args:
        name: Of the row.
        subject: Opened for it.
        condition: How it is asked.
        tasks: What it is asked.
        images: New ones, for the costs.
        by_family: A column for each figure of the tasks, not only for the first of each.
        connector_parameters: See `costs.parameters`.
        progress: See `evaluate_vision`.
    """
    fusion: Fusion = condition.fusion or subject.default
    costs = await measure_costs(subject, images, fusion)
    report = await evaluate_vision(subject, tasks, [condition], progress=progress)
    right: dict[str, Figure] = {}
    for result in report.results:
        figures = result.score.figures
        right |= {figure.name: figure for figure in figures} if by_family else {result.task: figures[0]}
    return Row(name, "", right, costs, *connector_parameters)


def table(rows: Sequence[Row], *, title: str) -> str:
    """A line for each row, those that are not available last.

    Shares are in per cent with half their 95 % interval, times in milliseconds, medians.
    """
    columns = list(dict.fromkeys(column for row in rows for column in row.right))
    heads = [title, *columns, "tokens", "connector", "changed", "look ms", "experts ms", "first token ms"]
    lines = [heads]
    for row in rows:
        if row.missing:
            continue
        costs = row.costs
        times = [f"{x:.0f}" for x in (costs.look_ms, costs.evidence_ms, costs.first_token_ms)]
        counts = [f"{costs.tokens:.0f}", _million(row.parameters), _million(row.changed)]
        lines.append([row.name, *(str(row.right[x]) if x in row.right else "" for x in columns), *counts, *times])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    measured = [
        (f"{head:<{widths[0]}}  " + "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))).rstrip()
        for head, *cells in lines
    ]
    return "\n".join([*measured, *(f"{row.name} is not available: {row.missing}" for row in rows if row.missing)])


def _million(count: int) -> str:
    return f"{count / 1e6:.2f} M" if count else "0"
