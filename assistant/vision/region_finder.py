"""What is where in a picture: things that a detector knows, plain drawn shapes, the colours of both, and people's faces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from assistant.types import Label, Region
from assistant.vision.colour import COLOURS, colour_indices_P
from assistant.vision.detector import REGION_CONFIDENCE, overlap
from assistant.vision.drawn import find_drawn
from assistant.vision.image import shrink

GLIMPSE_CONFIDENCE = 0.07
"""What is possible. Questions whether a thing is there are answered best at this; what is told unasked must be surer."""
_SAME_PLACE = 0.4
_MOST = 12
_COLOUR_SIDE_PX = 24
_COLOUR_SHARE = 0.6
"""Of the middle of a box, to speak of the thing's colour."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is where in one picture."""

    regions: tuple[Region, ...]
    """The shapes, the largest first, then the things, the surest first."""
    glimpses: tuple[Label, ...]
    """Things that may be there."""
    faces: tuple[Region, ...] = ()
    """Of people."""


class Detector(Protocol):
    """What `ObjectDetector` is."""

    @property
    def names(self) -> tuple[str, ...]:
        """The kinds it knows."""
        ...

    def detect(self, pictures: Sequence[NDArray[np.uint8]], *, at_least: float) -> tuple[tuple[Region, ...], ...]:
        """What each picture shows, the surest first."""
        ...


class FaceFinder(Protocol):
    """What `FaceReader` is."""

    def read(self, pixels_HWC: NDArray[np.uint8], people: Sequence[Region]) -> tuple[Region, ...]:
        """The faces of these people, the surest first."""
        ...


class RegionFinder:
    """A detector for photos, outlines for drawings."""

    def __init__(self, detector: Detector, faces: FaceFinder | None = None) -> None:
        """Put them together; `faces` is used only on pictures of people, None never looks for faces."""
        self._detector, self._faces = detector, faces
        self.names = detector.names
        """The things it can tell to be there or not."""

    def find(self, pictures: Sequence[NDArray[np.uint8]]) -> tuple[Found, ...]:
        """Look at RGB pictures (H, W, 3) of any size, all at once."""
        seen = self._detector.detect(pictures, at_least=GLIMPSE_CONFIDENCE)
        found = (_found(picture, things) for picture, things in zip(pictures, seen, strict=True))
        return tuple(replace(one, faces=self._read(picture, one)) for picture, one in zip(pictures, found, strict=True))

    def _read(self, pixels_HWC: NDArray[np.uint8], found: Found) -> tuple[Region, ...]:
        people = [region for region in found.regions if region.name == "person"]
        return self._faces.read(pixels_HWC, people) if self._faces and people else ()


def _found(pixels_HWC: NDArray[np.uint8], things: Sequence[Region]) -> Found:
    shapes = find_drawn(pixels_HWC, at_most=_MOST)
    free = [thing for thing in things if all(overlap(thing, shape) < _SAME_PLACE for shape in shapes)]  # a star is no kite
    sure = [thing for thing in free if thing.confidence >= REGION_CONFIDENCE][: _MOST - len(shapes)]
    glimpsed: dict[str, float] = {}
    for thing in free:
        glimpsed[thing.name] = max(thing.confidence, glimpsed.get(thing.name, 0.0))
    known = {thing.name for thing in sure}
    return Found(
        (*shapes, *(replace(thing, colour=_colour(pixels_HWC, thing)) for thing in sure)),
        tuple(Label(name, confidence) for name, confidence in glimpsed.items() if name not in known),
    )


def _colour(pixels_HWC: NDArray[np.uint8], region: Region) -> str:
    """The colour of nearly all of a box's middle half, in one word; "" where there are several, and of people."""
    if region.name == "person":
        return ""
    height, width = pixels_HWC.shape[:2]
    across, down = (region.right - region.left) / 4, (region.bottom - region.top) / 4
    rows = slice(min(int((region.top + down) * height), height - 1), int((region.bottom - down) * height) + 1)
    columns = slice(min(int((region.left + across) * width), width - 1), int((region.right - across) * width) + 1)
    middle_P3 = shrink(pixels_HWC[rows, columns], max_side_px=_COLOUR_SIDE_PX).reshape(-1, 3)
    shares: dict[str, float] = {}
    for index, count in enumerate(np.bincount(colour_indices_P(middle_P3), minlength=len(COLOURS)).tolist()):
        name = COLOURS[index].split()[-1]
        shares[name] = shares.get(name, 0.0) + count / len(middle_P3)
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= _COLOUR_SHARE else ""
