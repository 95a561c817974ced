"""A training's log as a picture: the loss step by step, and what it scored on what was held out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[int, int, int, int]

_WIDTH_PX, _PANEL_PX, _MARGIN_PX, _LEGEND_PX = 960, 320, 48, 150
_GREY, _LIGHT = (90, 90, 90), (215, 215, 215)
_COLOURS = (
    (31, 119, 180),
    (255, 127, 14),
    (44, 160, 44),
    (214, 39, 40),
    (148, 103, 189),
    (140, 86, 75),
    (227, 119, 194),
    (127, 127, 127),
    (188, 189, 34),
    (23, 190, 207),
)
_MEAN_STEPS = 25


def read_log(path: Path) -> list[dict[str, Any]]:
    """The rows of a run's log; a last line that was not finished is left out."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def draw_curves(log: Path, picture: Path) -> None:
    """Draw a run's log as a PNG of two panels: loss, and scores if there are any."""
    rows = read_log(log)
    losses = [(float(row["step"]), float(row["loss"])) for row in rows if "loss" in row]
    scores: dict[str, list[Point]] = {}
    for row in rows:
        for task, score in row.get("scores", {}).items():
            scores.setdefault(task, []).append((float(row["step"]), float(score)))
    canvas = Pillow.new("RGB", (_WIDTH_PX, _PANEL_PX * (2 if scores else 1)), "white")
    last = max((step for step, _ in losses), default=1.0)
    curves = {"loss": losses, f"mean of {_MEAN_STEPS}": _means(losses)}
    _panel(canvas, 0, "loss", last, max((loss for _, loss in losses), default=1.0), curves, faint="loss")
    if scores:
        _panel(
            canvas, _PANEL_PX, "held out: words said right", last, 1.0, dict(sorted(scores.items(), key=lambda x: x[0] != "macro"))
        )
    canvas.save(picture)


def _means(points: Sequence[Point]) -> list[Point]:
    windows = [points[max(0, end - _MEAN_STEPS) : end] for end in range(1, len(points) + 1)]
    return [(window[-1][0], sum(value for _, value in window) / len(window)) for window in windows]


def _panel(
    canvas: Pillow.Image,
    top_px: int,
    title: str,
    last: float,
    highest: float,
    curves: Mapping[str, Sequence[Point]],
    *,
    faint: str = "",
) -> None:
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(12)
    left, right = _MARGIN_PX, _WIDTH_PX - _LEGEND_PX
    top, bottom = top_px + _MARGIN_PX // 2 + 8, top_px + _PANEL_PX - _MARGIN_PX // 2 - 8
    place = _scale((left, top, right, bottom), last, highest or 1.0)
    draw.text((left, top_px + 6), title, fill=_GREY, font=font)
    for part in range(5):
        across, down = place((last * part / 4, highest * part / 4))
        draw.line((left, down, right, down), fill=_LIGHT)
        draw.text((left - 6, down), f"{highest * part / 4:.2f}", fill=_GREY, font=font, anchor="rm")
        draw.text((across, bottom + 4), f"{last * part / 4:.0f}", fill=_GREY, font=font, anchor="ma")
    for number, (name, points) in enumerate(curves.items()):
        colour = _LIGHT if name == faint else _COLOURS[number % len(_COLOURS)]
        places = [place(point) for point in points]
        draw.line(places, fill=colour, width=4 if name == "macro" else 2)
        for across, down in places if len(places) < 3 else ():
            draw.ellipse((across - 2, down - 2, across + 2, down + 2), fill=colour)
        value = f" {points[-1][1]:.2f}" if points else ""
        draw.text((right + 10, top + 17 * number), name + value, fill=_GREY if name == faint else colour, font=font)


def _scale(box: Box, last: float, highest: float) -> Callable[[Point], Point]:
    left, top, right, bottom = box
    return lambda point: (
        left + (right - left) * point[0] / max(last, 1.0),
        bottom - (bottom - top) * min(1.0, point[1] / highest),
    )
