"""The pinned table."""

from __future__ import annotations

import re

import pytest

from assistant.weights.catalogue import CATALOGUE, FORMATS, File, Model

MODELS = [pytest.param(model, id=name) for name, model in CATALOGUE.items()]


@pytest.mark.parametrize("model", MODELS)
def test_every_file_and_package_is_pinned_by_a_sha256_and_a_size(model: Model) -> None:
    pins = [(file.sha256, file.size_bytes) for file in model.files]
    pins += [(package.sha256, package.size_bytes) for package in model.packages]
    for sha256, size_bytes in pins:
        assert re.fullmatch("[0-9a-f]{64}", sha256)
        assert size_bytes > 0
    assert all(file.parts for file in model.files)
    assert model.size_bytes == sum(file.size_bytes for file in model.files)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_has_an_open_licence_and_distinct_paths(model: Model) -> None:
    assert model.licence in {"Apache-2.0", "MIT", "BSD-3-Clause"}
    assert len({file.path for file in model.files}) == len(model.files)
    assert len({package.name for package in model.packages}) == len(model.packages)


def test_no_two_files_of_different_names_share_a_pin() -> None:
    pins = [file.sha256 for model in CATALOGUE.values() for file in model.files]
    assert len(set(pins)) == len(pins)


def test_kokoro_has_all_voices() -> None:
    voices = [file.path for file in CATALOGUE["kokoro"].files if file.path.startswith("voices/")]
    assert len(voices) == 54
    assert {"voices/af_heart.bin", "voices/am_michael.bin", "voices/zf_xiaoxiao.bin", "voices/zm_yunxi.bin"} <= set(voices)


@pytest.mark.parametrize("path", ["model.pkl", "model.pt", "model.joblib", "model.py", "../model.gguf", "/model.gguf", "model"])
def test_a_format_that_may_run_code_or_a_path_that_leaves_the_folder_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="accepted format"):
        File(path, "0" * 64, 1, ())


def test_the_only_format_torch_unpickles_is_read_with_weights_only() -> None:
    assert FORMATS & {".pkl", ".pt", ".ckpt", ".joblib", ".npy", ".h5"} == set()
    assert {name for name, model in CATALOGUE.items() for file in model.files if file.path.endswith(".pth")} == {
        "efficientnet-lite0",
        "efficientnet-lite2",
    }
