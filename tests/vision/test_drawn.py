"""Plain shapes are found where they are, called by their names, and photos have none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from assistant.vision.drawn import _outlines, find_drawn
from assistant.vision.kinds import SHAPES

GROUND = (206, 210, 214)


def canvas(*, size: tuple[int, int] = (320, 240)) -> tuple[Pillow.Image, ImageDraw.ImageDraw]:
    picture = Pillow.new("RGB", size, GROUND)
    return picture, ImageDraw.Draw(picture)


def seen(picture: Pillow.Image) -> list[tuple[str, str]]:
    return [(region.title, region.place) for region in find_drawn(np.asarray(picture))]


def test_shapes_are_named_coloured_and_placed_the_largest_first() -> None:
    picture, draw = canvas()
    draw.ellipse((20, 20, 100, 100), fill="#dc2020")
    draw.rectangle((230, 150, 290, 210), fill="#264cd6")
    assert seen(picture) == [("red circle", "top left"), ("blue square", "bottom right")]


@pytest.mark.parametrize(
    ("points", "name"),
    [
        ([(160, 60), (220, 180), (100, 180)], "triangle"),
        ([(160, 40), (210, 120), (160, 200), (110, 120)], "diamond"),
        ([(80, 90), (240, 90), (240, 150), (80, 150)], "rectangle"),
        ([(110, 70), (160, 45), (210, 70), (210, 170), (160, 195), (110, 170)], "hexagon"),
        ([(90, 100), (170, 100), (170, 60), (240, 120), (170, 180), (170, 140), (90, 140)], "arrow"),
    ],
)
def test_outlines_have_names(points: list[tuple[int, int]], name: str) -> None:
    picture, draw = canvas()
    draw.polygon(points, fill="#1e8c32")
    assert seen(picture) == [(f"green {name}", "center")]


def test_a_ring_is_one_shape_and_its_hole_is_none() -> None:
    picture, draw = canvas()
    draw.ellipse((110, 70, 210, 170), outline="#7e2c98", width=22)
    assert seen(picture) == [("purple ring", "center")]


def test_a_shape_within_a_shape_is_a_second_one() -> None:
    picture, draw = canvas()
    draw.rectangle((70, 30, 250, 210), fill="#f6da24")
    draw.ellipse((130, 90, 190, 150), fill="#121214")
    assert [title for title, _ in seen(picture)] == ["yellow square", "black circle"]


def test_a_gradient_behind_the_shapes_is_none_of_them() -> None:
    ramp = np.linspace(90, 220, 320, dtype=np.uint8)
    picture = Pillow.fromarray(np.repeat(np.repeat(ramp[None, :, None], 240, axis=0), 3, axis=2))
    ImageDraw.Draw(picture).ellipse((40, 60, 120, 140), fill="#f68a1a")
    assert seen(picture) == [("orange circle", "left")]


def test_what_touches_the_edge_is_no_shape_as_nobody_knows_how_it_goes_on() -> None:
    picture, draw = canvas()
    draw.rectangle((0, 60, 60, 120), fill="#dc2020")
    assert seen(picture) == []


def test_a_busy_picture_has_none() -> None:
    noise: NDArray[np.uint8] = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    picture = Pillow.fromarray(noise).resize((320, 240), Pillow.Resampling.BICUBIC)
    ImageDraw.Draw(picture).rectangle((120, 80, 180, 140), fill="#dc2020")
    assert seen(picture) == []


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (10_000, 10)])
def test_pictures_of_odd_sizes_are_looked_at_too(size: tuple[int, int]) -> None:
    assert seen(canvas(size=size)[0]) == []


def test_no_more_than_asked_for() -> None:
    picture, draw = canvas()
    for x in range(20, 300, 40):
        draw.ellipse((x, 100, x + 25, 125), fill="#dc2020")
    assert len(find_drawn(np.asarray(picture), at_most=3)) == 3


def test_every_name_that_is_given_is_a_known_shape() -> None:
    assert {"oval", "rectangle", *_outlines()[0]} == set(SHAPES)
