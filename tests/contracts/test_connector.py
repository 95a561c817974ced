"""What every connector keeps to, whatever it makes of a picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from assistant.types import Region
from assistant.vision.connector import Connector
from assistant.vision.connector_file import describe, load_connector, save_connector
from assistant.vision.connector_kinds import KINDS, build_connector
from assistant.vision.connectors.gated_cross_attention import GatedCrossAttention
from assistant.vision.encoder import Features
from tests.vision.tiny_vision import TinyEncoder, TinyWords, noise

OPTIONS = {
    "resampler": {"queries": 5, "depth": 1},
    "anchored": {"grid_side": 4},
    "gated_cross_attention": {"grid_side": 4},
    "co_attention": {"grid_side": 4},
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connector(kind: str) -> Connector:
    return build_connector(kind, TinyEncoder(), TinyWords(), OPTIONS.get(kind, {}))


def seen() -> Features:
    features = TinyEncoder().encode([noise(20, 30), noise(8, 8), noise(40, 10)])
    found = Region("dog", 0.9, 0, 0, 0.2, 0.2)
    return replace(features, regions=((found,), (), (found, found)), questions=("What is this?", "", "Where is the dog?"))


def only(features: Features, i: int) -> Features:
    return Features(
        features.logits_BK[i : i + 1],
        features.pooled_BV[i : i + 1],
        {name: grid[i : i + 1] for name, grid in features.levels.items()},
        features.regions[i : i + 1],
        features.questions[i : i + 1],
    )


def test_tokens_have_the_width_of_the_words_and_their_size(connector: Connector) -> None:
    for tokens_ND in connector(seen()):
        assert tokens_ND.dtype == torch.float32
        assert tokens_ND.shape[1] == TinyWords.width
        if len(tokens_ND):
            assert 0.03 < tokens_ND.square().mean().sqrt() < 0.3  # the words' is 0.1


def test_a_picture_gives_the_same_tokens_alone_and_among_others(connector: Connector) -> None:
    together = connector(seen())
    for i, tokens_ND in enumerate(together):
        (alone_ND,) = connector(only(seen(), i))
        torch.testing.assert_close(alone_ND, tokens_ND)


def test_a_seed_gives_the_same_connector_and_touches_no_other_chance(kind: str) -> None:
    before = torch.get_rng_state()
    first, second, other = (
        build_connector(kind, TinyEncoder(), TinyWords(), OPTIONS.get(kind, {}), seed=seed).state_dict() for seed in (1, 1, 2)
    )
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert kind == "linear" or any(not torch.equal(first[name], other[name]) for name in first)


def test_training_reaches_every_number(connector: Connector) -> None:
    assert isinstance(connector, nn.Module)
    named = dict(connector.named_parameters())
    made = list(connector(seen()))
    if isinstance(connector, GatedCrossAttention):
        look = connector.between([(made[0], torch.arange(2))])
        made += [look(layer, torch.randn(2, TinyWords.width)) for layer in range(TinyWords.layers)]
    gradients = torch.autograd.grad(torch.cat(made).square().sum(), list(named.values()), allow_unused=True)
    assert [name for name, gradient in zip(named, gradients, strict=True) if gradient is None] == []


def test_what_training_changed_goes_through_a_file(kind: str, connector: Connector, tmp_path: Path) -> None:
    assert isinstance(connector, nn.Module)
    encoder, words = TinyEncoder(), TinyWords()
    with torch.no_grad():
        for parameter in connector.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    manifest = describe(kind, OPTIONS.get(kind, {}), connector, encoder, words)
    save_connector(tmp_path / "a.safetensors", connector, manifest)
    loaded = load_connector(tmp_path / "a.safetensors", encoder, words)
    assert loaded.manifest == manifest
    for before_ND, after_ND in zip(connector(seen()), loaded.connector(seen()), strict=True):
        torch.testing.assert_close(before_ND, after_ND, rtol=0.02, atol=2e-3)  # kept in bfloat16
