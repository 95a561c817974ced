"""Places in pictures."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.training.picture import free_boxes, image_of
from assistant.training.sample import chance


@pytest.mark.parametrize("n", [1, 3, 6])
def test_boxes_lie_inside_and_do_not_touch(n: int) -> None:
    for number in range(30):
        boxes = free_boxes(chance(number), (320, 240), (0.2, 0.5), n)
        assert len(boxes) == n
        assert all(box.left >= 0 and box.top >= 0 and box.left + box.width <= 320 and box.top + box.height <= 240 for box in boxes)
        assert not any(box.touches(other, 0) for i, box in enumerate(boxes) for other in boxes[:i])


def test_a_picture_is_known_by_its_pixels_and_its_shape() -> None:
    black = np.zeros((2, 3, 3), np.uint8)
    assert image_of(black).sha256 == image_of(black.copy()).sha256 != image_of(black.reshape(3, 2, 3)).sha256
