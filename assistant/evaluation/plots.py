"""A report as pictures: bars with their intervals, reliability diagrams, tables of what was taken for what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from assistant.evaluation.score import Bin, Figure
from assistant.evaluation.vision import TaskResult, VisionReport

_PANEL_PX = 260
_MARGIN_PX = 60
_FONT_PX = 12
_MOST_ANSWERS = 12
"""In a table; the rarest of more are left out."""
_INK, _FAINT, _GRID = (40, 40, 40), (130, 130, 130), (225, 225, 225)
_COLOURS = ((38, 84, 160), (86, 150, 210), (224, 140, 40), (150, 150, 150), (200, 190, 170))


@dataclass(frozen=True, slots=True)
class _Place:
    """A square of a picture, with numbers from 0 to 1 from its bottom left corner."""

    draw: ImageDraw.ImageDraw
    left: int
    top: int
    side: int
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.left + x * self.side, self.top + (1 - y) * self.side

    def write(self, x: float, y: float, text: str, *, anchor: str = "mm", colour: tuple[int, int, int] = _INK) -> None:
        self.draw.text(self.at(x, y), text, fill=colour, font=self.font, anchor=anchor)

    def box(self, x: float, y: float, width: float, height: float, colour: tuple[int, int, int]) -> None:
        left, bottom = self.at(x, y)
        right, top = self.at(x + width, y + height)
        self.draw.rectangle((left, min(top, bottom), right, bottom), fill=colour)

    def line(self, start: tuple[float, float], end: tuple[float, float], colour: tuple[int, int, int] = _INK) -> None:
        self.draw.line((self.at(*start), self.at(*end)), fill=colour)

    def axes(self, title: str) -> None:
        """A frame, lines at the quarters, and what they are in per cent."""
        for quarter in range(5):
            self.line((0, quarter / 4), (1, quarter / 4), _GRID)
            self.write(-0.02, quarter / 4, f"{quarter * 25}", anchor="rm", colour=_FAINT)
        self.line((0, 0), (1, 0))
        self.line((0, 0), (0, 1))
        self.write(0.5, 1.07, title)


def draw_plots(report: VisionReport, folder: Path) -> tuple[Path, ...]:
    """Write the PNG files and return their paths: one of all tasks, one for each reliability diagram and closed question."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [_tasks(report, folder / "tasks.png")]
    for task in dict.fromkeys(result.task for result in report.results):
        chosen = [result for result in report.results if result.task == task]
        if any(result.score.bins for result in chosen):
            panels = [_reliability(result.condition, result.score.bins) for result in chosen]
            drawn.append(_save(panels, folder / f"{task}-reliability.png"))
        for family in chosen[0].score.confusions:
            name = task if family == task else f"{task}-{family}"
            drawn.append(_save([_confusion(result, family) for result in chosen], folder / f"{name}-answers.png"))
    return tuple(drawn)


def _save(panels: Sequence[Callable[[_Place], None]], path: Path) -> Path:
    """Panels side by side."""
    step_px = _PANEL_PX + 2 * _MARGIN_PX
    sheet = Pillow.new("RGB", (step_px * len(panels), step_px), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT_PX)
    for index, panel in enumerate(panels):
        panel(_Place(draw, index * step_px + _MARGIN_PX, _MARGIN_PX, _PANEL_PX, font))
    sheet.save(path, "PNG")
    return path


def _tasks(report: VisionReport, path: Path) -> Path:
    """The figure that counts of each task, a bar for each condition."""
    panels = []
    for task in dict.fromkeys(result.task for result in report.results):
        bars = {result.condition: result.score.figures[0] for result in report.results if result.task == task}
        panels.append(_bars(task, bars))
    return _save(panels, path)


def _bars(task: str, bars: dict[str, Figure]) -> Callable[[_Place], None]:
    def draw(place: _Place) -> None:
        first = next(iter(bars.values()))
        place.axes(f"{task}: {first.name}" + (f", n = {first.cases}" if first.cases else ""))
        step = 1 / len(bars)
        for i, (condition, figure) in enumerate(bars.items()):
            middle, height = (i + 0.5) * step, min(1.0, figure.value)
            place.box(middle - 0.35 * step, 0, 0.7 * step, height, _COLOURS[i % len(_COLOURS)])
            if figure.low is not None and figure.high is not None:
                place.line((middle, figure.low), (middle, figure.high))
            place.write(middle, -0.05 - 0.06 * (i % 2), condition, colour=_FAINT)
            place.write(middle, max(height, figure.high or 0.0) + 0.03, str(figure).partition(" ")[0])

    return draw


def _reliability(condition: str, bins: Sequence[Bin]) -> Callable[[_Place], None]:
    def draw(place: _Place) -> None:
        place.axes(f"{condition}: said names, n = {sum(x.cases for x in bins)}")
        place.line((0, 0), (1, 1), _FAINT)
        for x in bins:
            place.box(x.confidence - 0.03, 0, 0.06, x.right, _COLOURS[1])
            place.write(x.confidence, x.right + 0.03, str(x.cases), colour=_FAINT)
        place.write(0.5, -0.06, "confidence; bars: share that is right", colour=_FAINT)

    return draw


def _confusion(result: TaskResult, family: str) -> Callable[[_Place], None]:
    table = result.score.confusions.get(family, {})
    totals: dict[str, int] = {}
    for right, row in table.items():
        for said, count in row.items():
            totals[said] = totals.get(said, 0) + count
            totals[right] = totals.get(right, 0) + count
    answers = sorted(sorted(totals, key=lambda answer: -totals[answer])[:_MOST_ANSWERS])

    def draw(place: _Place) -> None:
        place.write(0.5, 1.2, f"{family}, {result.condition}: right (rows), said (columns)")
        step = 1 / max(1, len(answers))
        for i, right in enumerate(answers):
            row = table.get(right, {})
            y = 1 - (i + 1) * step
            place.write(-0.02, y + step / 2, right[:9], anchor="rm", colour=_FAINT)
            place.write((i + 0.5) * step, 1.04 + 0.06 * (i % 2), right[:9], colour=_FAINT)
            for j, said in enumerate(answers):
                count = row.get(said, 0)
                shade = round(255 - 170 * count / max(1, sum(row.values())))
                place.box(j * step, y, step * 0.97, step * 0.97, (shade, shade, 255) if i == j else (255, shade, shade))
                if count:
                    place.write((j + 0.5) * step, y + step / 2, str(count))

    return draw
