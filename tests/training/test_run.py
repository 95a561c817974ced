from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from assistant.config import load_settings
from assistant.errors import ConfigError
from assistant.training.low_rank import LowRankChanges
from assistant.training.recipe import Recipe
from assistant.training.run import Order, open_models, require_model, train
from assistant.vision.connector_file import describe, load_connector, save_connector
from assistant.vision.connector_kinds import build_connector

UNTRAINED = Order("smollm2-135m-instruct", recipe=Recipe(steps=0))


def test_models_that_are_no_language_models_are_refused_by_name(tmp_path: Path) -> None:
    settings = load_settings({"cache_dir": str(tmp_path)})
    require_model("smollm2-135m-instruct", settings)
    with pytest.raises(ConfigError, match="whisper-base") as refused:
        require_model("whisper-base", settings)
    assert "smollm2-135m-instruct" in refused.value.hint


def test_what_is_noted_of_a_training_tells_nothing_of_the_machine(tmp_path: Path) -> None:
    order = replace(UNTRAINED, begin_with=tmp_path / "a.safetensors", pictures=replace(UNTRAINED.pictures, folder=tmp_path))
    assert str(tmp_path) not in json.dumps(order.facts())


@pytest.mark.weights
def test_no_steps_write_the_untrained_connector_which_training_goes_on_with(tmp_path: Path) -> None:
    settings = load_settings({})
    out = tmp_path / "new" / "connector.safetensors"
    assert train(settings, UNTRAINED, tmp_path, out) == {}
    models = open_models(settings, UNTRAINED.model)
    first = load_connector(out, models.encoder, models.words)
    assert (first.manifest.kind, first.manifest.language_model_name, first.adapters) == ("anchored", UNTRAINED.model, {})
    train(settings, replace(UNTRAINED, begin_with=out, kind="mlp"), tmp_path, tmp_path / "second.safetensors")
    second = load_connector(tmp_path / "second.safetensors", models.encoder, models.words)
    assert second.manifest == first.manifest


@pytest.mark.weights
def test_kinds_that_work_on_anchored_tokens_begin_as_an_anchored_file_with_its_changes(tmp_path: Path) -> None:
    settings, options = load_settings({}), {"grid_side": 2}
    models = open_models(settings, UNTRAINED.model)
    anchored = build_connector("anchored", models.encoder, models.words, options, seed=7)
    changes = LowRankChanges(models.checkpoint.config, targets=Recipe().targets, rank=16, alpha=32)
    torch.nn.init.ones_(changes.up["blk-0-attn_q"])
    manifest = describe("anchored", options, anchored, models.encoder, models.words)
    save_connector(tmp_path / "a.safetensors", anchored, manifest, adapters=changes.exported())
    before = load_connector(tmp_path / "a.safetensors", models.encoder, models.words)
    order = replace(UNTRAINED, begin_with=tmp_path / "a.safetensors", kind="co_attention", options={"heads": 2})
    train(settings, order, tmp_path, tmp_path / "b.safetensors")
    after = load_connector(tmp_path / "b.safetensors", models.encoder, models.words)
    assert (after.manifest.kind, after.manifest.options) == ("co_attention", {"grid_side": 2, "heads": 2})
    assert after.adapters.keys() == before.adapters.keys()
    assert all(torch.equal(before.adapters[name], tensor) for name, tensor in after.adapters.items())
    features = models.encoder.encode([np.full((64, 64, 3), 90, np.uint8)])
    (expected_ND,), (got_ND,) = before.connector(features), after.connector(replace(features, questions=("What is this?",)))
    assert torch.equal(expected_ND, got_ND)
