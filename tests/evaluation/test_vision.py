from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from assistant.dialogue.compose import Manner
from assistant.dialogue.manager import DialogueOptions
from assistant.evaluation.closed import presence
from assistant.evaluation.conditions import CONDITIONS
from assistant.evaluation.subject import Subject
from assistant.evaluation.task import Question
from assistant.evaluation.vision import VisionReport, evaluate_vision
from assistant.testing import ScriptedVision
from assistant.types import Image
from tests.evaluation.scripted_sight import ScriptedSight


def question(name: str, right: str) -> Question:
    return Question(name, Image(np.zeros((4, 4, 3), np.uint8), name), "Is it a dog?", (right,))


async def reported(*, sees: bool = True) -> VisionReport:
    """Of a model that knows a dog when it sees one."""
    model = ScriptedSight(lambda shown, text: "Yes." if shown.startswith("dog") else "No.", sees=sees)
    subject = Subject(model, ScriptedVision(), lambda fusion: DialogueOptions((), Manner(fusion)))
    asked = [question("dog", "yes"), question("cat", "no")] * 20
    return await evaluate_vision(subject, [presence(asked)], CONDITIONS.values())


async def test_what_is_right_blind_or_of_another_picture_stands_beside() -> None:
    report = await reported()
    right = {result.condition: result.score.figures[0].value for result in report.results}
    assert right == {"tokens+evidence": 1.0, "tokens": 1.0, "evidence": 0.5, "blind": 0.5, "shuffled": 0.0}
    assert all(result.questions == 40 for result in report.results)
    lines = report.table().splitlines()
    assert lines[2].startswith("presence (40)")
    assert [line.split()[0] for line in lines[3:8]] == list(CONDITIONS)
    assert lines[3].split()[1:7] == ["100.0", "±4.4", "100.0", "±8.1", "of", "20"]


async def test_a_blind_model_is_asked_what_it_can_be_asked() -> None:
    assert [result.condition for result in (await reported(sees=False)).results] == ["evidence", "blind", "shuffled"]


async def test_replies_are_kept_in_order_for_a_person_to_read(tmp_path: Path) -> None:
    report = await reported()
    report.save_replies(tmp_path / "replies.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "replies.jsonl").read_text().splitlines()]
    assert len(rows) == 5 * 40
    assert rows[1] == {
        "task": "presence",
        "condition": "tokens+evidence",
        "picture": "cat",
        "question": "Is it a dog? Answer yes or no.",
        "right": ["no"],
        "reply": "No.",
        "margin": -1.0,
    }
    assert json.loads(json.dumps(report.to_dict()))["results"][0]["score"]["figures"][0]["name"] == "accuracy"


async def test_progress_counts_to_the_end() -> None:
    told: list[tuple[int, int]] = []
    subject = Subject(ScriptedSight(lambda shown, text: "No"), ScriptedVision(), lambda fusion: DialogueOptions((), Manner(fusion)))
    tasks = [presence([question("dog", "yes")]), presence([question("cat", "no")] * 2)]
    conditions = [CONDITIONS["tokens"], CONDITIONS["blind"]]
    await evaluate_vision(subject, tasks, conditions, progress=lambda what, done, total: told.append((done, total)))
    assert told == [(0, 6), (1, 6), (2, 6), (4, 6), (6, 6)]
