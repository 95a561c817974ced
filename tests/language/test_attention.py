"""The weights against those that transformers computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM

from assistant.language.attention import AttentionReader
from assistant.language.decoder import Decoder
from tests.language.tiny_checkpoints import VOCABULARY, save_folder


@pytest.fixture
def decoder(tmp_path: Path) -> Decoder:
    save_folder(tmp_path, "llama")
    return Decoder.load(tmp_path, full_precision=True)


def test_the_mean_over_heads_and_layers_is_read(decoder: Decoder, tmp_path: Path) -> None:
    ids_1L = torch.randint(VOCABULARY, (1, 12), generator=torch.Generator().manual_seed(0))
    reference: Any = LlamaForCausalLM.from_pretrained(tmp_path, attn_implementation="eager")
    expected_LT = torch.stack(reference(ids_1L, output_attentions=True).attentions).mean(dim=(0, 2))[0]
    cache = decoder.new_cache(tokens=20)
    decoder.forward(decoder.embed(ids_1L[:, :7]), cache)
    with AttentionReader(decoder) as reader:
        decoder.forward(decoder.embed(ids_1L[:, 7:]), cache)
    assert reader.weights_LT.shape == (5, 12)
    # the decoder's weights are rounded to 8 bits
    assert torch.allclose(reader.weights_LT, expected_LT[7:], atol=5e-3)
    assert torch.allclose(reader.weights_LT.sum(dim=1), torch.ones(5))


def test_watching_ends_with_the_block_and_changes_nothing(decoder: Decoder) -> None:
    rows_BLD = decoder.embed(torch.tensor([[1, 2, 3]]))
    with AttentionReader(decoder) as reader:
        watched_BV = decoder.forward(rows_BLD, decoder.new_cache(tokens=5))
        once_LT = reader.weights_LT.clone()
    assert torch.equal(decoder.forward(rows_BLD, decoder.new_cache(tokens=5)), watched_BV)
    assert torch.equal(reader.weights_LT, once_LT)


def test_weights_of_nothing_are_refused(decoder: Decoder) -> None:
    with AttentionReader(decoder) as reader, pytest.raises(ValueError, match="nothing was computed"):
        _ = reader.weights_LT
