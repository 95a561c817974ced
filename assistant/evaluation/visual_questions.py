"""Open questions about photos, judged as VQA judges them, and the files that hold open and closed ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from assistant.evaluation.answers import contains, normalized
from assistant.evaluation.pictures import Pictures
from assistant.evaluation.rows import read_rows, text_field
from assistant.evaluation.score import Score, share
from assistant.evaluation.task import Question, Said, Task

Kind: TypeAlias = Literal["presence", "count", "open"]

_ASKED = " Answer with one or two words."
_MAX_TOKENS = 16


def load_questions(folder: Path) -> dict[Kind, list[Question]]:
    """The questions of all `.jsonl` files of a folder, by kind.

    A row holds `path` of a photo (from the folder), `question`, and either `answers`, any of which is right, or `answer` with a
    `type`: presence (yes, no) or count (a number).

    Raises:
        FileMissingError: There is no such file, or a photo is not there.
        ConfigError: A line is no such question.
        InputError: A photo cannot be used.
    """

    def row(fields: dict[str, Any]) -> tuple[Kind, str, str, tuple[str, ...]]:
        path, question = text_field(fields, "path"), text_field(fields, "question")
        if "answers" in fields:
            return "open", path, question, _texts(fields, "answers")
        answer, kind = text_field(fields, "answer"), fields.get("type")
        if kind == "presence" and answer in ("yes", "no"):
            return "presence", path, question, (answer,)
        if kind == "count" and answer.isdecimal():
            return "count", path, question, (answer,)
        raise ValueError(f"type must be presence (yes, no) or count (a number), got {kind!r} with {answer!r}")

    pictures = Pictures(folder)
    loaded: dict[Kind, list[Question]] = {"presence": [], "count": [], "open": []}
    for file in sorted(folder.glob("*.jsonl")):
        for kind, path, question, right in read_rows(file, row, fields="path, question, answers; or answer, type"):
            loaded[kind].append(Question(path, pictures[path], question, right))
    return loaded


def visual_questions(questions: Sequence[Question]) -> Task:
    """The answer in a word or two; right is any of several."""
    asked = [Question(x.key, x.image, f"{x.text.rstrip(' ?')}?{_ASKED}", x.right) for x in questions]
    return Task("vqa", asked, partial(judge_answers, questions), _MAX_TOKENS)


def judge_answers(questions: Sequence[Question], said: Sequence[Said]) -> Score:
    """How many replies are a right answer, and how many have one in them."""
    pairs = [(x.right, answer.reply) for x, answer in zip(questions, said, strict=True)]
    return Score(
        (
            share("contained", [any(contains(reply, answer) for answer in right) for right, reply in pairs]),
            share("exact", [normalized(reply) in {normalized(answer) for answer in right} for right, reply in pairs]),
        )
    )


def _texts(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    values = fields[name]
    if not isinstance(values, list) or not values:
        raise ValueError(f"{name} must be a list of texts, got {values!r}")
    return tuple(text_field({name: value}, name) for value in values)
