import json
import subprocess
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def test_models_are_listed_with_their_licence_and_who_needs_them(assistant: Run, tmp_path: Path) -> None:
    (tmp_path / "assistant.toml").write_text(f'cache_dir = "{tmp_path / "cache"}"\n')
    rows = {row["name"]: row for row in map(json.loads, assistant("models", "list", "--json").stdout.splitlines())}
    assert rows["smollm2-135m-instruct"]["present"] is False
    assert "tiny" in rows["smollm2-135m-instruct"]["profiles"]
    assert rows["smollm2-135m-instruct"]["licence"] == "Apache-2.0"


def test_an_unknown_model_names_the_known_ones(assistant: Run, tmp_path: Path) -> None:
    done = assistant("models", "pull", "gpt-9", check=False)
    assert done.returncode == 1
    assert b"not_found" in done.stderr
    assert b"whisper-base" in done.stderr
