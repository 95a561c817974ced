"""Where regions lie is told only where it is clear."""

from __future__ import annotations

import pytest

from assistant.types import Region
from assistant.vision.layout import at_place, beside, outermost, related

DOG = Region("dog", 0.9, 0.1, 0.4, 0.3, 0.6)
CAT = Region("cat", 0.9, 0.12, 0.7, 0.3, 0.9)
UMBRELLA = Region("umbrella", 0.9, 0.6, 0.0, 1.0, 0.5, colour="red")
REGIONS = (DOG, CAT, UMBRELLA)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Which one is furthest to the right?", "The red umbrella is furthest to the right."),
        ("Which is leftmost?", ""),
        ("What is the largest thing?", "The red umbrella is the biggest."),
        ("What is the smallest thing?", ""),
        ("最下面的是什么？", "The cat is furthest down."),
        ("What is it?", ""),
    ],
)
def test_what_two_share_has_no_outermost(question: str, told: str) -> None:
    assert outermost(question, REGIONS) == told


def test_one_thing_is_no_extreme() -> None:
    assert outermost("What is the biggest thing?", (DOG,)) == ""


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("What is on the left side?", "At the left: a dog."),
        ("What is in the upper right corner?", "At the top right: a red umbrella."),
        ("What is at the top?", "At the top: a red umbrella."),
        ("What is in the middle?", "No thing was found at the center."),
        ("左下角是什么？", "At the bottom left: a cat."),
        ("Which is right?", ""),
        ("What is on the left of the street?", ""),
    ],
)
def test_a_part_of_the_picture_is_asked_for(question: str, told: str) -> None:
    assert at_place(question, REGIONS, whole=False) == told


def test_the_neighbour_is_the_nearest_on_that_side() -> None:
    assert beside("What is below the umbrella?", "umbrella", UMBRELLA, REGIONS) == "Below the umbrella: a dog."
    assert beside("What is to the right of the cat?", "cat", CAT, REGIONS) == "To the right of the cat: a red umbrella."
    assert beside("What is to the left of the dog?", "dog", DOG, REGIONS) == "No thing was found to the left of the dog."
    assert beside("Is it to the left of the dog?", "dog", DOG, REGIONS) == ""


def test_two_things_are_told_apart() -> None:
    assert list(related(("dog", DOG), ("cat", CAT))) == ["The dog is above the cat."]
    assert list(related(("dog", DOG), ("umbrella", UMBRELLA))) == [
        "The dog is to the left of and below the umbrella.",
        "The umbrella is bigger.",
    ]
