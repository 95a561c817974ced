"""Shapes and things, one look: each place is told once, and what is doubtful is kept apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

import assistant
from assistant.types import Label, Region
from assistant.vision.detector import ObjectDetector
from assistant.vision.region_finder import RegionFinder

PHOTO = Path(assistant.__file__).parent.parent / "data" / "photo.jpg"


class Saying:
    """A detector that sees the same in every picture."""

    names = ("kite", "car", "person")

    def __init__(self, *things: Region) -> None:
        self.things = things

    def detect(self, pictures: Sequence[NDArray[np.uint8]], *, at_least: float) -> tuple[tuple[Region, ...], ...]:
        return tuple(tuple(thing for thing in self.things if thing.confidence >= at_least) for _ in pictures)


def drawing() -> NDArray[np.uint8]:
    picture = Pillow.new("RGB", (320, 240), (206, 210, 214))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((20, 20, 100, 100), fill="#dc2020")
    return np.asarray(picture)


def test_a_shape_is_no_second_thing_in_the_same_place() -> None:
    kite, car = Region("kite", 0.6, 0.06, 0.08, 0.31, 0.42), Region("car", 0.5, 0.6, 0.6, 0.9, 0.9)
    (found,) = RegionFinder(Saying(kite, car)).find([drawing()])
    assert [region.title for region in found.regions] == ["red square", "grey car"]


def test_what_is_not_likely_is_a_glimpse_and_told_once() -> None:
    things = [Region("car", share, 0.6, 0.6, 0.9, 0.9) for share in (0.2, 0.1)] + [Region("person", 0.01, 0.6, 0.6, 0.9, 0.9)]
    (found,) = RegionFinder(Saying(*things)).find([drawing()])
    assert found.glimpses == (Label("car", 0.2),)


def test_a_thing_that_is_sure_is_no_glimpse_as_well() -> None:
    things = [Region("car", share, 0.6, 0.6, 0.9, 0.9) for share in (0.9, 0.1)]
    (found,) = RegionFinder(Saying(*things)).find([drawing()])
    assert found.glimpses == ()


def test_a_thing_at_the_very_edge_has_the_colour_of_the_edge() -> None:
    things = [Region("car", 0.9, 1.0, 0.2, 1.0, 0.4), Region("car", 0.9, 0.4, 1.0, 0.6, 1.0)]
    (found,) = RegionFinder(Saying(*things)).find([drawing()])
    assert [region.title for region in found.regions] == ["red square", "grey car", "grey car"]


def test_people_have_no_colour_and_nor_have_things_of_many() -> None:
    half = drawing().copy()
    half[150:] = (20, 160, 40)
    things = (Region("person", 0.9, 0.6, 0.6, 0.9, 0.9), Region("car", 0.9, 0.5, 0.4, 0.8, 0.85))
    (found,) = RegionFinder(Saying(*things)).find([half])
    assert {region.name: region.colour for region in found.regions if region.name in ("person", "car")} == {"person": "", "car": ""}


def test_the_real_detector_sees_the_photo(weights_dir: Callable[[str], Path]) -> None:
    finder = RegionFinder(ObjectDetector(weights_dir("ssd-mobilenet-v2-coco") / "model.pb"))
    with Pillow.open(PHOTO) as opened:
        (found,) = finder.find([np.asarray(opened.convert("RGB"))])
    assert found.regions and all(region.name in finder.names for region in found.regions)


def test_faces_are_looked_for_only_where_people_are() -> None:
    class Smiling:
        asked: list[Sequence[Region]] = []

        def read(self, pixels_HWC: NDArray[np.uint8], people: Sequence[Region]) -> tuple[Region, ...]:
            self.asked.append(people)
            return (Region("smiling face", 0.9, 0.7, 0.1, 0.8, 0.2),)

    person, car = Region("person", 0.9, 0.6, 0.0, 0.9, 0.9), Region("car", 0.5, 0.5, 0.6, 0.9, 0.9)
    (found,) = RegionFinder(Saying(person, car), Smiling()).find([drawing()])
    assert [face.name for face in found.faces] == ["smiling face"]
    assert Smiling.asked == [[person]]
    (found,) = RegionFinder(Saying(car, Region("person", 0.2, 0.6, 0.0, 0.9, 0.9)), Smiling()).find([drawing()])
    assert found.faces == ()
    assert len(Smiling.asked) == 1
