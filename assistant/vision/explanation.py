"""Draws what a reply rests on: its pictures with what was looked at and what matters when covered, and bars for everything else."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from assistant.types import Explanation, Image, Source

_WIDTH_PX, _MARGIN_PX = 1240, 20
_PICTURE_PX = 590
"""At most so wide; two stand side by side."""
_TEXT_PX, _SMALL_PX = 18, 14
_ROW_PX = 22
_BAR_PX, _NAME_PX = 420, 560
_MOST_SOURCES, _MOST_WORDS, _MOST_OF_A_WORD = 24, 40, 3
_LEAST_SHARE = 0.005
_NAME_CHARACTERS = 76
_COLOURS = {"picture": "#c0392b", "note": "#d68910", "question": "#2471a3", "earlier": "#7d8a94", "instructions": "#b3bac0"}
_HAN = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
_FALL, _RISE = np.array([200, 30, 30]), np.array([30, 80, 200])
_OPAQUE, _LEAST_FALL = 0.65, 1.0
"""Of the cell that matters most; less than a fall of 1 is paler."""


def draw_explanation(explanation: Explanation, images: Sequence[Image], *, font: Path | None = None) -> Pillow.Image:
    """One picture for people to look at.

    Args:
        explanation: See `dialogue.explanation.explain`.
        images: Of the turn.
        font: A font file; None takes Pillow's own, which has no Chinese.
    """
    turn = explanation.turn
    fonts = _Fonts(font)
    sheet = _Sheet(fonts)
    sheet.text(turn.user_text or "(nothing said)", bold=True)
    sheet.text(turn.reply_text)
    sheet.text(f"{explanation.model}; log-probability of the reply {explanation.log_probability:.1f}", small=True)
    if not images:
        sheet.text("The turn has no picture.", small=True)
    for number, image in enumerate(images):
        own = [source for source in explanation.sources if source.picture == number]
        told = "attention on its parts; fall of the log-probability of the reply where a cell is covered"
        sheet.text(f"Picture {turn.pictures_before + number + 1}: {told}", small=True)
        pictures = [_with_boxes(image, [source for source in own if source.boxes], fonts)]
        if number < len(explanation.occlusion):
            pictures.append(_with_heat(image, explanation.occlusion[number], fonts))
        sheet.pictures(pictures)
    if explanation.without:
        sheet.text("Fall of the log-probability without", bold=True)
        most = max(max(explanation.without.values()), 1e-9)
        for name, fall in explanation.without.items():
            sheet.bar(name, max(fall, 0.0) / most, f"{fall:+.1f}", _COLOURS["picture"])
    if explanation.sources:
        sheet.text("Attention, mean over the words of the reply", bold=True)
        shown = [source for source in merged(explanation.sources) if source.share >= _LEAST_SHARE][:_MOST_SOURCES]
        most = shown[0].share if shown else 1.0
        for source in shown:
            sheet.bar(title(source), source.share / most, f"{source.share:.1%}", _COLOURS[source.kind])
        sheet.text("Word by word", bold=True)
        for word, shares in explanation.words[:_MOST_WORDS]:
            own = merged([replace(source, share=x) for source, x in zip(explanation.sources, shares, strict=True)])
            most_looked_at = [f"{_short(title(x))} {x.share:.0%}" for x in own if x.kind != "instructions"][:_MOST_OF_A_WORD]
            sheet.text(f"{word}:  {';  '.join(most_looked_at)}", small=True)
    return sheet.done()


def merged(sources: Sequence[Source]) -> list[Source]:
    """Sources of one name as one, the cells of a grid among them; the largest share first."""
    shares: dict[Source, float] = {}
    for source in sources:
        plain = replace(source, share=0.0, boxes=())
        shares[plain] = shares.get(plain, 0.0) + source.share
    return sorted((replace(source, share=share) for source, share in shares.items()), key=lambda source: -source.share)


def title(source: Source) -> str:
    """A source in a few words."""
    match source.kind:
        case "picture":
            return f"{source.name}, picture {(source.picture or 0) + 1} of the turn"
        case "note" | "question":
            return f"{source.kind}: {source.name}"
        case _:
            return source.name


def _short(name: str) -> str:
    return textwrap.shorten(name, _NAME_CHARACTERS, placeholder="…")


class _Fonts:
    """One font in all sizes."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def __getitem__(self, size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
        return ImageFont.load_default(size_px) if self._file is None else ImageFont.truetype(str(self._file), size_px)


class _Sheet:
    """A white sheet that grows downwards."""

    def __init__(self, fonts: _Fonts) -> None:
        self._fonts = fonts
        self._strips: list[Pillow.Image] = []

    def text(self, text: str, *, bold: bool = False, small: bool = False) -> None:
        size_px = _SMALL_PX if small else _TEXT_PX
        share_of_size = 1.0 if _HAN.search(text) else 0.52  # of a letter's width
        lines = textwrap.wrap(text, width=int((_WIDTH_PX - 2 * _MARGIN_PX) / (share_of_size * size_px))) or [""]
        strip, draw = self._strip(len(lines) * (size_px + 6) + (10 if bold else 4))
        for n, line in enumerate(lines):
            position = (_MARGIN_PX, n * (size_px + 6) + (8 if bold else 2))
            draw.text(position, line, "black", self._fonts[size_px], stroke_width=0.4 if bold else 0)

    def bar(self, name: str, length: float, value: str, colour: str) -> None:
        """`length` is a share of the longest bar."""
        _, draw = self._strip(_ROW_PX)
        font = self._fonts[_SMALL_PX]
        draw.text((_MARGIN_PX, 2), _short(name), "black", font)
        left = _MARGIN_PX + _NAME_PX
        draw.rectangle((left, 4, left + max(1, round(length * _BAR_PX)), _ROW_PX - 4), colour)
        draw.text((left + _BAR_PX + 10, 2), value, "black", font)

    def pictures(self, pictures: Sequence[Pillow.Image]) -> None:
        strip, _ = self._strip(max(picture.height for picture in pictures) + 10)
        for n, picture in enumerate(pictures):
            strip.paste(picture, (_MARGIN_PX + n * (_PICTURE_PX + _MARGIN_PX), 2))

    def done(self) -> Pillow.Image:
        sheet = Pillow.new("RGB", (_WIDTH_PX, sum(strip.height for strip in self._strips) + 2 * _MARGIN_PX), "white")
        top = _MARGIN_PX
        for strip in self._strips:
            sheet.paste(strip, (0, top))
            top += strip.height
        return sheet

    def _strip(self, height_px: int) -> tuple[Pillow.Image, ImageDraw.ImageDraw]:
        strip = Pillow.new("RGB", (_WIDTH_PX, height_px), "white")
        self._strips.append(strip)
        return strip, ImageDraw.Draw(strip)


def _fitted(image: Image) -> Pillow.Image:
    picture = Pillow.fromarray(image.pixels_HWC)
    scale = min(_PICTURE_PX / picture.width, _PICTURE_PX / picture.height)
    return picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))


def _with_boxes(image: Image, sources: Sequence[Source], fonts: _Fonts) -> Pillow.Image:
    """The picture with the boxes of its parts, the wider the more they were looked at."""
    picture = _fitted(image)
    draw = ImageDraw.Draw(picture)
    most = max((source.share for source in sources), default=1.0) or 1.0
    font = fonts[_SMALL_PX]
    lines = set[int]()
    for source in sorted(sources, key=lambda x: x.share):
        for left, top, right, bottom in source.boxes:
            box = (left * picture.width, top * picture.height, max(right, left) * picture.width, max(bottom, top) * picture.height)
            draw.rectangle(box, outline=_COLOURS["picture"], width=1 + round(5 * source.share / most))
            if source.name != "cell":
                label = f"{source.name} {source.share:.1%}"
                line = round(box[1] / _ROW_PX)
                while line in lines:  # a name is not written over another
                    line += 1
                lines.add(line)
                place = (box[0] + 4, line * _ROW_PX + 4)
                draw.rectangle(draw.textbbox(place, label, font), "white")
                draw.text(place, label, "black", font)
    return picture


def _with_heat(image: Image, falls: Sequence[Sequence[float]], fonts: _Fonts) -> Pillow.Image:
    """The picture in grey; cells are red where covering them makes the reply less likely, blue where more."""
    picture = _fitted(image).convert("L").convert("RGB")
    pixels_HWC = np.asarray(picture, np.float32).copy()
    falls_RC = np.array(falls)
    most = max(float(np.abs(falls_RC).max()), _LEAST_FALL)
    rows, columns = (
        np.linspace(0, side_px, cells + 1).round().astype(int)
        for side_px, cells in zip(pixels_HWC.shape[:2], falls_RC.shape, strict=True)
    )
    for (row, column), fall in np.ndenumerate(falls_RC):
        part = (slice(rows[row], rows[row + 1]), slice(columns[column], columns[column + 1]))
        share = _OPAQUE * abs(fall) / most
        pixels_HWC[part] = pixels_HWC[part] * (1 - share) + share * (_FALL if fall > 0 else _RISE)
    picture = Pillow.fromarray(pixels_HWC.astype(np.uint8))
    draw, font = ImageDraw.Draw(picture), fonts[_SMALL_PX]
    for (row, column), fall in np.ndenumerate(falls_RC):
        draw.text(
            (int(columns[column]) + 4, int(rows[row]) + 4), f"{fall:+.1f}", "white", font, stroke_width=1, stroke_fill="black"
        )
    return picture
