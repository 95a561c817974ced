"""Samples on one sheet, with what is asked and answered about them, for a person to look over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from assistant.training.augmentation import augmented
from assistant.training.data_store import DataStore
from assistant.training.sample import Sample, Source, Split, chance
from assistant.training.signs import han_font

_CELL_PX = (330, 430)
_PICTURE_PX = (310, 190)
_COLUMNS = 4
_ROWS_EACH = 2
_FONT_PX = 13
_LINE_PX = 16


def draw_contact_sheet(sources: Sequence[Source], path: Path, store: DataStore, *, seed: int, split: Split) -> None:
    """Draw eight samples of each source as training would see them, as a PNG file.

    Args:
        sources: From top to bottom.
        path: Of the file.
        store: With a font for Chinese; without it Chinese characters stay boxes.
        seed: Of the samples.
        split: Which side.
    """
    wanted = _COLUMNS * _ROWS_EACH
    samples = [source.sample(number, seed=seed, split=split) for source in sources for number in range(wanted)]
    rows = -(-len(samples) // _COLUMNS)
    sheet = Pillow.new("RGB", (_COLUMNS * _CELL_PX[0], rows * _CELL_PX[1]), "white")
    font = _font(store)
    for index, sample in enumerate(samples):
        shown = augmented(sample, chance(seed, "sheet", index)) if split == "train" else sample
        left, top = index % _COLUMNS * _CELL_PX[0], index // _COLUMNS * _CELL_PX[1]
        _draw_cell(sheet, (left + 6, top + 6), shown, font)
    sheet.save(path, "PNG")


def _draw_cell(
    sheet: Pillow.Image, corner: tuple[int, int], sample: Sample, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> None:
    draw = ImageDraw.Draw(sheet)
    left, top = corner
    width_px = _PICTURE_PX[0] // max(1, len(sample.images))
    for index, image in enumerate(sample.images):
        picture = Pillow.fromarray(image.pixels_HWC)
        picture.thumbnail((width_px - 4, _PICTURE_PX[1]))
        sheet.paste(picture, (left + index * width_px, top))
    if not sample.images:
        draw.text((left, top), "(no picture)", font=font, fill="grey")
    at = top + _PICTURE_PX[1] + 4
    lines = [(sample.source, "grey")]
    lines += [(f"read: {' / '.join(evidence.text_lines) or '-'}", "darkgreen") for evidence in sample.evidence or ()]
    for exchange in sample.exchanges:
        lines += [(f"{exchange.task}: {exchange.question}", "black"), (f"    {exchange.answer}", "blue")]
    for text, colour in lines:
        for part in _wrapped(text, font):
            if at < corner[1] + _CELL_PX[1] - _LINE_PX:
                draw.text((left, at), part, font=font, fill=colour)
            at += _LINE_PX


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> list[str]:
    parts, part = [], ""
    for letter in text:
        if font.getlength(part + letter) > _PICTURE_PX[0]:
            parts.append(part)
            part = ""
        part += letter
    return [*parts, part]


def _font(store: DataStore) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    path = han_font(store)
    return ImageFont.truetype(path, _FONT_PX) if path else ImageFont.load_default(_FONT_PX)
