from __future__ import annotations

from pathlib import Path

import pytest
import torch

from assistant.errors import ConfigError
from assistant.language.checkpoint import open_checkpoint
from assistant.training.low_rank import TARGETS, LowRankChanges
from assistant.training.trainable_decoder import TrainableDecoder
from tests.language.tiny_checkpoints import VOCABULARY, save_folder

ALL = ("q", "k", "v", "o", "gate", "up", "down")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_folder(tmp_path, "qwen2")
    return tmp_path


def changed(folder: Path, targets: tuple[str, ...]) -> LowRankChanges:
    changes = LowRankChanges(open_checkpoint(folder).config, targets=targets, rank=3, alpha=6.0)
    chance = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for up in changes.up.values():
            up.copy_(0.1 * torch.randn(up.shape, generator=chance))
    return changes


@pytest.mark.parametrize("targets", [ALL, ("k", "v"), ("up",)])
def test_merged_into_the_weights_the_changes_do_the_same(folder: Path, targets: tuple[str, ...]) -> None:
    decoder = TrainableDecoder(open_checkpoint(folder), dtype=torch.float32)
    changes = changed(folder, targets)
    ids = torch.arange(12) % VOCABULARY
    unmerged = decoder.logits(decoder(ids[:4], decoder.embed(ids[None, 4:]), changes))
    untouched = decoder.logits(decoder(ids[:4], decoder.embed(ids[None, 4:])))
    decoder.merge(changes.exported())
    merged = decoder.logits(decoder(ids[:4], decoder.embed(ids[None, 4:])))
    assert not torch.allclose(unmerged, untouched, atol=1e-3)
    assert torch.allclose(merged, unmerged, atol=1e-4)


def test_untrained_changes_are_none(folder: Path) -> None:
    changes = LowRankChanges(open_checkpoint(folder).config, targets=ALL, rank=2, alpha=4.0)
    assert all(not tensor.any() for name, tensor in changes.exported().items() if name.endswith(".up"))
    assert {name.split(".")[2] for name in changes.exported()} == set(TARGETS)


def test_exported_changes_are_taken_over(folder: Path) -> None:
    changes = changed(folder, ALL)
    other = LowRankChanges(open_checkpoint(folder).config, targets=ALL, rank=3, alpha=12.0, seed=5)
    other.restore(changes.exported())
    for name, tensor in changes.exported().items():
        assert torch.allclose(other.exported()[name], tensor)


def test_changes_of_another_shape_and_unknown_matrices_are_refused(folder: Path) -> None:
    config = open_checkpoint(folder).config
    with pytest.raises(ConfigError, match="another rank"):
        LowRankChanges(config, targets=ALL, rank=4, alpha=1.0).restore(changed(folder, ALL).exported())
    with pytest.raises(ConfigError, match="no matrix is called head"):
        LowRankChanges(config, targets=("head",), rank=4, alpha=1.0)
    with pytest.raises(ConfigError, match="the rank is 0"):
        LowRankChanges(config, targets=ALL, rank=0, alpha=1.0)
