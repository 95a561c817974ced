import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.cli.doctor import examine
from assistant.config import load_settings

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def test_missing_weights_are_named_with_the_command_that_brings_them(tmp_path: Path) -> None:
    settings = load_settings({"profile": "tiny", "cache_dir": tmp_path, "data_dir": tmp_path}, environment={})
    missing = {finding.check: finding.mend for finding in examine(settings) if finding.status == "missing"}
    assert missing["weights smollm2-135m-instruct"] == "assistant models pull smollm2-135m-instruct"


def test_the_exit_code_says_whether_something_is_missing(assistant: Run, tmp_path: Path) -> None:
    done = assistant("doctor", "--json", check=False, ASSISTANT_CACHE_DIR=str(tmp_path))
    statuses = {json.loads(line)["status"] for line in done.stdout.splitlines()}
    assert done.returncode == 1
    assert "missing" in statuses


def test_the_settings_in_force_are_shown(assistant: Run, tmp_path: Path) -> None:
    (tmp_path / "assistant.toml").write_text("[limits]\naudio_s = 5\n")
    settings = json.loads(assistant("config", "--profile", "fast", "--json").stdout)
    assert (settings["profile"], settings["limits"]["audio_s"]) == ("fast", 5.0)
    assert settings["language_model"]["engine"] == "assistant.testing:language_model"


@pytest.mark.parametrize("profile", ["gpu", "remote"])
def test_a_profile_without_a_language_model_of_its_own_says_that_one_must_be_named(profile: str, tmp_path: Path) -> None:
    place = {"profile": profile, "cache_dir": tmp_path, "data_dir": tmp_path}

    def found(model: str) -> str:
        findings = examine(load_settings({**place, "language_model": {"model": model}}, environment={}))
        return next(finding.status for finding in findings if finding.check.startswith("language_model.model"))

    assert found("") == "missing"
    assert found(str(tmp_path)) == "ok"


def test_the_models_of_the_settings_are_looked_at_and_not_those_of_the_profile(tmp_path: Path) -> None:
    changed = {"language_model": {"model": "smollm2-135m-instruct"}, "recognizer": {"model": "whisper-tiny.en"}}
    settings = load_settings({**changed, "cache_dir": tmp_path, "data_dir": tmp_path}, environment={})
    missing = {finding.check for finding in examine(settings) if finding.status == "missing"}
    weights = {"smollm2-135m-instruct", "whisper-tiny.en", "silero-vad", "efficientnet-lite2", "ssd-mobilenet-v2-coco"}
    assert {f"weights {name}" for name in weights} <= missing
    assert not any("qwen" in check or "whisper-base" in check for check in missing)
