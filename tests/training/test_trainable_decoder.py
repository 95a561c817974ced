from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from assistant.language.checkpoint import open_checkpoint
from assistant.language.decoder import Decoder
from assistant.training.low_rank import LowRankChanges
from assistant.training.trainable_decoder import TrainableDecoder
from tests.language.tiny_checkpoints import VOCABULARY, save_folder

IDS = (torch.arange(60) * 7 % VOCABULARY).view(3, 20)


def of_the_product(decoder: Decoder, ids_L: Tensor) -> Tensor:
    cache = decoder.new_cache(tokens=64)
    return decoder.forward(decoder.embed(ids_L[None]), cache, all_positions=True)[0]


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
@pytest.mark.parametrize("prefix", [0, 5])
def test_it_predicts_what_the_products_decoder_predicts(tmp_path: Path, architecture: str, prefix: int) -> None:
    save_folder(tmp_path, architecture)
    product = Decoder(open_checkpoint(tmp_path), full_precision=True)
    trained = TrainableDecoder(open_checkpoint(tmp_path), dtype=torch.float32)
    rows = torch.cat([IDS[:1, :prefix].expand(3, -1), IDS[:, prefix:]], 1)
    logits_BTV = trained.logits(trained(rows[0, :prefix], trained.embed(rows[:, prefix:])))
    for row, logits_TV in zip(rows, logits_BTV, strict=True):
        assert torch.allclose(logits_TV, of_the_product(product, row)[prefix:], atol=1e-4)
    product.close()


def test_padding_on_the_right_changes_nothing_before_it(tmp_path: Path) -> None:
    save_folder(tmp_path, "llama")
    decoder = TrainableDecoder(open_checkpoint(tmp_path), dtype=torch.float32)
    embedded = decoder.embed(IDS)
    padded = torch.cat([embedded, torch.zeros(3, 4, embedded.shape[2])], 1)
    none = torch.zeros(0, dtype=torch.long)
    assert torch.allclose(decoder(none, padded)[:, :20], decoder(none, embedded), atol=1e-5)


def test_gradients_are_those_of_small_steps(tmp_path: Path) -> None:
    save_folder(tmp_path, "qwen2")
    checkpoint = open_checkpoint(tmp_path)
    decoder = TrainableDecoder(checkpoint, dtype=torch.float32)
    changes = LowRankChanges(checkpoint.config, targets=("q", "v", "up"), rank=2, alpha=2.0)
    rows = decoder.embed(IDS[:, 4:]).requires_grad_()
    direction = torch.randn(rows.shape, generator=torch.Generator().manual_seed(2))

    def loss(rows_BTD: Tensor) -> Tensor:
        return decoder.logits(decoder(IDS[0, :4], rows_BTD, changes)).log_softmax(-1)[..., 3].mean()

    loss(rows).backward()  # type: ignore[no-untyped-call]
    assert rows.grad is not None
    step = 2e-4
    with torch.no_grad():
        slope = (loss(rows + step * direction) - loss(rows - step * direction)) / (2 * step)
    assert float((rows.grad * direction).sum()) == pytest.approx(float(slope), rel=2e-2, abs=1e-4)
    assert all(up.grad is not None and up.grad.abs().sum() > 0 for up in changes.up.values())
