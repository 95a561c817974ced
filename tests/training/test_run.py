from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.config import load_settings
from assistant.errors import ConfigError
from assistant.training.recipe import Recipe
from assistant.training.run import Order, open_models, require_model, train
from assistant.vision.connector_file import load_connector

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
