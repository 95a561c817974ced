from pathlib import Path

import pytest

from assistant.errors import ConfigError
from assistant.prompts import load_prompt


def test_shipped_prompts_are_found() -> None:
    assert "Assistant" in load_prompt("system")
    assert load_prompt("picture").format(number=1, evidence="a cat") == "[Picture 1: a cat]"


def test_the_users_folder_wins(tmp_path: Path) -> None:
    (tmp_path / "system.md").write_text(" Speak like a pirate.\n")
    assert load_prompt("system", tmp_path) == "Speak like a pirate."
    assert load_prompt("picture", tmp_path) == load_prompt("picture")


def test_an_unknown_prompt_is_a_config_error() -> None:
    with pytest.raises(ConfigError):
        load_prompt("no-such-prompt")
