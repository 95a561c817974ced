import json
from pathlib import Path

import pytest

from assistant.app import AsyncAssistant
from assistant.config import load_settings
from assistant.errors import ConfigError
from assistant.evaluation.chat import ChatCase, evaluate_chat, load_cases
from assistant.testing import SCRIPTED


def test_sixty_cases_are_shipped_and_trivial_answers_pass_few_of_them() -> None:
    cases = load_cases()
    assert len(cases) == 60
    assert len({case.name for case in cases}) == 60
    assert {case.category for case in cases} == {"context", "recall", "arithmetic", "language", "unknown"}
    for case in cases:
        assert case.passes("I do not know.") == (case.category == "unknown"), case.name
        assert not case.passes(case.turns[-1]), case.name


def test_a_reply_must_hold_every_pattern_and_no_forbidden_one() -> None:
    case = ChatCase("x", "context", ("?",), must=("seven",), never=("ten",), language="en")
    assert case.passes("At Seven in the morning.")
    assert not case.passes("Between seven and ten.")
    assert not case.passes("In the morning.")
    assert not case.passes("早上七点开门 seven")


async def test_each_case_is_a_session_of_its_own_and_forgotten(tmp_path: Path) -> None:
    settings = load_settings({**SCRIPTED, "data_dir": tmp_path}, environment={})
    cases = [
        ChatCase("cat", "recall", ("What is it?", "Again?"), must=("as I said",)),
        ChatCase("no", "context", ("?",), must=("zebra",)),
    ]
    async with AsyncAssistant(settings) as assistant:
        result = await evaluate_chat(assistant, cases)
        assert await assistant.sessions() == ()
    assert [answer.passed for answer in result.answers] == [True, False]
    assert "all              2   50.0%" in result.table()


def test_a_line_that_is_no_case_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"name": "a", "category": "context", "turns": ["?"]}\n{"nom": 1}\n')
    with pytest.raises(ConfigError, match="line 2"):
        load_cases(tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    "change", [{"must": ["("]}, {"must": "cat"}, {"turns": []}, {"turns": [1]}, {"nom": 1}, {"category": None}]
)
def test_a_case_that_cannot_be_judged_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    row = {"name": "a", "category": "context", "turns": ["?"]}
    (tmp_path / "x.jsonl").write_text(json.dumps(row) + "\n" + json.dumps({**row, **change}))
    with pytest.raises(ConfigError, match="line 2"):
        load_cases(tmp_path / "x.jsonl")


async def test_no_cases_is_an_error(tmp_path: Path) -> None:
    async with AsyncAssistant(load_settings({**SCRIPTED, "data_dir": tmp_path}, environment={})) as assistant:
        with pytest.raises(ConfigError, match="no cases"):
            await evaluate_chat(assistant, [])
