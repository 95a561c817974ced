"""Conversations without pictures, with the untouched model's own answers, so that what it could say it still can."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from assistant.errors import ConfigError, FileMissingError
from assistant.training.data_store import DataStore
from assistant.training.order import item_of
from assistant.training.sample import Exchange, Language, Sample, Split, chance, split_of

_FOLDERS: dict[Language, str] = {"en": "english", "zh": "chinese"}
_UNSUITABLE = frozenset({"botprofile", "gossip", "politics"})
"""Files about who the machine is and about people: a reply to them is no knowledge worth keeping."""
_FIRST_LINE = re.compile(r"^- - (.+)$")
_ARITHMETIC = 200


def replay_prompts(store: DataStore, languages: Sequence[Language]) -> list[str]:
    """The opening lines of ChatterBot's dialogues, and sums; each once, always in the same order.

    Raises:
        WeightsMissingError: The dialogues are not here.
    """
    prompts: list[str] = []
    for language in languages:
        for path in sorted((store.folder("dialogues") / _FOLDERS[language]).glob("*.yml")):
            if path.stem not in _UNSUITABLE:
                prompts += _opening_lines(path)
    rng = chance("arithmetic")
    for _ in range(_ARITHMETIC if "en" in languages else 0):
        a, b = rng.randint(2, 60), rng.randint(2, 60)
        prompts.append(rng.choice((f"What is {a} plus {b}?", f"What is {max(a, b)} minus {min(a, b)}?", f"{a} + {b} =")))
    return list(dict.fromkeys(prompts))


def _opening_lines(path: Path) -> Iterator[str]:
    """Of the corpus's own plain layout: a conversation begins with two dashes, and a long line goes on below, indented."""
    line = ""
    for row in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if match := _FIRST_LINE.match(row):
            line = match[1]
        elif line and row.startswith("    "):
            line += " " + row.strip()
        elif line:
            text = line.strip("'\" ").replace("''", "'")
            if 2 <= len(text) <= 200:
                yield text
            line = ""


def recorded_prompts(path: Path) -> frozenset[str]:
    """What a file has answers to; nothing where there is none."""
    return frozenset(question for question, _ in _rows(path)) if path.exists() else frozenset()


def write_replies(path: Path, replies: Iterable[tuple[str, str]]) -> None:
    """Add prompts and their answers to a file, after its last whole line: of one that was stopped in the middle nothing stays."""
    with path.open("ab") as lines:
        lines.truncate(path.read_bytes().rfind(b"\n") + 1)
        for question, answer in replies:
            row = json.dumps({"question": question, "answer": answer}, ensure_ascii=False)
            lines.write(row.encode() + b"\n")


class TextReplay:
    """What `write_replies` wrote."""

    name = "replay"
    licence = "BSD-3-Clause, and the model's"

    def __init__(self, path: Path) -> None:
        """Read the answers; those that are empty or broke off without a word are left out.

        Raises:
            FileMissingError: There is no such file.
            ConfigError: A line of it is no answer, or one side of the split is empty.
        """
        self._rows: dict[Split, list[tuple[str, str]]] = {"train": [], "held-out": []}
        for question, answer in _rows(path):
            if answer:
                self._rows[split_of(f"text/{question}")].append((question, answer))
        if not all(self._rows.values()):
            raise ConfigError(f"{path} holds too few answers", hint="record more replies")

    def sample(self, number: int, *, seed: int, split: Split) -> Sample:
        """See `Source.sample`."""
        question, answer = item_of(self._rows[split], number, seed=seed)
        return Sample(self.name, self.licence, f"{self.name}/{split}/{seed}/{number}", (Exchange(question, answer, "chat"),))


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = path.read_bytes().splitlines()  # a text's would also end at separators within an answer
    except OSError as error:
        raise FileMissingError(f"cannot read {path}: {error.strerror}", hint="record the replies first") from error
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            yield str(row["question"]), str(row["answer"])
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines):  # the recording was stopped in the middle of it
                return
            raise ConfigError(f"line {number} of {path} is no answer: {error}", hint="fields: question, answer") from error
