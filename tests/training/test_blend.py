"""A blend lies between, connector and changes alike, and says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from assistant.config import load_settings
from assistant.training.blend import blend
from assistant.training.recipe import Recipe
from assistant.training.run import Order, open_models, train
from assistant.vision.connector_file import load_connector, save_connector

MODEL = "smollm2-135m-instruct"


@pytest.mark.weights
def test_a_blend_lies_part_of_the_way_and_has_no_figures_of_its_own(tmp_path: Path) -> None:
    settings, models = load_settings({}), open_models(load_settings({}), MODEL)
    train(settings, Order(MODEL, recipe=Recipe(steps=0)), tmp_path, tmp_path / "untrained.safetensors")
    begun = load_connector(tmp_path / "untrained.safetensors", models.encoder, models.words)
    moved = {name: tensor + 4 for name, tensor in begun.connector.state_dict().items()}
    start = {name: tensor.clone() for name, tensor in begun.connector.state_dict().items()}
    begun.connector.load_state_dict(moved)
    adapters = {"blk.0.attn_q.down": torch.ones(2, 576), "blk.0.attn_q.up": torch.full((576, 2), 8.0)}
    manifest = replace(begun.manifest, training={"steps": 1}, metrics={"naming": 0.5})
    save_connector(tmp_path / "trained.safetensors", begun.connector, manifest, adapters=adapters)

    blend(settings, tmp_path / "trained.safetensors", 0.25, tmp_path / "out.safetensors")
    out = load_connector(tmp_path / "out.safetensors", models.encoder, models.words)
    for name, tensor in out.connector.state_dict().items():
        torch.testing.assert_close(tensor, start[name] + 1, atol=2e-3, rtol=1e-3)
    assert bool((out.adapters["blk.0.attn_q.up"] == 2).all() and (out.adapters["blk.0.attn_q.down"] == 1).all())
    assert (out.manifest.training, out.manifest.metrics) == ({"steps": 1, "blended": 0.25}, {})
