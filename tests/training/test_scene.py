"""What is known of a picture."""

from __future__ import annotations

from assistant.training.nouns import Noun
from assistant.training.scene import Reference, Scene, Thing

CIRCLE, STAR = Noun("circle"), Noun("star")


def test_a_thing_is_spoken_of_in_the_shortest_way_that_means_no_other() -> None:
    red, blue = Thing(CIRCLE, 0, 0, 0.2, 0.2, "red"), Thing(CIRCLE, 0.5, 0, 0.7, 0.2, "blue")
    star, twin = Thing(STAR, 0, 0.5, 0.2, 0.7, "red"), Thing(CIRCLE, 0.5, 0.5, 0.7, 0.7, "red")
    scene = Scene((red, blue, star))
    assert scene.reference(star) == Reference(STAR)
    assert scene.reference(red) == Reference(CIRCLE, "red")
    assert Scene((red, blue, twin)).reference(red) is None


def test_a_thing_near_a_border_has_no_place() -> None:
    assert Thing(CIRCLE, 0.0, 0.0, 0.2, 0.2).place == "top left"
    assert Thing(CIRCLE, 0.4, 0.4, 0.6, 0.6).place == "center"
    assert Thing(CIRCLE, 0.3, 0.4, 0.46, 0.6).place is None
    assert Thing(CIRCLE, 0.0, 0.0, 0.5, 0.2).area == 0.1
