"""Finds the faces of the people in a picture, and tells which of them smile.

BlazeFace (arXiv:1907.05047; MediaPipe's short-range model) looks where the object detector saw a person: in whole pictures it
takes dogs and shoes for faces. Expressions come from a small Xception (arXiv:1710.07557) out of the package fer. It was trained on
FER2013: grey photos of the web, 48 pixels wide, gathered for research. It knows seven expressions; told is only its "happy", as
what one can see, a smile.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assistant.types import Region
from assistant.vision.detector import overlap
from assistant.vision.tflite import TFLiteModel

FACE, SMILE = "face", "smiling face"

_FACE_CONFIDENCE, _SMILE_CONFIDENCE = 0.7, 0.7
_SMALLEST_PX, _SMALLEST_SMILE_PX = 12, 24
_FACE_SIDE_PX, _EXPRESSION_SIDE_PX = 128, 64
_HAPPY = 3
_GRIDS = ((16, 2), (8, 6))
"""Cells along a side, and anchors of each cell."""
_HEAD, _ABOVE = 1.25, 0.1
"""The side of the square that is searched, by the shorter side of a person's box, and how much of the square lies above the box."""
_AROUND = 1.1
"""The side of the square whose expression is read, by the longer side of the face's box."""
_SAME = 0.3
"""Of two faces that overlap more, the surer stands."""
_MOST = 6
"""People that are looked at, the surest."""


class FaceReader:
    """A face detector and an expression classifier."""

    def __init__(self, faces: Path, expressions: Path) -> None:
        """Load both.

        Args:
            faces: BlazeFace, `face_detection_short_range.tflite` of MediaPipe.
            expressions: `emotion_model_quantized.tflite` of the package fer.

        Raises:
            WeightsMissingError: There is no such file.
            WeightsCorruptError: It is no model.
        """
        self._faces, self._expressions = TFLiteModel(faces), TFLiteModel(expressions)

    def read(self, pixels_HWC: NDArray[np.uint8], people: Sequence[Region]) -> tuple[Region, ...]:
        """The faces, the surest first, each named `FACE` or `SMILE`; a smile's confidence is the classifier's.

        Args:
            pixels_HWC: RGB, of any size.
            people: Where the detector saw somebody, the surest first.
        """
        if not people:
            return ()
        height, width = pixels_HWC.shape[:2]
        squares_B3 = np.array([_head(person, width, height) for person in people[:_MOST]])
        faces = self._found(pixels_HWC, squares_B3)
        readable = [face for face in faces if face.right - face.left >= _SMALLEST_SMILE_PX / width]
        smiles = dict(zip(readable, self._smiles(pixels_HWC, readable), strict=True))
        return tuple(
            Region(SMILE, smile, face.left, face.top, face.right, face.bottom)
            if (smile := smiles.get(face, 0.0)) >= _SMILE_CONFIDENCE
            else face
            for face in faces
        )

    def _found(self, pixels_HWC: NDArray[np.uint8], squares_B3: NDArray[np.float64]) -> list[Region]:
        height, width = pixels_HWC.shape[:2]
        seen = np.stack([_square(pixels_HWC, square, _FACE_SIDE_PX) for square in squares_B3])
        points_BAX, logits_BA1 = self._faces(_centred(seen))
        points_BA22 = points_BAX[..., :4].reshape(len(seen), -1, 2, 2).numpy() / _FACE_SIDE_PX
        middles_BA2, halves_BA2 = points_BA22[:, :, 0] + _anchors_A2(), points_BA22[:, :, 1] / 2
        corners_BA4 = np.concatenate([middles_BA2 - halves_BA2, middles_BA2 + halves_BA2], -1)
        corners_BA4 = corners_BA4 * squares_B3[:, None, 2:] + np.tile(squares_B3[:, None, :2], 2)
        corners_BA4 = (corners_BA4 / [width, height, width, height]).clip(0, 1)
        scores = logits_BA1.sigmoid().flatten()
        found: list[Region] = []
        for place in scores.argsort(descending=True).tolist():
            confidence = scores[place].item()
            if confidence < _FACE_CONFIDENCE:
                break
            left, top, right, bottom = corners_BA4.reshape(-1, 4)[place].tolist()
            face = Region(FACE, confidence, left, top, right, bottom)
            if (right - left) * width >= _SMALLEST_PX and all(overlap(face, other) <= _SAME for other in found):
                found.append(face)
        return found

    def _smiles(self, pixels_HWC: NDArray[np.uint8], faces: Sequence[Region]) -> list[float]:
        """How sure it is that each of the faces looks happy."""
        if not faces:
            return []
        grey_HW = np.asarray(cv2.cvtColor(pixels_HWC, cv2.COLOR_RGB2GRAY), np.uint8)
        height, width = grey_HW.shape
        sides_px = [_AROUND * max((x.right - x.left) * width, (x.bottom - x.top) * height) for x in faces]
        seen = [
            _square(
                grey_HW,
                np.array([(x.left + x.right) / 2 * width - side / 2, (x.top + x.bottom) / 2 * height - side / 2, side]),
                _EXPRESSION_SIDE_PX,
            )
            for x, side in zip(faces, sides_px, strict=True)
        ]
        (shares_BK,) = self._expressions(_centred(np.stack(seen)[..., None]))
        return shares_BK[:, _HAPPY].tolist()


@cache
def _anchors_A2() -> NDArray[np.float64]:
    """Across and down, in shares of the square."""
    grids = []
    for side, count in _GRIDS:
        middles = (np.arange(side) + 0.5) / side
        across, down = np.meshgrid(middles, middles)
        grids.append(np.stack([across, down], -1).reshape(-1, 2).repeat(count, 0))
    return np.concatenate(grids)


def _head(person: Region, width: int, height: int) -> tuple[float, float, float]:
    """Left, top and side in pixels of the square that holds a person's head, if the person is upright."""
    across, down = (person.right - person.left) * width, (person.bottom - person.top) * height
    side = _HEAD * min(across, down)
    return (person.left + person.right) / 2 * width - side / 2, person.top * height - _ABOVE * side, max(side, 1.0)


def _square(pixels: NDArray[np.uint8], square_3: NDArray[np.float64], side_px: int) -> NDArray[np.uint8]:
    """A square of a picture at another size; what lies outside is black."""
    left, top = (int(x) for x in square_3[:2].round())
    side = max(1, round(float(square_3[2])))
    inside = pixels[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    canvas = np.zeros((side, side, *pixels.shape[2:]), np.uint8)
    down, across = max(-top, 0), max(-left, 0)
    canvas[down : down + inside.shape[0], across : across + inside.shape[1]] = inside
    return np.asarray(cv2.resize(canvas, (side_px, side_px), interpolation=cv2.INTER_AREA), np.uint8)


def _centred(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pixels).float() / 127.5 - 1
