from __future__ import annotations

import json
from pathlib import Path

import PIL.Image
import pytest

from assistant.errors import ConfigError
from assistant.evaluation.suite import TASKS, build_tasks
from assistant.evaluation.task import Sampling, Task
from assistant.training.data_store import DataStore
from tests.vision.tiny_vision import TinyEncoder

ROWS: dict[str, list[dict[str, object]]] = {
    "images": [{"path": "a.png", "class_index": 0}],
    "captions": [{"path": "a.png", "captions": ["A cat."], "objects": {"cat": 1}}],
    "ocr": [{"path": "a.png", "questions": [{"q": "What is the total?", "a": "3"}]}],
    "vqa": [
        {"path": "a.png", "question": "Is there a cat?", "answer": "yes", "type": "presence"},
        {"path": "a.png", "question": "How many cats?", "answer": "1", "type": "count"},
        {"path": "a.png", "question": "what is it", "answers": ["cat"]},
    ],
}


def built(folder: Path, *wanted: str, data: Path | None = None, **rows: list[dict[str, object]]) -> tuple[list[Task], list[str]]:
    for name, those in rows.items():
        (folder / name).mkdir()
        PIL.Image.new("RGB", (8, 8)).save(folder / name / "a.png")
        (folder / name / "manifest.jsonl").write_text("\n".join(map(json.dumps, those)))
    said: list[str] = []
    store = DataStore(folder / "cache")
    sampling = Sampling(limit=12)
    tasks = build_tasks(wanted, data=data, store=store, encoder=TinyEncoder, sampling=sampling, seed=1, say=said.append)
    return tasks, said


def test_a_folder_gives_its_tasks_and_scenes_are_drawn(tmp_path: Path) -> None:
    tasks, said = built(tmp_path, *TASKS, data=tmp_path, **ROWS)
    assert {task.name: len(task.questions) for task in tasks} == {
        **dict.fromkeys(("naming", "presence", "count", "vqa", "captions", "ocr"), 1),
        "scenes": 12,
    }
    assert ["signs is left out" in line and "assistant train data fonts-sans" in line for line in said] == [True]


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    tasks, said = built(tmp_path, "naming", "ocr", "scenes", data=tmp_path, images=ROWS["images"])
    assert [task.name for task in tasks] == ["naming", "scenes"]
    assert [line.startswith("ocr is left out: there is no folder") for line in said] == [True]
    assert len(built(tmp_path, "naming", "scenes")[1]) == 1


def test_nothing_to_ask_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to ask"):
        built(tmp_path, "vqa")
