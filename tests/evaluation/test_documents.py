from __future__ import annotations

import json
from pathlib import Path

import PIL.Image
import pytest

from assistant.errors import ConfigError
from assistant.evaluation.documents import READ, documents
from assistant.evaluation.task import Said, Sampling


def written(folder: Path, *rows: dict[str, object]) -> Path:
    PIL.Image.new("RGB", (8, 8)).save(folder / "a.png")
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


RECEIPT: dict[str, object] = {
    "path": "a.png",
    "questions": [{"q": "What is the total?", "a": "60.30"}, {"q": "When?", "a": "19/10/2018"}],
}


def test_fields_are_asked_for_and_so_is_plain_writing(tmp_path: Path) -> None:
    task = documents(written(tmp_path, RECEIPT, {"path": "a.png", "lines": ["KEEP", "OUT"]}))
    assert [(x.text, x.right) for x in task.questions] == [
        ("What is the total?", ("60.30",)),
        ("When?", ("19/10/2018",)),
        (READ, ("KEEP OUT",)),
    ]
    score = task.judge([Said("The total is RM 60.30."), Said("19/10/2018"), Said("Keep it out")])
    assert [round(x.value, 3) for x in score.figures] == [0.667, 0.333]


def test_some_questions_are_chosen(tmp_path: Path) -> None:
    assert len(documents(written(tmp_path, RECEIPT), Sampling(limit=1)).questions) == 1


@pytest.mark.parametrize("questions", [["What?"], [{"q": "What?"}], None])
def test_a_row_without_questions_is_named(tmp_path: Path, questions: object) -> None:
    with pytest.raises(ConfigError, match="line 1 of"):
        documents(written(tmp_path, {"path": "a.png", "questions": questions}))
