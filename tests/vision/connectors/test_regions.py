from __future__ import annotations

from dataclasses import replace

import torch

from assistant.types import Region
from assistant.vision.connectors.regions import RegionTokens, phrase
from tests.vision.tiny_vision import TinyWords

DOG, LEFT, RIGHT = (
    Region("dog", 0.9, 0, 0.9, 1, 1),
    Region("person", 0.8, 0, 0, 0.1, 1),
    Region("person", 0.7, 0.9, 0, 1, 1),
)


def test_regions_are_counted_by_name_the_surest_first() -> None:
    assert phrase([DOG, LEFT, RIGHT]) == " three things: a dog (bottom), a person (left), a person (right)."


def test_only_shapes_are_told_with_their_colour() -> None:
    star, dog = replace(LEFT, name="star", colour="red"), replace(DOG, colour="grey")
    assert phrase([star, dog]) == " two things: a red star (left), a dog (bottom)."


def test_an_untrained_region_is_its_words() -> None:
    words = TinyWords()
    tokens = RegionTokens(words, most=2, start="Found:")
    torch.testing.assert_close(tokens([DOG, LEFT, RIGHT]), words("Found: two things: a dog (bottom), a person (left)."))


def test_nothing_found_takes_no_token() -> None:
    assert RegionTokens(TinyWords(), most=8, start="Found:")([]).shape == (0, TinyWords.width)


def test_no_more_are_told_than_there_are_words_for() -> None:
    assert len(RegionTokens(TinyWords(), most=99, start="")([DOG] * 30)) == len(TinyWords()(phrase([DOG] * 10)))
