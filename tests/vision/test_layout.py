"""Where regions lie is told only where it is clear."""

from __future__ import annotations

import pytest

from assistant.types import Region
from assistant.vision.layout import at_place, is_on_side, neighbour, outermost, related, with_article

DOG = Region("dog", 0.9, 0.1, 0.4, 0.3, 0.6)
CAT = Region("cat", 0.9, 0.12, 0.7, 0.3, 0.9)
UMBRELLA = Region("umbrella", 0.9, 0.6, 0.0, 1.0, 0.5, colour="red")
REGIONS = (DOG, CAT, UMBRELLA)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("which one is furthest to the right", "The red umbrella is furthest to the right."),
        ("which is leftmost", ""),
        ("what is the largest thing", "The red umbrella is the biggest."),
        ("what is the smallest thing in the picture", ""),
        ("what is the largest country in the world", ""),
        ("what is the largest building in the picture", ""),
        ("最下面的是什么", "The cat is furthest down."),
        ("哪个国家最大", ""),
        ("what is it", ""),
    ],
)
def test_what_two_share_or_nobody_looked_for_has_no_outermost(question: str, told: str) -> None:
    assert outermost(question, REGIONS) == told


def test_the_outermost_of_one_kind_is_told_where_the_question_names_it() -> None:
    pets = (DOG, CAT)
    assert outermost("which pet is the lowest", REGIONS, "pet", pets) == "The cat is furthest down."
    assert outermost("which house is the lowest", REGIONS, "pet", pets) == ""


def test_one_thing_is_no_extreme() -> None:
    assert outermost("what is the biggest thing", (DOG,)) == ""


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("what is on the left side", "At the left: a dog, a cat."),
        ("what do you see in the upper right corner", "At the top right: a red umbrella."),
        ("what is at the top of the picture", "At the top: a red umbrella."),
        ("what is in the middle", ""),
        ("左下角是什么", "At the bottom left: a cat."),
        ("what is at the bottom right", "No thing was found at the bottom right."),
        ("who is at the top of the league", ""),
        ("should i turn to the left at the lights", ""),
        ("what colour is the wall on the left", ""),
        ("一年左右方便吗", ""),
        ("which is right", ""),
        ("what is on the left of the street", ""),
    ],
)
def test_a_part_of_the_picture_is_asked_for(question: str, told: str) -> None:
    assert at_place(question, REGIONS, whole=False) == told


def test_a_place_that_a_big_thing_reaches_into_is_not_called_empty() -> None:
    big = Region("circle", 0.9, 0.05, 0.05, 0.95, 0.95)
    assert at_place("what is on the left", (big,), whole=True) == ""
    assert at_place("what is on the left", (UMBRELLA,), whole=True) == "There is nothing at the left."


def test_the_neighbour_is_the_nearest_on_that_side() -> None:
    assert neighbour("what is below the umbrella", "umbrella", UMBRELLA, REGIONS) == "Below the umbrella: a dog."
    assert neighbour("what is to the right of the cat", "cat", CAT, REGIONS) == "To the right of the cat: a red umbrella."
    assert neighbour("what is to the left of the dog", "dog", DOG, REGIONS) == "No thing was found to the left of the dog."
    assert neighbour("is it to the left of the dog", "dog", DOG, REGIONS) == ""
    assert neighbour("what is the dog to the left of", "dog", DOG, REGIONS) == ""
    assert neighbour("what is below the stuffed dog", "dog", DOG, REGIONS) == ""


def test_a_side_is_confirmed_or_denied_where_it_is_clear() -> None:
    dog, cat = ("dog", DOG), ("cat", CAT)
    assert is_on_side("is the dog above the cat", dog, cat) == "Yes, the dog is above the cat."
    assert is_on_side("the dog is below the cat, right", dog, cat) == "No, the dog is not below the cat."
    assert is_on_side("is the dog to the left of the cat", dog, cat) == ""
    assert is_on_side("is the dog as old as the cat", dog, cat) == ""
    assert is_on_side("is the stuffed dog above the cat", dog, cat) == ""


def test_two_things_are_told_apart() -> None:
    assert list(related(("dog", DOG), ("cat", CAT))) == ["The dog is above the cat."]
    assert list(related(("dog", DOG), ("umbrella", UMBRELLA))) == [
        "The dog is to the left of and below the umbrella.",
        "The umbrella is bigger.",
    ]


@pytest.mark.parametrize(
    ("name", "told"), [("dog", "a dog"), ("umbrella", "an umbrella"), ("unicorn", "a unicorn"), ("hour hand", "an hour hand")]
)
def test_names_have_their_article(name: str, told: str) -> None:
    assert with_article(name) == told
