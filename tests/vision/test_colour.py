from __future__ import annotations

import numpy as np
import pytest

from assistant.vision.colour import main_colours


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((220, 20, 20), "red"),
        ((255, 140, 0), "orange"),
        ((250, 225, 20), "yellow"),
        ((20, 160, 40), "green"),
        ((30, 80, 200), "blue"),
        ((130, 20, 130), "purple"),
        ((255, 150, 190), "pink"),
        ((110, 70, 35), "brown"),
        ((128, 128, 128), "grey"),
        ((0, 0, 110), "dark blue"),
    ],
)
def test_a_plain_colour_has_its_everyday_name(rgb: tuple[int, int, int], name: str) -> None:
    colours = main_colours(np.full((50, 70, 3), rgb, np.uint8))
    assert [(x.name, x.confidence) for x in colours] == [(name, 1.0)]


def test_shares_are_of_the_area_and_the_largest_comes_first() -> None:
    pixels_HWC = np.full((100, 100, 3), (30, 80, 200), np.uint8)
    pixels_HWC[:30] = (250, 225, 20)
    pixels_HWC[95:] = (220, 20, 20)
    blue, yellow = main_colours(pixels_HWC)
    assert (blue.name, yellow.name) == ("blue", "yellow")
    assert yellow.confidence == pytest.approx(0.3, abs=0.03)


def test_the_answer_is_the_same_every_time() -> None:
    pixels_HWC = np.random.default_rng(0).integers(0, 256, (300, 200, 3), dtype=np.uint8)
    assert main_colours(pixels_HWC) == main_colours(pixels_HWC)
