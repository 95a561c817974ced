from __future__ import annotations

import pytest
import torch

from assistant.errors import ConfigError
from assistant.vision.connectors.pixel_shuffle import PixelShuffle


def test_a_token_sees_its_own_square_of_cells_and_no_other() -> None:
    body = PixelShuffle(3, 4, 8, factor=2)
    cells_BPV = torch.randn(1, 16, 3)
    tokens_BND = body(cells_BPV)
    assert tokens_BND.shape == (1, 4, 8)
    changed_BPV = cells_BPV.clone()
    changed_BPV[:, [0, 1, 4, 5]] += 1  # the square at the top left
    same_BN = torch.isclose(body(changed_BPV), tokens_BND).all(dim=-1)
    assert same_BN.tolist() == [[False, True, True, True]]


def test_a_grid_that_has_no_such_squares_is_refused() -> None:
    with pytest.raises(ConfigError, match="7 by 7"):
        PixelShuffle(3, 7, 8, factor=2)
