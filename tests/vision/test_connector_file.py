from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import assistant
from assistant.errors import WeightsCorruptError, WeightsMismatchError, WeightsMissingError
from assistant.vision.connector_file import describe, load_connector, read_manifest, save_connector
from assistant.vision.connector_kinds import build_connector
from assistant.weights.catalogue import CATALOGUE
from tests.vision.tiny_vision import TinyEncoder, TinyWords


@pytest.fixture
def path(tmp_path: Path) -> Path:
    encoder, words, options = TinyEncoder(), TinyWords(), {"side": 2}
    connector = build_connector("mlp", encoder, words, options)
    manifest = describe(
        "mlp",
        options,
        connector,
        encoder,
        words,
        encoder_name="tiny-encoder",
        language_model_name="tiny-model",
        training={"data": ["scenes"], "steps": 10, "seed": 0},
        metrics={"named": 0.5},
    )
    adapters = {"layers.0.query.down": torch.ones(4, 8)}
    save_connector(tmp_path / "connector.safetensors", connector, manifest, adapters=adapters)
    return tmp_path / "connector.safetensors"


def test_a_file_tells_what_it_is_how_it_was_trained_and_how_well_it_does(path: Path) -> None:
    manifest = read_manifest(path)
    assert (manifest.kind, manifest.options, manifest.tokens) == ("mlp", {"side": 2}, 4 + 3)
    assert (manifest.encoder_sha256, manifest.language_model_sha256) == (TinyEncoder.sha256, TinyWords.sha256)
    assert manifest.training == {"data": ["scenes"], "steps": 10, "seed": 0}
    assert manifest.metrics == {"named": 0.5}
    assert list(path.parent.iterdir()) == [path]


def test_changes_to_the_language_model_travel_with_it(path: Path) -> None:
    loaded = load_connector(path, TinyEncoder(), TinyWords())
    assert loaded.adapters.keys() == {"layers.0.query.down"}
    assert loaded.adapters["layers.0.query.down"].shape == (4, 8)


@pytest.mark.parametrize(
    ("changed", "value", "named"),
    [
        ("encoder", "sha256", "another encoder: tiny-encoder"),
        ("encoder", "normalisation", "normalisation: 8x8"),
        ("words", "sha256", "another language model: tiny-model"),
    ],
)
def test_other_models_are_refused_with_the_name_of_the_right_one(path: Path, changed: str, value: str, named: str) -> None:
    encoder, words = TinyEncoder(), TinyWords()
    setattr(encoder if changed == "encoder" else words, value, "0" * 64)
    with pytest.raises(WeightsMismatchError, match=named) as refused:
        load_connector(path, encoder, words)
    assert "train one" in refused.value.hint


def test_what_is_no_connector_is_refused(path: Path, tmp_path: Path) -> None:
    encoder, words = TinyEncoder(), TinyWords()
    with pytest.raises(WeightsMissingError):
        load_connector(tmp_path / "none.safetensors", encoder, words)
    whole = path.read_bytes()
    for damaged in (b"", b"not safetensors", whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(WeightsCorruptError):
            load_connector(path, encoder, words)


@pytest.mark.parametrize("change", [{"schema": 2}, {"kind": "magic"}, {"options": {"side": "x"}}, {"options": {"side": 3}}, None])
def test_a_manifest_that_does_not_fit_its_numbers_is_refused(path: Path, change: dict[str, object] | None) -> None:
    encoder, words = TinyEncoder(), TinyWords()
    state = build_connector("mlp", encoder, words, {"side": 2}).state_dict()
    stored = json.loads(json.dumps({name: getattr(read_manifest(path), name) for name in read_manifest(path).__slots__}))
    header = {} if change is None else {"manifest": json.dumps(stored | change)}
    save_file({f"connector.{name}": tensor for name, tensor in state.items()}, path, header)
    with pytest.raises(WeightsCorruptError):
        load_connector(path, encoder, words)


SHIPPED = sorted((Path(assistant.__file__).parent / "vision" / "trained").glob("*.safetensors"))


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda shipped: shipped.stem)
def test_a_shipped_connector_fits_the_models_it_is_named_after(shipped: Path) -> None:
    manifest = read_manifest(shipped)
    assert shipped.stem == manifest.language_model_name
    assert CATALOGUE[manifest.language_model_name].files[0].sha256 == manifest.language_model_sha256
    assert CATALOGUE[manifest.encoder_name].files[0].sha256 == manifest.encoder_sha256
    assert manifest.training and manifest.metrics


def test_shipped_connectors_stay_small() -> None:
    assert SHIPPED
    assert sum(shipped.stat().st_size for shipped in SHIPPED) <= 50_000_000
