from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.config import load_settings
from assistant.training.ablation import compare_connectors
from assistant.training.recipe import Recipe
from assistant.training.run import Order


@pytest.mark.weights
def test_every_connector_has_its_row_with_its_size_and_time(tmp_path: Path) -> None:
    order = Order("smollm2-135m-instruct", recipe=Recipe(steps=0))
    said: list[str] = []
    kinds = [("anchored", {}), ("conv_pool", {"side": 2})]
    anchored, pooled = compare_connectors(load_settings({}), order, kinds, tmp_path, say=said.append)
    assert anchored.parameters < 20_000 < pooled.parameters and pooled.milliseconds > 0
    assert pooled.tokens > 4 and (pooled.kind, pooled.scores) == ("conv_pool", {})
    assert len(json.loads((tmp_path / "ablation.json").read_text())) == 2
    assert said == ["connector anchored", "connector conv_pool"]
