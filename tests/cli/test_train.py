"""`assistant train`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from assistant.cli.train import train
from assistant.training.data_packages import DATA


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSISTANT_CACHE_DIR", str(tmp_path))
    return tmp_path


def test_the_data_is_listed_with_its_licence() -> None:
    done = CliRunner().invoke(train, ["data", "--list", "--json"])
    rows = {row["name"]: row for row in map(json.loads, done.output.splitlines())}
    assert rows.keys() == DATA.keys()
    assert rows["backgrounds"]["licence"] == "CC-BY-SA-3.0" and rows["backgrounds"]["present"] is False
    assert "scratch" in rows["backgrounds"]["package"]
    assert "CC-BY-SA-3.0" in CliRunner().invoke(train, ["data", "--list"]).output


def test_removing_what_is_not_here_is_no_error() -> None:
    assert CliRunner().invoke(train, ["data", "--remove", "emoji"]).exit_code == 0


def test_unknown_data_names_the_known() -> None:
    done = CliRunner().invoke(train, ["data", "imagenet"])
    assert "there is no training data 'imagenet'" in str(done.exception)


def test_a_sheet_of_samples_is_drawn_without_any_data(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    done = CliRunner().invoke(train, ["data", "--preview", str(sheet), "--source", "shapes", "--held-out"])
    assert done.exit_code == 0, done.output
    assert sheet.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--options", "{"], "--options is not JSON"),
        (["--options", "[1]"], "--options is not a JSON object"),
        (["--model", "whisper-base"], "there is no language model 'whisper-base'"),
    ],
)
def test_a_training_that_cannot_be_is_refused_before_anything_is_loaded(tmp_path: Path, options: list[str], said: str) -> None:
    given = ["connector", "--model", "smollm2-135m-instruct", "--out", str(tmp_path / "out.safetensors"), *options]
    done = CliRunner().invoke(train, given)
    assert said in str(done.exception)


def test_lora_asks_for_a_connector_that_is_there(tmp_path: Path) -> None:
    done = CliRunner().invoke(train, ["lora", "--connector", str(tmp_path / "none"), "--out", str(tmp_path / "out")])
    assert "there is no connector" in str(done.exception)


def test_a_comparison_goes_on_in_the_folder_that_it_began(tmp_path: Path) -> None:
    done = CliRunner().invoke(train, ["compare", "--model", "whisper-base", "--out", str(tmp_path)])
    assert "there is no language model 'whisper-base'" in str(done.exception)
