"""Drawn scenes of plain shapes (after CLEVR, arXiv:1612.06890, in two dimensions): colours, numbers, places, relations."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from assistant.training.backgrounds import surface
from assistant.training.nouns import Noun
from assistant.training.picture import CANVASES_PX, Box, free_boxes, image_of
from assistant.training.questions import ask
from assistant.training.sample import Language, Sample, Split, chance, split_of
from assistant.training.scene import Scene, Thing
from assistant.training.wording import Wording

COLOURS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "red": (218, 32, 32),
        "green": (38, 158, 56),
        "blue": (38, 76, 214),
        "yellow": (246, 218, 36),
        "orange": (246, 138, 26),
        "purple": (126, 44, 152),
        "pink": (250, 128, 188),
        "brown": (122, 72, 32),
        "black": (18, 18, 20),
        "white": (250, 250, 248),
    }
)
"""The middle shade of each colour; a shape's differs a little."""

_SHADE = 12
_HARDLY_SEEN = 80.0
"""Between a shape's colour and what is behind it, in levels of 256; no ground is so near to all colours."""
_SMOOTHING = 2
"""Shapes are drawn so many times too large, and edges become smooth."""
_SIDES = {1: (0.2, 0.55), 2: (0.18, 0.4), 3: (0.16, 0.36), 4: (0.15, 0.3), 5: (0.14, 0.27)}

Point = tuple[float, float]


def _star() -> list[Point]:
    return [
        (0.5 + radius * math.sin(k * math.pi / 5), 0.53 - radius * math.cos(k * math.pi / 5))
        for k in range(10)
        for radius in [0.52 if k % 2 == 0 else 0.21]
    ]


def _heart() -> list[Point]:
    turns = [2 * math.pi * k / 48 for k in range(48)]
    return [
        (
            0.5 + math.sin(t) ** 3 / 2,
            0.46 - (13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 32,
        )
        for t in turns
    ]


_OUTLINES: Mapping[str, Sequence[Point]] = {
    "square": ((0.04, 0.04), (0.96, 0.04), (0.96, 0.96), (0.04, 0.96)),
    "triangle": ((0.5, 0.04), (0.98, 0.94), (0.02, 0.94)),
    "diamond": ((0.5, 0.0), (0.88, 0.5), (0.5, 1.0), (0.12, 0.5)),
    "star": _star(),
    "heart": _heart(),
    "cross": tuple(
        (x / 3, y / 3) for x, y in ((1, 0), (2, 0), (2, 1), (3, 1), (3, 2), (2, 2), (2, 3), (1, 3), (1, 2), (0, 2), (0, 1), (1, 1))
    ),
}
"""Corners within the unit square, from the top left."""

SHAPES: Mapping[str, Noun] = MappingProxyType(
    {
        "circle": Noun("circle", "圆形"),
        "ring": Noun("ring", "圆环"),
        "square": Noun("square", "正方形"),
        "triangle": Noun("triangle", "三角形"),
        "diamond": Noun("diamond", "菱形"),
        "star": Noun("star", "星形"),
        "heart": Noun("heart", "心形"),
        "cross": Noun("cross", "十字形"),
    }
)


class Shapes:
    """One to five shapes on a dull ground. Some pairs of colour and shape are never trained, and every held-out scene has one."""

    name = "shapes"
    licence = "drawn by this project"

    def __init__(self, languages: Sequence[Language], *, largest: int = 5) -> None:
        """Choose the languages, each as often.

        Args:
            languages: Of the conversations.
            largest: Shapes in one scene; training may begin with one.
        """
        self._languages = tuple(languages)
        self._largest = largest

    def sample(self, number: int, *, seed: int, split: Split) -> Sample:
        """See `Source.sample`."""
        rng = chance(seed, self.name, split, number)
        language = rng.choice(self._languages)
        size_px = rng.choice(CANVASES_PX)
        n = min(self._largest, rng.choice((1, 1, 2, 2, 3, 3, 4, 5)))
        things: list[Thing] = []
        ground_HWC = surface(rng, size_px)
        canvas = Pillow.fromarray(ground_HWC).resize((size_px[0] * _SMOOTHING, size_px[1] * _SMOOTHING), Pillow.Resampling.NEAREST)
        draw = ImageDraw.Draw(canvas)
        for index, box in enumerate(free_boxes(rng, size_px, _SIDES[n], n)):
            side = split if index == 0 or split == "train" else rng.choice(("train", "held-out"))
            x, y = round(box.left), round(box.top)
            behind = ground_HWC[y : y + round(box.height), x : x + round(box.width)].mean(axis=(0, 1)).tolist()
            colour, shape = _pair(rng, side, things, behind)
            _DRAWERS[shape](draw, box, _shade(colour, rng))
            width_px, height_px = size_px
            edges = (
                box.left / width_px,
                box.top / height_px,
                (box.left + box.width) / width_px,
                (box.top + box.height) / height_px,
            )
            things.append(Thing(SHAPES[shape], *edges, colour))
        image = image_of(np.asarray(canvas.reduce(_SMOOTHING)))
        absent = tuple(noun for name, noun in SHAPES.items() if all(thing.noun.en != name for thing in things))
        scene = Scene(tuple(things), absent=absent, colours=tuple(COLOURS))
        asked = ask(scene, Wording(language, rng, split), rng, at_most=6)
        return Sample(self.name, self.licence, f"{self.name}/{split}/{seed}/{number}", asked, (image,))


@cache
def pair_split(colour: str, shape: str) -> Split:
    """On which side a coloured shape is."""
    return split_of(f"pair/{colour}/{shape}")


def _pair(rng: random.Random, side: Split, before: Sequence[Thing], behind: Sequence[float]) -> tuple[str, str]:
    """A colour that is seen on what is behind it, and a shape; often one that is there already."""
    seen = [colour for colour, shade in COLOURS.items() if math.dist(shade, behind) > _HARDLY_SEEN]
    again = [thing for thing in before if thing.colour in seen]
    if again and rng.random() < 0.25:
        thing = rng.choice(again)
        return thing.colour or "", thing.noun.en
    pairs = [(colour, shape) for colour in seen for shape in SHAPES if pair_split(colour, shape) == side]
    if before and rng.random() < 0.4:
        shape = rng.choice(before).noun.en
        pairs = [pair for pair in pairs if pair[1] == shape] or pairs
    return rng.choice(pairs)


def _shade(colour: str, rng: random.Random) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, value + rng.randint(-_SHADE, _SHADE))) for value in COLOURS[colour])
    return red, green, blue


def _polygon(outline: Sequence[Point]) -> Callable[[ImageDraw.ImageDraw, Box, tuple[int, int, int]], None]:
    def draw(canvas: ImageDraw.ImageDraw, box: Box, colour: tuple[int, int, int]) -> None:
        left, top, side = (value * _SMOOTHING for value in (box.left, box.top, box.width))
        canvas.polygon([(left + x * side, top + y * side) for x, y in outline], fill=colour)

    return draw


def _ellipse(canvas: ImageDraw.ImageDraw, box: Box, colour: tuple[int, int, int]) -> None:
    canvas.ellipse(_corners(box), fill=colour)


def _ring(canvas: ImageDraw.ImageDraw, box: Box, colour: tuple[int, int, int]) -> None:
    canvas.ellipse(_corners(box), outline=colour, width=max(2, round(box.width * _SMOOTHING * 0.22)))


def _corners(box: Box) -> tuple[float, float, float, float]:
    left, top, side = (value * _SMOOTHING for value in (box.left, box.top, box.width))
    return left, top, left + side, top + side


_DRAWERS = {"circle": _ellipse, "ring": _ring} | {shape: _polygon(outline) for shape, outline in _OUTLINES.items()}
