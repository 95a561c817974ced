"""What every source that draws pictures needs: sizes, free places, and the finished picture."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.types import Image

CANVASES_PX = ((320, 240), (240, 320), (288, 288), (352, 234), (256, 256))
"""Widths and heights, with the proportions of photos and not much larger than an encoder looks at."""

_GAP = 0.02
_TRIES = 60


@dataclass(frozen=True, slots=True)
class Box:
    """A place in a picture, in pixels."""

    left: float
    top: float
    width: float
    height: float

    def touches(self, other: Box, gap: float) -> bool:
        """Whether less than a gap is between the two."""
        return (
            self.left < other.left + other.width + gap
            and other.left < self.left + self.width + gap
            and self.top < other.top + other.height + gap
            and other.top < self.top + self.height + gap
        )


def free_boxes(rng: random.Random, size_px: tuple[int, int], shares: tuple[float, float], n: int) -> list[Box]:
    """Squares that do not touch, anywhere in the picture.

    Args:
        rng: Source of chance.
        size_px: Width and height of the picture.
        shares: The least and the largest side, in shares of the picture's shorter side.
        n: How many; where they find no room they become smaller, and all are found.
    """
    shorter_px = min(size_px)
    boxes: list[Box] = []
    shrunk = 1.0
    while len(boxes) < n:
        for _ in range(_TRIES):
            side = rng.uniform(*shares) * shorter_px * shrunk
            box = Box(rng.uniform(2, size_px[0] - side - 2), rng.uniform(2, size_px[1] - side - 2), side, side)
            if not any(box.touches(other, _GAP * shorter_px) for other in boxes):
                boxes.append(box)
                break
        else:
            boxes, shrunk = [], shrunk * 0.9
    return boxes


def image_of(pixels_HWC: NDArray[np.uint8]) -> Image:
    """A picture that came from no file, known by its pixels."""
    pixels_HWC = np.ascontiguousarray(pixels_HWC)
    return Image(pixels_HWC, hashlib.sha256(repr(pixels_HWC.shape).encode() + pixels_HWC.tobytes()).hexdigest())
