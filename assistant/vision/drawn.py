"""Finds plain drawn shapes: areas of one colour whose outline is a circle, a star, a square …, as in diagrams, logos and signs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from assistant.types import Region
from assistant.vision.colour import colour_name
from assistant.vision.image import shrink

_SIDE_PX = 256
"""A picture is looked at no larger than this."""
_SEED_STEP_PX = 4
_TOLERANCE = (26, 14, 14)
"""In OpenCV's 8-bit Lab: how far a pixel of an area may be from the one it was begun at."""
_SMALLEST_SHARE, _LARGEST_SHARE = 0.002, 0.6
"""Of the picture's area."""
_MASK = 48
"""Side of the square to which outlines are stretched to be compared."""
_FIT = 0.8
"""Intersection over union with an outline, to be called by its name."""
_CONTRAST, _SHARP_SHARE = 18.0, 0.85
"""So much of what lies just outside an area must differ from it by so much in Lab; soft blotches do not."""
_OUTSIDE_PX = 3
_EDGE, _BUSY_SHARE = 12.0, 0.05
"""A picture with more of such differences than this, beside its shapes, is no drawing."""
_MARGIN_PX = 7
"""Around a shape, where its own edge is."""
_LONG: Mapping[str, str] = {"circle": "oval", "square": "rectangle"}
"""What a shape is called whose box is longer by `_ROUND`."""
_ROUND = 1.25
_FINE = 8
"""Outlines are drawn so many times larger than compared."""

Points = Sequence[tuple[float, float]]


def find_drawn(pixels_HWC: NDArray[np.uint8], *, at_most: int = 12) -> tuple[Region, ...]:
    """The plain shapes of a picture, named and coloured, the largest first. Their confidence is how well the outline fits.

    Args:
        pixels_HWC: RGB.
        at_most: How many.
    """
    small_HWC = shrink(pixels_HWC, max_side_px=_SIDE_PX)
    height, width = small_HWC.shape[:2]
    if min(height, width) < _SEED_STEP_PX:
        return ()
    found: list[Region] = []
    lab_HWC = np.asarray(cv2.cvtColor(cv2.medianBlur(small_HWC, 3), cv2.COLOR_RGB2LAB), np.uint8)
    for area_HW, (left, top, across, down) in _areas(lab_HWC):
        name, fit = _named(area_HW[top : top + down, left : left + across])
        if fit >= _FIT and _is_sharp(area_HW, lab_HWC):
            colour = colour_name(np.median(small_HWC[area_HW > 0], axis=0).astype(np.uint8))
            box = (left / width, top / height, (left + across) / width, (top + down) / height)
            found.append(Region(name, round(fit, 3), *box, colour=colour))
    if not found or _is_busy(small_HWC, found):
        return ()
    shapes = [region for region in found if not any(_is_hole(region, other) for other in found)]
    shapes.sort(key=lambda region: (region.left - region.right) * (region.bottom - region.top))
    return tuple(shapes[:at_most])


def _areas(lab_HWC: NDArray[np.uint8]) -> Iterator[tuple[NDArray[np.uint8], tuple[int, int, int, int]]]:
    """Masks, with their boxes, of connected areas of about one colour that are free of the picture's edge."""
    height, width = lab_HWC.shape[:2]
    taken_HW: NDArray[np.uint8] = np.zeros((height + 2, width + 2), np.uint8)
    flags = 4 | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY | 1 << 8
    for y in range(_SEED_STEP_PX // 2, height, _SEED_STEP_PX):
        for x in range(_SEED_STEP_PX // 2, width, _SEED_STEP_PX):
            if taken_HW[y + 1, x + 1]:
                continue
            size, *_, (left, top, across, down) = cv2.floodFill(lab_HWC, taken_HW, (x, y), (0, 0, 0), _TOLERANCE, _TOLERANCE, flags)
            inside_HW = taken_HW[top + 1 : top + down + 1, left + 1 : left + across + 1]
            free = left > 0 and top > 0 and left + across < width and top + down < height
            if free and _SMALLEST_SHARE <= size / (height * width) <= _LARGEST_SHARE:
                area_HW: NDArray[np.uint8] = np.zeros((height, width), np.uint8)
                area_HW[top : top + down, left : left + across] = inside_HW == 1
                yield area_HW, (left, top, across, down)
            inside_HW[inside_HW == 1] = 2


def _is_sharp(area_HW: NDArray[np.uint8], lab_HWC: NDArray[np.uint8]) -> bool:
    """Whether an area stands out from what is around it, on nearly every side."""
    kernel = np.ones((2 * _OUTSIDE_PX + 1, 2 * _OUTSIDE_PX + 1), np.uint8)
    around_HW = cv2.dilate(area_HW, kernel) > cv2.dilate(area_HW, np.ones((2 * _OUTSIDE_PX - 1, 2 * _OUTSIDE_PX - 1), np.uint8))
    apart_N = np.linalg.norm(lab_HWC[around_HW].astype(np.float32) - np.median(lab_HWC[area_HW > 0], axis=0), axis=1)
    return bool((apart_N > _CONTRAST).mean() > _SHARP_SHARE)


def _is_busy(pixels_HWC: NDArray[np.uint8], shapes: Sequence[Region]) -> bool:
    """Whether there is much to see beside the shapes, as in a photo: what looks like a shape there is chance."""
    height, width = pixels_HWC.shape[:2]
    lab_HWC = cv2.GaussianBlur(cv2.medianBlur(cv2.cvtColor(pixels_HWC, cv2.COLOR_RGB2LAB), 5).astype(np.float32), (0, 0), 2)
    middle = lab_HWC[:-2, :-2]
    change_HW = np.sqrt(((lab_HWC[2:, :-2] - middle) ** 2).sum(axis=2) + ((lab_HWC[:-2, 2:] - middle) ** 2).sum(axis=2))
    beside_HW = np.ones(change_HW.shape, np.bool_)
    for shape in shapes:
        top, bottom = max(0, int(shape.top * height) - _MARGIN_PX), int(shape.bottom * height) + _MARGIN_PX
        left, right = max(0, int(shape.left * width) - _MARGIN_PX), int(shape.right * width) + _MARGIN_PX
        beside_HW[top:bottom, left:right] = False
    return bool(beside_HW.any() and (change_HW[beside_HW] > _EDGE).mean() > _BUSY_SHARE)


def _named(area_HW: NDArray[np.uint8]) -> tuple[str, float]:
    """The outline that an area fits best, and how well: intersection over union, both stretched to a square."""
    height, width = area_HW.shape
    stretched_HW = cv2.resize(area_HW.astype(np.float32), (_MASK, _MASK), interpolation=cv2.INTER_AREA)
    mask_P = stretched_HW.reshape(-1) > 0.5
    names, outlines_NP = _outlines()
    fits_N = (outlines_NP & mask_P).sum(axis=1) / (outlines_NP | mask_P).sum(axis=1)
    best = int(fits_N.argmax())
    name = names[best]
    return _LONG.get(name, name) if max(width, height) > _ROUND * min(width, height) else name, float(fits_N[best])


def _is_hole(region: Region, other: Region) -> bool:
    """Whether one is what is seen through the middle of a ring."""
    ring = other.name == "ring" and region is not other
    return (
        ring and other.left < region.left and region.right < other.right and other.top < region.top < region.bottom < other.bottom
    )


@cache
def _outlines() -> tuple[tuple[str, ...], NDArray[np.bool_]]:
    """Every outline in every position it is known in, each stretched to the box it fills, N of P = 48² pixels."""
    square, star = _around([1.0] * 4, start_deg=45), _around([1.0, 0.42] * 5)
    arrow = ((-1, -0.35), (0, -0.35), (0, -0.9), (1, 0), (0, 0.9), (0, 0.35), (-1, 0.35))
    cross = ((1, 0), (2, 0), (2, 1), (3, 1), (3, 2), (2, 2), (2, 3), (1, 3), (1, 2), (0, 2), (0, 1), (1, 1))
    known: Sequence[tuple[str, Points, Sequence[int]]] = (
        ("circle", _around([1.0] * 72), (0,)),
        ("square", square, (0, 15, 75)),
        ("diamond", square, (45,)),
        ("triangle", _around([1.0] * 3), range(0, 120, 10)),
        ("triangle", ((0, 0), (0, 1), (1, 1)), range(0, 360, 90)),
        ("star", star, range(0, 72, 9)),
        ("star", _around([1.0, 0.55] * 5), (0,)),
        ("heart", _heart(), (-30, -15, 0, 15, 30)),
        ("cross", cross, range(0, 90, 15)),
        ("arrow", arrow, range(0, 360, 45)),
        ("pentagon", _around([1.0] * 5), (0, 36)),
        ("hexagon", _around([1.0] * 6), (0, 30)),
    )
    drawn = [(name, _filled(points, turn_deg)) for name, points, turn_deg in ((n, p, t) for n, p, turns in known for t in turns)]
    across_P = np.hypot(*(np.mgrid[:_MASK, :_MASK] - (_MASK - 1) / 2)).reshape(-1) / (_MASK / 2)
    drawn += [("ring", (across_P <= 1) & (across_P > hole)) for hole in (0.35, 0.45, 0.55, 0.65, 0.75, 0.85)]
    return tuple(name for name, _ in drawn), np.stack([mask_P for _, mask_P in drawn])


def _around(radii: Sequence[float], *, start_deg: float = 0.0) -> Points:
    """Corners around a middle, clockwise from the top."""
    turns = [math.radians(start_deg) + 2 * math.pi * k / len(radii) for k in range(len(radii))]
    return [(radius * math.sin(turn), -radius * math.cos(turn)) for radius, turn in zip(radii, turns, strict=True)]


def _heart() -> Points:
    """The curve at https://mathworld.wolfram.com/HeartCurve.html, the sixth."""
    turns = [2 * math.pi * k / 48 for k in range(48)]
    return [
        (16 * math.sin(t) ** 3, -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t))) for t in turns
    ]


def _filled(points: Points, turn_deg: float) -> NDArray[np.bool_]:
    turn = math.radians(turn_deg)
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    corners_N2 = np.asarray(points, np.float64) @ rotation
    corners_N2 -= corners_N2.min(axis=0)
    corners_N2 *= (_MASK * _FINE - 1) / corners_N2.max(axis=0)
    canvas: NDArray[np.uint8] = np.zeros((_MASK * _FINE, _MASK * _FINE), np.uint8)
    cv2.fillPoly(canvas, [corners_N2.round().astype(np.int32)], 1)
    stretched: NDArray[np.bool_] = cv2.resize(canvas.astype(np.float32), (_MASK, _MASK), interpolation=cv2.INTER_AREA) > 0.5
    return stretched.reshape(-1)
