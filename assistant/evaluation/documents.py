"""Questions about writing in photos: the fields of a receipt, the words on a sign."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from assistant.evaluation.pictures import Pictures
from assistant.evaluation.rows import read_rows, text_field
from assistant.evaluation.task import ALL, Question, Sampling, Task
from assistant.evaluation.visual_questions import judge_answers

READ = "What is written in the picture?"
_MAX_TOKENS = 40


def documents(folder: Path, sampling: Sampling = ALL) -> Task:
    """The questions of a `manifest.jsonl`, whose rows hold `path` and `questions`: objects with `q` and `a`.

    A row without questions but with `lines` asks for these.

    Raises:
        FileMissingError: There is no manifest, or a photo is not there.
        ConfigError: A line of it holds no such questions.
        InputError: A photo cannot be used.
    """

    def row(fields: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
        asked = fields.get("questions") or [{"q": READ, "a": " ".join(fields.get("lines") or [])}]
        if not isinstance(asked, list) or not all(isinstance(item, dict) for item in asked):
            raise ValueError(f"questions must be a list of objects, got {asked!r}")
        return text_field(fields, "path"), [(text_field(item, "q"), text_field(item, "a")) for item in asked]

    rows = read_rows(folder / "manifest.jsonl", row, fields="path, questions (q, a), lines")
    chosen = sampling.of([(path, *item) for path, asked in rows for item in asked])
    pictures = Pictures(folder)
    questions = [Question(path, pictures[path], question, (answer,)) for path, question, answer in chosen]
    return Task("ocr", questions, partial(judge_answers, questions), _MAX_TOKENS)
