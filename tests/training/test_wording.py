"""English and Chinese."""

from __future__ import annotations

import pytest

from assistant.training.nouns import Noun
from assistant.training.phrases import QUESTIONS
from assistant.training.sample import Language, chance
from assistant.training.wording import Wording, countable, held_out_phrase, plural, with_article

TIGER = Noun("tiger", "老虎")


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("tiger", "tigers"),
        ("cross", "crosses"),
        ("baby", "babies"),
        ("monkey", "monkeys"),
        ("field mouse", "field mice"),
        ("ear of corn", "ears of corn"),
        ("swordfish", "swordfish"),
        ("tomato", "tomatoes"),
        ("city by the water", "cities by the water"),
        ("knife", "knives"),
    ],
)
def test_plurals(noun: str, expected: str) -> None:
    assert plural(noun) == expected


@pytest.mark.parametrize(
    ("noun", "expected"),
    [
        ("apple", "an apple"),
        ("unicorn", "a unicorn"),
        ("umbrella", "an umbrella"),
        ("hourglass", "an hourglass"),
        ("european bear", "a european bear"),
        ("garlic bread", "garlic bread"),
        ("jeans", "jeans"),
        ("glass of water", "a glass of water"),
        ("cross", "a cross"),
    ],
)
def test_articles(noun: str, expected: str) -> None:
    assert with_article(noun) == expected


def test_what_cannot_be_counted() -> None:
    assert not countable("bread") and not countable("binoculars")
    assert countable("bus") and countable("octopus") and countable("dress")


def test_numbers_places_and_lists_are_said_as_people_say_them() -> None:
    english, chinese = Wording("en", chance(0), "train"), Wording("zh", chance(0), "train")
    assert english.some(2, TIGER, "red") == "two red tigers" and chinese.some(2, TIGER, "red") == "两个红色的老虎"
    assert english.at_place("top left") == "at the top left" and english.at_place("left") == "on the left"
    assert english.listed(["a", "b", "c"]) == "a, b and c" and chinese.listed(["甲", "乙"]) == "甲和乙"
    assert english.a_kind("food") == "food" and english.a_kind("animal") == "an animal" and chinese.a_kind("animal") == "动物"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_way_to_ask_is_never_trained(language: Language) -> None:
    for form, phrases in QUESTIONS[language].items():
        secret = held_out_phrase(phrases)
        blanks = dict.fromkeys(
            ["thing", "a_thing", "things", "other", "others", "colour", "direction", "side", "at_place", "ordinal", "words"], "x"
        )
        filled = secret.format(**blanks)
        wording = Wording(language, chance(form), "train")
        assert all(filled not in wording.exchange("name", form, "y", None, **blanks).question for _ in range(60)), form
        held_out = Wording(language, chance(form), "held-out")
        assert filled in held_out.exchange("name", form, "y", None, **blanks).question


def test_an_answer_is_a_phrase_where_the_question_asks_for_one() -> None:
    wording = Wording("en", chance(1), "train")
    made = [wording.exchange("name", "name", "a tiger", "name") for _ in range(300)]
    assert {x.answer for x in made if x.question.endswith(("briefly.", "short.", "two.", "please."))} == {"A tiger."}
    assert "The picture shows a tiger." in {x.answer for x in made}


def test_what_was_asked_before_is_known() -> None:
    wording = Wording("en", chance(1), "train")
    wording.exchange("count", "count", "one", None, things="cats")
    assert not wording.repeats
    wording.exchange("count", "count", "one", None, things="cats")
    assert wording.repeats
