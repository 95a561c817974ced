from __future__ import annotations

import json
from pathlib import Path

import PIL.Image
import pytest

from assistant.errors import ConfigError
from assistant.evaluation.presence import evaluate_closed, load_questions, number, yes_or_no
from tests.evaluation.scripted_sight import ScriptedSight

ROWS: list[dict[str, object]] = [
    {"path": "a.png", "question": "Is there a dog?", "answer": "yes", "type": "presence"},
    {"path": "a.png", "question": "Is there a car?", "answer": "no", "type": "presence"},
    {"path": "b.png", "question": "Is there a dog?", "answer": "no", "type": "presence"},
    {"path": "a.png", "question": "How many dogs?", "answer": "2", "type": "count"},
    {"path": "b.png", "question": "How many cars?", "answer": "1", "type": "count"},
    {"path": "b.png", "question": "How many cups?", "answer": "1", "type": "count"},
]


def written(folder: Path, rows: list[dict[str, object]]) -> Path:
    for i, name in enumerate(("a.png", "b.png")):
        PIL.Image.new("RGB", (8, 8), (i, 0, 0)).save(folder / name)
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder / "q.jsonl"


async def test_a_model_that_always_says_yes_is_known_by_its_ratio(tmp_path: Path) -> None:
    questions = load_questions(written(tmp_path, ROWS))
    result = await evaluate_closed(ScriptedSight(lambda shown, question: "Yes."), questions)
    picture, blind, shuffled = result.presence
    assert picture.accuracy == pytest.approx(1 / 3)
    assert (picture.recall, picture.yes_ratio, picture.unparsed) == (1.0, 1.0, 0)
    assert picture.precision == pytest.approx(1 / 3)
    assert picture.scored_auc == 0.5
    assert [x.accuracy for x in (blind, shuffled)] == [picture.accuracy] * 2


async def test_a_model_that_sees_is_right_with_the_picture_alone(tmp_path: Path) -> None:
    questions = load_questions(written(tmp_path, ROWS))
    dog = questions[0].image.sha256

    def reply(shown: str, question: str) -> str:
        if question.startswith("How"):
            return "There are two." if shown == dog else "One" if shown else "some"
        return "Yes" if shown == dog and "dog" in question else "No"

    result = await evaluate_closed(ScriptedSight(reply), questions)
    assert (result.presence[0].accuracy, result.presence[0].scored_accuracy, result.presence[0].scored_auc) == (1.0, 1.0, 1.0)
    assert result.presence[2].accuracy == pytest.approx(1 / 3)
    assert [x.exact for x in result.counts] == [1.0, 0.0, 0.0]
    assert result.counts[0].commonest == pytest.approx(2 / 3)
    assert result.counts[1].unparsed == 3
    assert result.counts[2].within_one == 1.0
    assert len(result.table().splitlines()) == 8


@pytest.mark.parametrize(
    ("reply", "yes"),
    [("Yes, there is.", True), ("No.", False), ("There is not.", False), ("Perhaps", None), ("Nobody knows", None)],
)
def test_yes_and_no_are_read_from_a_reply(reply: str, yes: bool | None) -> None:
    assert yes_or_no(reply) is yes


@pytest.mark.parametrize(
    ("reply", "value"), [("3", 3), ("There are two dogs", 2), ("a dog", 1), ("None.", 0), ("many", None), ("12 of them", 12)]
)
def test_numbers_are_read_from_a_reply(reply: str, value: int | None) -> None:
    assert number(reply) == value


def test_a_line_that_is_no_closed_question_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2 of"):
        load_questions(written(tmp_path, [ROWS[0], ROWS[0] | {"answer": "perhaps"}]))
