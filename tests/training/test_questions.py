"""Every question that is asked has the answer that the scene proves."""

from __future__ import annotations

from collections import Counter

import pytest

from assistant.training import questions
from assistant.training.nouns import Noun
from assistant.training.questions import FAMILIES, Family, ask
from assistant.training.sample import Exchange, chance
from assistant.training.scene import Scene, Thing
from assistant.training.wording import Wording

CIRCLE, STAR, HEART = Noun("circle", "圆形"), Noun("star", "星形"), Noun("heart", "心形")
TIGER = Noun("tiger", "老虎", frozenset({"animal"}))
CAR = Noun("car", "汽车", frozenset({"vehicle", "car"}))
SHAPES = Scene(
    (
        Thing(CIRCLE, 0.05, 0.05, 0.25, 0.25, "red"),
        Thing(STAR, 0.7, 0.1, 0.8, 0.2, "red"),
        Thing(CIRCLE, 0.7, 0.7, 0.9, 0.9, "blue"),
    ),
    absent=(HEART,),
    colours=("red", "blue", "green"),
)
ZOO = Scene(
    (Thing(TIGER, 0.1, 0.1, 0.3, 0.3), Thing(TIGER, 0.6, 0.1, 0.8, 0.3)), absent=(CAR,), place=Noun("beach"), complete=False
)
PORTRAIT = Scene((Thing(TIGER, 0.3, 0.3, 0.7, 0.7, "orange"),), absent=(CAR,))


def all_of(family: Family, scene: Scene, *, times: int = 200) -> list[Exchange]:
    found = []
    for number in range(times):
        rng = chance(number)
        exchange = family(scene, Wording("en", rng, "train"), rng)
        if exchange is not None:
            found.append(exchange)
    return found


def answers(family: Family, scene: Scene, word: str) -> set[str]:
    """What was answered to questions with a word in them."""
    return {x.answer for x in all_of(family, scene) if word in x.question}


def test_counts_are_exact() -> None:
    assert answers(questions.count, SHAPES, "circles") <= {"Two.", "There are two circles.", "I count two circles."} | {
        "One.",
        *(f"There is one {x} circle." for x in ("red", "blue")),
        *(f"I count one {x} circle." for x in ("red", "blue")),
    }
    assert "Two." in answers(questions.count, SHAPES, " circles")
    assert answers(questions.count, SHAPES, "hearts") <= {
        "Zero.",
        "There is no heart in the picture.",
        "I do not see a heart in the picture.",
    }
    assert answers(questions.count_all, SHAPES, "") == {"Three.", "There are three things.", "I count three things."}


def test_nothing_is_counted_in_all_where_the_background_holds_things_too() -> None:
    assert not all_of(questions.count_all, ZOO) and not all_of(questions.at_place, ZOO)
    assert "Two." in answers(questions.count, ZOO, "tigers")


def test_colours_are_asked_where_one_thing_is_meant() -> None:
    assert answers(questions.colour, SHAPES, "star") == {"Red.", "The star is red."}
    assert not answers(questions.colour, SHAPES, "circle")


def test_places_and_relations() -> None:
    assert answers(questions.where, SHAPES, "red circle") == {
        "Top left.",
        "The red circle is at the top left.",
        "It is at the top left.",
    }
    assert answers(questions.at_place, SHAPES, "at the bottom right") == {"A blue circle."}
    for exchange in all_of(questions.relation, SHAPES):
        if "red circle is to the left of the star" in exchange.question:
            assert exchange.answer.startswith("Yes")
        if "blue circle is above" in exchange.question:
            assert exchange.answer.startswith("No")
    assert answers(questions.outermost, SHAPES, "to the left") == {"A red circle."}
    assert answers(questions.extreme_size, SHAPES, "mallest") == {"A red star."}


def test_two_are_compared() -> None:
    assert answers(questions.bigger, SHAPES, "star") == {"The red circle.", "The blue circle."}
    assert answers(questions.more, SHAPES, "") == {"There are more circles."}
    both_red = Scene((SHAPES.things[0], SHAPES.things[1]), colours=SHAPES.colours)
    assert answers(questions.same_colour, both_red, "") == {"Yes."}
    different = Scene((SHAPES.things[1], SHAPES.things[2]), colours=SHAPES.colours)
    assert not all_of(questions.same_colour, different)  # the answer would nearly always be no


@pytest.mark.parametrize("scene", [SHAPES, PORTRAIT])
@pytest.mark.parametrize("family", [questions.presence, questions.is_it, questions.has_colour, questions.relation])
def test_yes_and_no_are_equally_frequent(family: Family, scene: Scene) -> None:
    words = Counter(x.answer[:2] for x in all_of(family, scene, times=600))
    if words:
        assert 0.4 < words["Ye"] / words.total() < 0.6


def test_no_is_said_only_of_what_is_not_there() -> None:
    for exchange in all_of(questions.presence, SHAPES, times=400):
        there = any(f"{x.colour} {x.noun.en}" in exchange.question for x in SHAPES.things)
        assert exchange.answer.startswith("Yes" if there else "No"), exchange
    kinds = {x.answer[:2]: x.question for x in all_of(questions.presence_of_kind, PORTRAIT)}
    assert "animal" in kinds["Ye"] and "animal" not in kinds["No"]


def test_what_the_picture_cannot_tell_is_left_open() -> None:
    assert all(x.answer.startswith("I am not sure") for x in all_of(questions.unanswerable, SHAPES))
    assert all("no " in x.answer or "not see" in x.answer for x in all_of(questions.false_premise, PORTRAIT))


def test_one_thing_is_named_and_described() -> None:
    assert "A tiger." in answers(questions.name, PORTRAIT, "")
    assert "An animal." in answers(questions.kind, PORTRAIT, "")
    assert not all_of(questions.name, SHAPES)
    assert answers(questions.caption, SHAPES, "") == {"A red circle, a red star and a blue circle."}
    assert "Two tigers in front of a beach." in answers(questions.caption, ZOO, "")
    assert "A beach." in answers(questions.place, ZOO, "")


def test_a_conversation_repeats_no_question_and_follows_up() -> None:
    followed = 0
    for number in range(100):
        rng = chance(number)
        asked = ask(SHAPES, Wording("en", rng, "train"), rng, at_most=6)
        assert 0 < len(asked) <= 6
        assert len({x.question for x in asked}) == len(asked)
        followed += any(" it" in x.question.lower() and x.task in ("colour", "where") for x in asked)
    assert followed > 5


def test_every_family_asks_in_both_languages() -> None:
    for family in FAMILIES:
        scenes = (SHAPES, ZOO, PORTRAIT, Scene(SHAPES.things[:2], absent=(HEART,), colours=SHAPES.colours))
        for language in ("en", "zh"):
            made = [family(scene, Wording(language, chance(n), "train"), chance(n)) for scene in scenes for n in range(40)]
            assert any(made), (family, language)
