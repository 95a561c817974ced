"""What lies on this machine, and whether it is what was pinned."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from assistant.config import Profile, load_settings
from assistant.errors import NotFoundError, StorageError, WeightsCorruptError, WeightsMissingError
from assistant.weights import CATALOGUE, Model, WeightStore, pull
from assistant.weights.store import MANIFEST, sha256_of

PROFILES: tuple[Profile, ...] = get_args(Profile)


@pytest.fixture
def full(store: WeightStore, copy: str) -> WeightStore:
    pull(store, ["toy"], source=copy)
    return store


def test_an_unknown_name_is_refused_and_the_known_ones_are_named(store: WeightStore) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.folder("tyo"),
        lambda: store.verify(["toy", "tyo"]),
        lambda: store.remove(["tyo"]),
        lambda: pull(store, ["tyo"]),
    ]
    for call in calls:
        with pytest.raises(NotFoundError, match="'tyo'") as caught:
            call()
        assert caught.value.hint == "known: toy"


def test_missing_weights_say_what_to_run(store: WeightStore) -> None:
    with pytest.raises(WeightsMissingError, match="'toy' are not in") as caught:
        store.folder("toy")
    assert "assistant models pull toy" in caught.value.hint


def test_looking_for_missing_weights_creates_nothing(store: WeightStore) -> None:
    with pytest.raises(WeightsMissingError):
        store.folder("toy")
    assert not store.list()[0].present
    assert not store.root.exists()


def test_a_missing_file_is_named(full: WeightStore) -> None:
    (full.folder("toy") / "deep/config.json").unlink()
    with pytest.raises(WeightsMissingError, match=r"deep/config\.json of the weights 'toy'"):
        full.folder("toy")
    assert not full.list()[0].present


@pytest.mark.parametrize("damage", ["changed", "half_written", "longer", "empty"])
def test_a_damaged_file_is_noticed_and_replaced_by_a_pull(full: WeightStore, toy: Model, copy: str, damage: str) -> None:
    path = full.folder("toy") / "model.gguf"
    content = path.read_bytes()
    damaged = {"changed": b"x" + content[1:], "half_written": content[: len(content) // 2], "longer": content + b"x", "empty": b""}
    time.sleep(0.01)
    path.write_bytes(damaged[damage])
    with pytest.raises(WeightsCorruptError, match=toy.files[0].sha256) as caught:
        full.folder("toy")
    assert sha256_of(path) in str(caught.value)
    assert "assistant models remove toy" in caught.value.hint
    pull(full, ["toy"], source=copy)
    assert (full.folder("toy") / "model.gguf").read_bytes() == content


def test_a_change_that_keeps_size_and_time_is_found_by_verify_and_remembered(full: WeightStore) -> None:
    path = full.folder("toy") / "model.gguf"
    before = path.stat()
    path.write_bytes(b"x" + path.read_bytes()[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert full.folder("toy") == full.root / "toy"
    with pytest.raises(WeightsCorruptError):
        full.verify(["toy"])
    with pytest.raises(WeightsCorruptError):
        full.folder("toy")


def test_a_touched_file_is_hashed_once_and_noted_again(full: WeightStore) -> None:
    folder = full.folder("toy")
    os.utime(folder / "model.gguf", ns=(1, 1))
    assert full.folder("toy") == folder
    assert json.loads((folder / MANIFEST).read_text())["model.gguf"][2] == 1


@pytest.mark.parametrize("note", [None, "", "[]", "{", '{"model.gguf": 3}', '{"model.gguf": ["x", 1, 2]}'])
def test_a_lost_or_broken_note_costs_a_hash_and_nothing_else(full: WeightStore, note: str | None) -> None:
    manifest = full.folder("toy") / MANIFEST
    good = json.loads(manifest.read_text())
    manifest.unlink()
    if note is not None:
        manifest.write_text(note)
    full.folder("toy")
    assert json.loads(manifest.read_text()) == good


def test_weights_copied_by_hand_are_accepted(full: WeightStore, tmp_path: Path, toy: Model) -> None:
    other = WeightStore(tmp_path / "other", catalogue={"toy": toy})
    shutil.copytree(full.root / "toy", other.root / "toy", copy_function=shutil.copyfile)
    assert other.folder("toy") == other.root / "toy"


def test_the_list_tells_size_licence_and_who_needs_a_model(full: WeightStore, toy: Model) -> None:
    (line,) = full.list()
    assert (line.name, line.role, line.size_bytes, line.licence, line.present) == ("toy", "language", 800_002, "MIT", True)
    by_name = {status.name: status for status in WeightStore(full.root, catalogue=CATALOGUE).list()}
    assert by_name["qwen2.5-coder-1.5b-instruct"].profiles == ("cpu",)
    assert by_name["kokoro"].profiles == ("fast", "cpu", "gpu", "remote")
    assert not any(status.present for status in by_name.values())


def test_a_removed_model_is_gone_and_removing_it_again_is_no_error(full: WeightStore) -> None:
    full.remove(["toy"])
    full.remove(["toy"])
    with pytest.raises(WeightsMissingError):
        full.folder("toy")
    assert [path.name for path in full.root.rglob("*") if path.is_file()] == ["toy.lock"]


def test_a_model_that_is_being_pulled_is_not_removed(full: WeightStore) -> None:
    with full.changing("toy", wait=True), pytest.raises(StorageError, match="another process"):
        WeightStore(full.root.parent, catalogue=full.catalogue).remove(["toy"])
    assert full.list()[0].present


def test_a_cache_folder_that_is_a_file_is_a_storage_error(tmp_path: Path, toy: Model) -> None:
    (tmp_path / "file").write_text("")
    store = WeightStore(tmp_path / "file", catalogue={"toy": toy})
    with pytest.raises(StorageError) as caught:
        pull(store, ["toy"])
    assert caught.value.hint


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_requires_the_models_its_settings_name(profile: Profile) -> None:
    required = WeightStore(Path()).required(profile)
    settings = load_settings({"profile": profile}, environment={})
    named = {settings.recognizer.model, settings.vision.model, settings.vision.detector, settings.language_model.model}
    assert named - {"", None} | {"silero-vad"} == set(required)
    assert set(WeightStore(Path()).required(profile, optional=True)) <= set(CATALOGUE)


@pytest.mark.weights
def test_the_models_of_profile_tiny_match_their_pins(weights_dir: Callable[[str], Path]) -> None:
    store = WeightStore(weights_dir("silero-vad").parent.parent)
    store.verify(store.required("tiny"))
