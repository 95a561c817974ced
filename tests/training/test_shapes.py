"""Drawn scenes."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.training.sample import chance
from assistant.training.shapes import COLOURS, SHAPES, Shapes, pair_split
from assistant.vision.colour import COLOURS as COLOUR_NAMES
from assistant.vision.colour import colour_indices_P


def test_the_colour_expert_calls_the_colours_by_the_same_names() -> None:
    indices = colour_indices_P(np.array(list(COLOURS.values()), np.uint8)).tolist()
    named = dict(zip(COLOURS, (COLOUR_NAMES[index] for index in indices), strict=True))
    assert all(colour in name for colour, name in named.items()), named


def test_pairs_of_colour_and_shape_are_held_out_and_every_colour_and_shape_is_trained() -> None:
    trained = [(colour, shape) for colour in COLOURS for shape in SHAPES if pair_split(colour, shape) == "train"]
    assert 0.1 < 1 - len(trained) / (len(COLOURS) * len(SHAPES)) < 0.35
    assert {colour for colour, _ in trained} == set(COLOURS) and {shape for _, shape in trained} == set(SHAPES)


def test_held_out_pairs_are_in_every_held_out_answer_and_in_no_trained_one() -> None:
    shapes = Shapes(("en",), largest=1)
    for split in ("train", "held-out"):
        for number in range(60):
            text = " ".join(x.answer for x in shapes.sample(number, seed=0, split=split).exchanges if x.task in ("name", "caption"))
            for colour in COLOURS:
                for shape in SHAPES:
                    if f"{colour} {shape}" in text.lower():
                        assert pair_split(colour, shape) == split


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_is_answered_is_seen_in_the_pixels(language: str) -> None:
    shapes = Shapes(("en",) if language == "en" else ("zh",), largest=1)
    for number in range(40):
        sample = shapes.sample(number, seed=0, split="train")
        (image,) = sample.images
        assert image.pixels_HWC.shape[2] == 3
        for exchange in sample.exchanges:
            if exchange.task == "colour" and exchange.answer.rstrip(".").lower() in COLOURS:
                middle = np.array(COLOURS[exchange.answer.rstrip(".").lower()])
                near = (np.abs(image.pixels_HWC.astype(int) - middle).max(axis=2) < 16).mean()
                assert near > 0.01, exchange


def test_the_same_number_gives_the_same_scene() -> None:
    shapes = Shapes(("en", "zh"))
    one, other = shapes.sample(3, seed=5, split="train"), shapes.sample(3, seed=5, split="train")
    assert one.images[0].sha256 == other.images[0].sha256 and one.exchanges == other.exchanges
    assert chance(5, "shapes", "train", 3).random() == chance(5, "shapes", "train", 3).random()
