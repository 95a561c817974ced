"""Tasks about pictures in several conditions, side by side."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from assistant.evaluation.conditions import Condition
from assistant.evaluation.score import Figure, Score
from assistant.evaluation.subject import Subject
from assistant.evaluation.task import Question, Said, Task

_AT_ONCE = 32
"""Questions asked in all conditions before the next: as many pictures as the engines remember."""

Progress = Callable[[str, int, int], None]
"""Called with what is asked, how many replies there are, and how many there will be."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One reply, for a person to read."""

    task: str
    condition: str
    picture: str
    question: str
    right: tuple[str, ...]
    reply: str
    margin: float | None
    """By how much "Yes" was likelier than "No"; None where that was not asked."""


@dataclass(frozen=True, slots=True)
class TaskResult:
    """One task in one condition."""

    task: str
    condition: str
    questions: int
    score: Score


@dataclass(frozen=True, slots=True)
class VisionReport:
    """All tasks in all conditions."""

    model: str
    results: tuple[TaskResult, ...]
    replies: tuple[Answered, ...]
    seconds: float

    def table(self) -> str:
        """A table for each task, a line for each condition: shares in per cent, with half their 95 % interval.

        Behind them what they are shares of, where that is not all questions.
        """
        lines = [self.model]
        for task in dict.fromkeys(result.task for result in self.results):
            chosen = [result for result in self.results if result.task == task]
            lines += ["", *_rows(f"{task} ({chosen[0].questions})", chosen)]
        return "\n".join([*lines, "", f"{self.seconds:.0f} s"])

    def to_dict(self) -> dict[str, object]:
        """As JSON has it: all but the replies."""
        return {"model": self.model, "seconds": round(self.seconds), "results": [asdict(result) for result in self.results]}

    def save_replies(self, path: Path) -> None:
        """One JSON object a line."""
        lines = (json.dumps(asdict(reply), ensure_ascii=False) for reply in self.replies)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


async def evaluate_vision(
    subject: Subject, tasks: Sequence[Task], conditions: Iterable[Condition], *, progress: Progress = lambda what, done, total: None
) -> VisionReport:
    """Ask every question in each condition that the model takes."""
    start = time.perf_counter()
    possible = [condition for condition in conditions if subject.takes(condition)]
    total = sum(len(task.questions) for task in tasks) * len(possible)
    results: list[TaskResult] = []
    replies: list[Answered] = []
    for task in tasks:
        said: dict[str, list[Said]] = {condition.name: [] for condition in possible}
        shown = {condition.name: condition.images(task.questions) for condition in possible}
        for first in range(0, len(task.questions), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            for condition in possible:
                progress(f"{task.name}, {condition.name}", len(replies) + sum(map(len, said.values())), total)
                pairs = list(zip(task.questions[part], shown[condition.name][part], strict=True))
                prompts = [
                    await subject.prompt(question.text, image, condition.fusion, max_tokens=task.max_tokens)
                    for question, image in pairs
                ]
                written = await subject.replies(prompts, max_tokens=task.max_tokens)
                margins = [await subject.margin(x, task.candidates) if task.candidates else 0.0 for x in prompts]
                said[condition.name] += [Said(reply, margin) for reply, margin in zip(written, margins, strict=True)]
        for name, those in said.items():
            results.append(TaskResult(task.name, name, len(those), task.judge(those)))
            replies += [_answered(task, name, question, answer) for question, answer in zip(task.questions, those, strict=True)]
    progress("done", len(replies), total)
    return VisionReport(subject.model.name, tuple(results), tuple(replies), time.perf_counter() - start)


def _answered(task: Task, condition: str, question: Question, said: Said) -> Answered:
    margin = round(said.margin, 3) if task.candidates else None
    return Answered(task.name, condition, question.key, question.text, question.right, said.reply, margin)


def _rows(title: str, results: Sequence[TaskResult]) -> list[str]:
    columns = [figure.name for figure in results[0].score.figures]
    cells = [[_cell(figure, result.questions) for figure in result.score.figures] for result in results]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    left = max(len(title), *(len(result.condition) for result in results))
    heads = [title, *(result.condition for result in results)]
    return [
        f"{head:<{left}}  " + "  ".join(f"{cell:>{width}}" for cell, width in zip(row, widths, strict=True))
        for head, row in zip(heads, [columns, *cells], strict=True)
    ]


def _cell(figure: Figure, questions: int) -> str:
    of_some = figure.low is not None and figure.cases != questions
    return f"{figure} of {figure.cases}" if of_some else str(figure)
