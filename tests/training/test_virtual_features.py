"""Features without pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from assistant.errors import WeightsCorruptError
from assistant.training.data_store import DataStore
from assistant.training.nouns import WordNet
from assistant.training.virtual_features import Statistics, VirtualFeatures, class_kinds, statistics_of_weights

NAMES = tuple(f"thing{number}" for number in range(40))
WIDTH = 64


def source(**changes: object) -> VirtualFeatures:
    generator = torch.Generator().manual_seed(0)
    weight_KV = torch.randn(len(NAMES), WIDTH, generator=generator) * 0.3
    statistics = Statistics(torch.full((WIDTH,), 0.8), torch.eye(WIDTH) * 0.2)
    return VirtualFeatures(weight_KV=weight_KV, bias_K=torch.zeros(len(NAMES)), names=NAMES, statistics=statistics, **changes)  # type: ignore[arg-type]


def test_a_strong_feature_is_taken_for_its_class() -> None:
    virtual = source()
    for k in range(0, 40, 5):
        features = virtual.features(k, strength=14.0, seed=k)
        assert int(features.logits_BK.argmax()) == k
        assert features.pooled_BV.shape == (1, WIDTH) and bool((features.pooled_BV >= 0).all())
        assert float(features.logits_BK.exp().sum()) == pytest.approx(1, abs=1e-4)


def test_samples_repeat_name_their_class_and_doubt_what_is_weak() -> None:
    virtual = source(kinds=[frozenset({"animal"})] * len(NAMES))
    tasks = set()
    for number in range(60):
        one, again = (virtual.sample(number, seed=1, split="train") for _ in range(2))
        assert one.features is not None and again.features is not None
        assert torch.equal(one.features.pooled_BV, again.features.pooled_BV) and one.exchanges == again.exchanges
        tasks |= {exchange.task for exchange in one.exchanges}
        name = NAMES[int(one.features.logits_BK.argmax())]
        for exchange in one.exchanges:
            if exchange.task == "name":
                assert name in exchange.answer
    assert {"name", "presence", "kind", "unsure"} <= tasks


def test_classes_are_held_out() -> None:
    virtual = source()
    seen = {
        split: {
            x.answer.split()[-1] for n in range(120) for x in virtual.sample(n, seed=0, split=split).exchanges if x.task == "name"
        }
        for split in ("train", "held-out")
    }
    assert seen["train"] and seen["held-out"] and not seen["train"] & seen["held-out"]


def test_a_batch_norm_remembers_the_mean_after_its_activation(tmp_path: Path) -> None:
    torch.save({"_bn1.bias": torch.tensor([2.0, -5.0, 9.0]), "_bn1.weight": torch.tensor([0.1, 0.1, 0.1])}, tmp_path / "model.pth")
    statistics = statistics_of_weights(tmp_path / "model.pth")
    assert statistics.mean_V.tolist() == pytest.approx([2.0, 0.0, 6.0], abs=0.01)
    with pytest.raises(WeightsCorruptError):
        statistics_of_weights(tmp_path / "nothing.pth")


def test_classes_are_kinds_by_their_numbers(store: DataStore, tmp_path: Path) -> None:
    nouns = WordNet(store.folder("nouns"))
    (tiger,), (apple,) = nouns.senses("tiger"), nouns.senses("apple")
    (tmp_path / "synsets.txt").write_text(f"n{tiger:08}\nn{apple:08}\n")
    assert class_kinds(nouns, tmp_path / "synsets.txt") == (frozenset({"animal"}), frozenset({"fruit", "food"}))
