from __future__ import annotations

import pytest
import torch

from assistant.vision.encoder import merged_BPV, merged_width


def test_a_finer_grid_keeps_its_detail_as_width() -> None:
    coarse_BCHW = torch.arange(4.0).view(1, 1, 2, 2)
    fine_BCHW = torch.arange(16.0).view(1, 1, 4, 4)
    merged = merged_BPV([coarse_BCHW, fine_BCHW], 2)
    assert merged.tolist() == [[[0, 0, 1, 4, 5], [1, 2, 3, 6, 7], [2, 8, 9, 12, 13], [3, 10, 11, 14, 15]]]


@pytest.mark.parametrize("side", [7, 9, 33, 5])
def test_grids_that_do_not_divide_are_averaged_to_one_that_does(side: int) -> None:
    grids = [torch.full((2, 3, 33, 33), 0.5), torch.full((2, 5, 9, 9), 2.0), torch.full((2, 1, 7, 9), 1.0)]
    merged = merged_BPV(grids, side)
    width = merged_width([(3, 33, 33), (5, 9, 9), (1, 7, 9)], side)
    assert merged.shape == (2, side * side, width)
    assert sorted(set(merged.flatten().tolist())) == pytest.approx([0.5, 1.0, 2.0])
