"""Questions and answers in both languages."""

from __future__ import annotations

import re
import string

import pytest

from assistant.training.phrases import ANSWERS, COLOURS_ZH, DIRECTIONS, NUMBERS, ORDINALS, PLACES_ZH, QUESTIONS, SIDES
from assistant.training.shapes import COLOURS
from assistant.types import place_of


def blanks(phrase: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name}


@pytest.mark.parametrize(
    "table", [QUESTIONS, ANSWERS, NUMBERS and DIRECTIONS, SIDES], ids=["questions", "answers", "directions", "sides"]
)
def test_both_languages_have_the_same_forms(table: dict[str, dict[str, object]]) -> None:
    assert table["en"].keys() == table["zh"].keys()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_ways_to_ask_one_thing_are_different_and_fill_the_same_blanks(language: str) -> None:
    for form, phrases in QUESTIONS[language].items():  # type: ignore[index]
        assert len(set(phrases)) == len(phrases) >= 3, form
        needed = set().union(*map(blanks, phrases))
        if form != "unsure":
            assert all(blanks(phrase) == needed for phrase in phrases), form


def test_chinese_phrases_hold_no_english() -> None:
    for phrases in (*QUESTIONS["zh"].values(), *ANSWERS["zh"].values()):
        assert not any(re.search(r"[A-Za-z]", re.sub(r"\{\w+\}", "", phrase)) for phrase in phrases)


def test_colours_places_and_numbers_have_chinese_names() -> None:
    assert COLOURS.keys() <= COLOURS_ZH.keys()
    assert {place_of(x, y) for x in (0.1, 0.5, 0.9) for y in (0.1, 0.5, 0.9)} == PLACES_ZH.keys()
    assert len(NUMBERS["en"]) == len(NUMBERS["zh"]) and len(ORDINALS["en"]) == len(ORDINALS["zh"])
