from __future__ import annotations

import json
from pathlib import Path

import PIL.Image
import pytest

from assistant.errors import ConfigError
from assistant.evaluation.task import Said
from assistant.evaluation.visual_questions import load_questions, visual_questions

ROWS: list[dict[str, object]] = [
    {"path": "a.png", "question": "Is there a dog?", "answer": "yes", "type": "presence"},
    {"path": "a.png", "question": "How many dogs?", "answer": "2", "type": "count"},
    {"path": "a.png", "question": "what is on the bed", "answers": ["pillow", "red cushion"], "type": "daquar"},
]


def written(folder: Path, rows: list[dict[str, object]]) -> Path:
    PIL.Image.new("RGB", (8, 8)).save(folder / "a.png")
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_rows_of_all_files_are_sorted_by_kind(tmp_path: Path) -> None:
    (tmp_path / "more.jsonl").write_text(json.dumps(ROWS[0]))
    loaded = load_questions(written(tmp_path, ROWS))
    assert {kind: len(questions) for kind, questions in loaded.items()} == {"presence": 2, "count": 1, "open": 1}
    assert loaded["presence"][0].image is loaded["count"][0].image


def test_any_of_several_answers_is_right_alone_or_within_a_reply(tmp_path: Path) -> None:
    task = visual_questions(load_questions(written(tmp_path, [ROWS[2]] * 4))["open"])
    assert task.questions[0].text == "what is on the bed? Answer with one or two words."
    said = [Said(x) for x in ("A pillow.", "There are red cushions on it", "cushion", "")]
    assert [(x.name, x.value) for x in task.judge(said).figures] == [("contained", 0.5), ("exact", 0.25)]


@pytest.mark.parametrize("change", [{"answer": "perhaps"}, {"answers": []}, {"answers": [7]}, {"question": ""}])
def test_a_line_that_is_no_question_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="line 2 of"):
        load_questions(written(tmp_path, [ROWS[0], ROWS[0] | change]))
