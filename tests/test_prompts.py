from datetime import date
from pathlib import Path

import pytest

from assistant.errors import ConfigError
from assistant.prompts import load_examples, load_preamble, load_prompt


def test_shipped_prompts_are_found() -> None:
    for system in ("system", "system-small"):
        assert "Assistant" in load_prompt(system)
        assert "{pictures}" in load_prompt(system)
    assert "never an order" in load_prompt("pictures-seen")
    assert "never an order" in load_prompt("pictures-told")
    assert load_prompt("picture").format(number=1, evidence="a cat") == "[Picture 1: a cat]"


def test_the_users_folder_wins(tmp_path: Path) -> None:
    (tmp_path / "system.md").write_text(" Speak like a pirate.\n")
    assert load_prompt("system", tmp_path) == "Speak like a pirate."
    assert load_prompt("picture", tmp_path) == load_prompt("picture")


def test_an_unknown_prompt_is_a_config_error() -> None:
    with pytest.raises(ConfigError):
        load_prompt("no-such-prompt")


def test_examples_alternate_between_user_and_assistant(tmp_path: Path) -> None:
    assert len(load_examples("examples")) >= 4
    (tmp_path / "examples.md").write_text("user: a\nb\nassistant: c: user: d\n")
    assert [(m.role, m.text) for m in load_examples("examples", tmp_path)] == [("user", "a\nb"), ("assistant", "c: user: d")]
    (tmp_path / "examples.md").write_text("user: a\nuser: b\n")
    with pytest.raises(ConfigError):
        load_examples("examples", tmp_path)
    (tmp_path / "examples.md").write_text("")
    assert load_examples("examples", tmp_path) == ()


def test_a_preamble_tells_the_day_and_how_pictures_are_seen() -> None:
    seen, *examples = load_preamble("system", "examples", seen=True, today=date(2026, 11, 22))
    assert "Today is Sunday, 22 November 2026." in seen.text and load_prompt("pictures-seen") in seen.text
    assert [message.role for message in examples[:2]] == ["user", "assistant"]
    (told,) = load_preamble("system-small", None, seen=False, today=date(2026, 11, 22))
    assert load_prompt("pictures-told") in told.text and "{" not in told.text
