"""Sixty conversations with checkable answers, each beside two trivial baselines.

A case passes when its last reply holds every `must` pattern and no `never` pattern, and is in the expected language. The
baselines answer every case with "I do not know." and with the user's own last message.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from assistant.app import AsyncAssistant
from assistant.errors import ConfigError
from assistant.evaluation.rows import read_rows, text_field
from assistant.language.identification import identify_language

Category = Literal["context", "recall", "arithmetic", "language", "unknown"]


@dataclass(frozen=True, slots=True)
class ChatCase:
    """One conversation. Patterns are regular expressions, matched without regard to case."""

    name: str
    category: Category
    turns: tuple[str, ...]
    must: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    language: str | None = None

    def passes(self, reply: str) -> bool:
        """Whether the reply is right."""
        return (
            all(re.search(pattern, reply, re.IGNORECASE) for pattern in self.must)
            and not any(re.search(pattern, reply, re.IGNORECASE) for pattern in self.never)
            and (self.language is None or identify_language(reply) == self.language)
        )


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """One case, answered."""

    name: str
    category: Category
    question: str
    reply: str
    passed: bool
    says_unknown: bool
    """Whether "I do not know." passes."""
    echo: bool
    """Whether the user's own last message passes."""


@dataclass(frozen=True, slots=True)
class ChatResult:
    """All cases, answered."""

    model: str
    answers: tuple[ChatAnswer, ...] = field(default_factory=tuple)

    def table(self, *, verbose: bool = False) -> str:
        """Shares that pass, for each category."""
        lines = [f"{self.model}", f"{'category':<12}{'cases':>6}{'right':>8}{'always unknown':>16}{'echo':>7}"]
        categories = list(dict.fromkeys(answer.category for answer in self.answers))
        for category in [*categories, "all"]:
            chosen = [a for a in self.answers if category in (a.category, "all")]
            shares = [sum(flags) / len(chosen) for flags in zip(*((a.passed, a.says_unknown, a.echo) for a in chosen), strict=True)]
            lines.append(f"{category:<12}{len(chosen):>6}{shares[0]:>8.1%}{shares[1]:>16.1%}{shares[2]:>7.1%}")
        if verbose:
            lines += [f"WRONG {a.category}/{a.name}: {a.question!r} -> {a.reply!r}" for a in self.answers if not a.passed]
        return "\n".join(lines)


def load_cases(path: Path | None = None) -> tuple[ChatCase, ...]:
    """The cases of a `.jsonl` file, or the shipped ones.

    Raises:
        FileMissingError: The file cannot be read.
        ConfigError: A line is not a case, or there is none.
    """
    place = path or Path(__file__).with_name("chat_cases.jsonl")
    return tuple(read_rows(place, _case, fields="name, category, turns, must, never, language"))


def _case(row: dict[str, Any]) -> ChatCase:
    lists: dict[str, tuple[str, ...]] = {}
    for name in ("turns", "must", "never"):
        values = row.get(name, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise ValueError(f"{name} must be a list of texts, got {values!r}")
        lists[name] = tuple(values)
    if not lists["turns"]:
        raise ValueError("turns must hold at least one text")
    for pattern in lists["must"] + lists["never"]:
        try:
            re.compile(pattern, re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    texts = {name: text_field(row, name) for name in ("name", "category")}
    return ChatCase(**{**row, **lists, **texts})


async def evaluate_chat(assistant: AsyncAssistant, cases: Iterable[ChatCase]) -> ChatResult:
    """Hold every conversation in a session of its own, text only.

    Raises:
        ConfigError: There is no case.
    """
    answers = []
    for case in cases:
        reply = await _last_reply(assistant, case.turns)
        answers.append(
            ChatAnswer(
                name=case.name,
                category=case.category,
                question=case.turns[-1],
                reply=reply,
                passed=case.passes(reply),
                says_unknown=case.passes("I do not know."),
                echo=case.passes(case.turns[-1]),
            )
        )
    if not answers:
        raise ConfigError("there are no cases", hint="give at least one")
    return ChatResult(assistant.settings.language_model.model, tuple(answers))


async def _last_reply(assistant: AsyncAssistant, turns: Sequence[str]) -> str:
    session = f"eval-{uuid.uuid4().hex[:8]}"
    text = ""
    for turn in turns:
        text = (await assistant.ask(turn, session=session, speak=False)).text
    await assistant.memory.delete(session)
    return text
