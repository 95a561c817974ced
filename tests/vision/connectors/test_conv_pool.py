from __future__ import annotations

import torch

from assistant.vision.connectors.conv_pool import ConvolutionPool


def test_any_grid_becomes_the_pooled_side() -> None:
    assert ConvolutionPool(3, 7, 8, pooled_side=4)(torch.randn(2, 49, 3)).shape == (2, 16, 8)
    assert ConvolutionPool(3, 2, 8, pooled_side=3)(torch.randn(2, 4, 3)).shape == (2, 9, 8)


def test_a_token_knows_its_neighbours_and_nothing_beyond() -> None:
    body = ConvolutionPool(3, 5, 8, pooled_side=5)
    cells_BPV = torch.randn(1, 25, 3)
    changed_BPV = cells_BPV.clone()
    changed_BPV[:, 0] += 1
    changed = ~torch.isclose(body(changed_BPV), body(cells_BPV)).all(dim=-1)[0]
    assert changed.nonzero().flatten().tolist() == [0, 1, 5, 6]
