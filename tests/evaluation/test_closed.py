from __future__ import annotations

import numpy as np
import pytest

from assistant.evaluation.closed import UNPARSED, counting, presence
from assistant.evaluation.score import Score
from assistant.evaluation.task import Question, Said
from assistant.types import Image

IMAGE = Image(np.zeros((2, 2, 3), np.uint8), "a")


def asked(*right: str) -> list[Question]:
    return [Question("a.png", IMAGE, "Is there a dog?", (x,)) for x in right]


def values(score: Score) -> dict[str, float]:
    return {figure.name: figure.value for figure in score.figures}


def test_a_model_that_always_says_yes_is_known_by_its_ratio() -> None:
    got = values(presence(asked("yes", "no", "no")).judge([Said("Yes.")] * 3))
    assert got["accuracy"] == got["precision"] == pytest.approx(1 / 3)
    assert (got["recall"], got["yes ratio"], got["unparsed"], got["AUC"]) == (1.0, 1.0, 0.0, 0.5)
    assert got["F1"] == pytest.approx(0.5)


def test_what_is_neither_yes_nor_no_is_wrong_and_counted_while_the_margin_may_be_right() -> None:
    score = presence(asked("yes", "no")).judge([Said("Perhaps", 1.5), Said("No", -0.5)])
    got = values(score)
    assert (got["accuracy"], got["unparsed"], got["by score"], got["AUC"]) == (0.5, 0.5, 1.0, 1.0)
    assert score.confusions == {"presence": {"yes": {UNPARSED: 1}, "no": {"no": 1}}}


def test_questions_say_how_to_answer_and_both_answers_are_scored() -> None:
    task = presence(asked("yes"))
    assert task.questions[0].text == "Is there a dog? Answer yes or no."
    assert task.candidates == ("Yes", "No")


def test_numbers_are_exact_or_within_one_beside_the_commonest() -> None:
    score = counting(asked("2", "1", "1")).judge([Said("There are two."), Said("2"), Said("some")])
    got = values(score)
    assert got["exact"] == pytest.approx(1 / 3)
    assert got["within 1"] == got["commonest"] == pytest.approx(2 / 3)
    assert got["unparsed"] == pytest.approx(1 / 3)
    assert score.confusions["count"] == {"2": {"2": 1}, "1": {"2": 1, UNPARSED: 1}}
