"""Closed questions about photos, as POPE asks them (arXiv:2305.10355): is there a dog, and how many are there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from assistant.config import LimitSettings
from assistant.evaluation.conditions import CONDITIONS, Condition, SeeingModel, prompts_for
from assistant.evaluation.rows import read_rows, text_field
from assistant.types import GenerationOptions, Image
from assistant.vision.image import decode_image

Kind = Literal["presence", "count"]

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ASKED: dict[Kind, str] = {"presence": " Answer yes or no.", "count": " Answer with a number."}
"""Frozen: another wording moves the figures by several points (MobileVLM#41)."""


@dataclass(frozen=True, slots=True, eq=False)
class ClosedQuestion:
    """A question with one right answer: "yes", "no" or a number."""

    path: str
    image: Image
    kind: Kind
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class PresenceScore:
    """Yes/no questions in one condition."""

    condition: Condition
    questions: int
    accuracy: float
    """Of what was written; what is neither yes nor no is wrong."""
    precision: float
    recall: float
    f1: float
    yes_ratio: float
    unparsed: int
    scored_accuracy: float
    """By which of "Yes" and "No" is the likelier reply; nothing is written."""
    scored_auc: float
    """How often a question whose answer is yes leans further to yes than one whose answer is no; chance is 0.5."""


@dataclass(frozen=True, slots=True)
class CountScore:
    """Counting questions in one condition."""

    condition: Condition
    questions: int
    exact: float
    within_one: float
    unparsed: int
    commonest: float
    """Share that is right for who always says the commonest number."""


@dataclass(frozen=True, slots=True)
class ClosedResult:
    """All conditions."""

    presence: tuple[PresenceScore, ...]
    counts: tuple[CountScore, ...]

    def table(self) -> str:
        """Two tables, a line for each condition."""
        columns = ("accuracy", "precision", "recall", "F1", "yes ratio", "unparsed", "by score", "AUC")
        lines = [f"{'presence':10}" + "".join(f"{column:>10}" for column in columns)]
        for x in self.presence:
            shares = "".join(f"{share:>10.1%}" for share in (x.accuracy, x.precision, x.recall, x.f1, x.yes_ratio))
            lines.append(f"{x.condition:10}{shares}{x.unparsed:>10}{x.scored_accuracy:>10.1%}{x.scored_auc:>10.3f}")
        lines.append(f"{'count':10}{'exact':>10}{'within 1':>10}{'unparsed':>10}{'commonest':>10}")
        lines += [f"{x.condition:10}{x.exact:>10.1%}{x.within_one:>10.1%}{x.unparsed:>10}{x.commonest:>10.1%}" for x in self.counts]
        return "\n".join(lines)


def load_questions(path: Path, *, every: int = 1) -> list[ClosedQuestion]:
    """The questions of a `.jsonl` file, whose rows hold `path` of a photo (from the file's folder), `question`, `answer`, `type`.

    Raises:
        FileMissingError: The file or a photo is not there.
        ConfigError: A line is no such question.
        InputError: A photo cannot be used.
    """
    limits = LimitSettings()
    images: dict[str, Image] = {}

    def row(fields: dict[str, Any]) -> tuple[str, Kind, str, str]:
        answer, kind = text_field(fields, "answer"), fields.get("type")
        if kind == "presence" and answer in ("yes", "no"):
            return text_field(fields, "path"), "presence", text_field(fields, "question"), answer
        if kind == "count" and answer.isdecimal():
            return text_field(fields, "path"), "count", text_field(fields, "question"), answer
        raise ValueError(f"type must be presence (yes, no) or count (a number), got {kind!r} with {answer!r}")

    questions = []
    for place, kind, question, answer in read_rows(path, row, fields="path, question, answer, type")[::every]:
        if place not in images:
            images[place] = decode_image(
                path.parent / place,
                max_bytes=limits.image_bytes,
                max_pixels=limits.image_pixels,
                max_side_px=limits.image_side_px,
            )
        questions.append(ClosedQuestion(place, images[place], kind, question, answer))
    return questions


async def evaluate_closed(
    model: SeeingModel, questions: Sequence[ClosedQuestion], *, conditions: Sequence[Condition] = CONDITIONS
) -> ClosedResult:
    """Ask every question in each condition; yes/no questions both written and by score."""
    presence, counts = [], []
    for condition in conditions:
        if chosen := [x for x in questions if x.kind == "presence"]:
            replies = await _replies(model, condition, chosen)
            plain = prompts_for(condition, [x.image for x in chosen], [x.question for x in chosen])
            margins = []
            for prompt in plain:
                yes, no = await model.score(prompt, ("Yes", "No"))
                margins.append(yes - no)
            presence.append(_presence(condition, [x.answer == "yes" for x in chosen], [yes_or_no(x) for x in replies], margins))
        if chosen := [x for x in questions if x.kind == "count"]:
            replies = await _replies(model, condition, chosen)
            counts.append(_count(condition, [int(x.answer) for x in chosen], [number(x) for x in replies]))
    return ClosedResult(tuple(presence), tuple(counts))


async def _replies(model: SeeingModel, condition: Condition, questions: Sequence[ClosedQuestion]) -> list[str]:
    asked = [x.question + _ASKED[x.kind] for x in questions]
    prompts = prompts_for(condition, [x.image for x in questions], asked)
    return [reply.text for reply in await model.generate_batch(prompts, GenerationOptions(max_tokens=8))]


def yes_or_no(reply: str) -> bool | None:
    """Whether the first word that is one of the two is yes; None where there is neither."""
    found = re.search(r"\b(yes|no|not)\b", reply.lower())
    return found.group() == "yes" if found else None


def number(reply: str) -> int | None:
    """The first number, in digits or as a word to ten; "a" and "an" are one."""
    for word in re.findall(r"[a-z]+|\d+", reply.lower()):
        if word.isdecimal():
            return int(word)
        if word in _NUMBERS:
            return _NUMBERS.index(word)
        if word in ("a", "an", "single"):
            return 1
        if word in ("no", "none"):
            return 0
    return None


def _presence(
    condition: Condition, expected: Sequence[bool], said: Sequence[bool | None], margins: Sequence[float]
) -> PresenceScore:
    pairs = list(zip(expected, said, strict=True))
    hits = sum(truth and answer is True for truth, answer in pairs)
    claims, there = sum(answer is True for _, answer in pairs), sum(expected)
    leaning = list(zip(expected, margins, strict=True))
    wins = [1.0 if yes > no else 0.5 if yes == no else 0.0 for truth, yes in leaning if truth for other, no in leaning if not other]
    return PresenceScore(
        condition,
        questions=len(pairs),
        accuracy=sum(truth is answer for truth, answer in pairs) / len(pairs),
        precision=hits / max(1, claims),
        recall=hits / max(1, there),
        f1=2 * hits / max(1, claims + there),
        yes_ratio=claims / len(pairs),
        unparsed=sum(answer is None for _, answer in pairs),
        scored_accuracy=sum(truth == (margin > 0) for truth, margin in leaning) / len(pairs),
        scored_auc=sum(wins) / max(1, len(wins)),
    )


def _count(condition: Condition, expected: Sequence[int], said: Sequence[int | None]) -> CountScore:
    pairs = list(zip(expected, said, strict=True))
    return CountScore(
        condition,
        questions=len(pairs),
        exact=sum(truth == answer for truth, answer in pairs) / len(pairs),
        within_one=sum(answer is not None and abs(truth - answer) <= 1 for truth, answer in pairs) / len(pairs),
        unparsed=sum(answer is None for _, answer in pairs),
        commonest=max(Counter(expected).values()) / len(pairs),
    )
