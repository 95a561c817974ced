from __future__ import annotations

import torch

from assistant.vision.connectors.resampler import CrossAttention, Resampler, feed_forward


def test_any_number_of_cells_becomes_the_queries() -> None:
    body = Resampler(3, 4, 16, queries=5, depth=2)
    assert body(torch.randn(2, 16, 3)).shape == (2, 5, 16)
    assert body(torch.randn(2, 49, 3)).shape == (2, 5, 16)


def test_the_order_of_the_cells_does_not_matter_without_positions() -> None:
    body = Resampler(3, 4, 16, queries=5, depth=1)
    cells_BPV = torch.randn(1, 16, 3)
    torch.testing.assert_close(body(cells_BPV), body(cells_BPV.flip(1)))


def test_attention_has_a_head_for_every_64_numbers() -> None:
    assert [CrossAttention(width, 8).heads for width in (16, 64, 576, 1536)] == [1, 1, 9, 24]
    assert CrossAttention(128, 8)(torch.randn(2, 3, 128), torch.randn(2, 7, 8)).shape == (2, 3, 128)
    assert feed_forward(16, 8)(torch.randn(2, 16)).shape == (2, 16)
