from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from assistant.language.checkpoint import open_checkpoint
from assistant.language.decoder import Decoder, Looking
from assistant.training.low_rank import LowRankChanges
from assistant.training.trainable_decoder import TrainableDecoder
from assistant.vision.connector_kinds import build_connector
from assistant.vision.connectors.gated_cross_attention import GatedCrossAttention
from tests.language.tiny_checkpoints import VOCABULARY, save_folder
from tests.vision.tiny_vision import TinyEncoder, TinyWords, noise

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


def test_places_look_at_their_pictures_as_in_the_product(tmp_path: Path) -> None:
    save_folder(tmp_path, "llama")
    checkpoint = open_checkpoint(tmp_path)
    product, trained = Decoder(checkpoint, full_precision=True), TrainableDecoder(checkpoint, dtype=torch.float32)
    words = TinyWords()
    words.width, words.layers = checkpoint.config.width, checkpoint.config.layers
    connector = build_connector("gated_cross_attention", TinyEncoder(), words)
    assert isinstance(connector, GatedCrossAttention)
    block = connector.blocks["1"]
    (memory_ND,) = connector(TinyEncoder().encode([noise(9, 9)]))
    memory_ND = memory_ND.detach()
    rows = trained.embed(IDS[:, 5:])
    for gate in (0.0, 0.5):
        torch.nn.init.constant_(block.get_parameter("attention_gate"), gate)
        look = connector.between([(memory_ND, 5 + torch.arange(4, 15)), (memory_ND, 5 + 2 * 15 + torch.arange(9, 15))])
        logits_BTV = trained.logits(trained(IDS[0, :5], rows, look=look))
        for row, start in ((0, 4), (2, 9)):
            looks = [Looking(connector.look_at(memory_ND), 5 + start)]
            embedded = torch.cat([trained.embed(IDS[:1, :5]), rows[row : row + 1]], 1)
            expected = product.forward(embedded, product.new_cache(tokens=64), all_positions=True, looks=looks)[0]
            assert torch.allclose(logits_BTV[row], expected[5:], atol=1e-4)
        unseen = trained.logits(trained(IDS[0, :5], rows))
        assert torch.equal(logits_BTV[1], unseen[1])
        assert torch.equal(logits_BTV, unseen) == (gate == 0.0)
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
