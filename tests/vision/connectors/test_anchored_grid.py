from __future__ import annotations

import numpy as np
import pytest
import torch

from assistant.vision.colour import COLOURS
from assistant.vision.connectors.anchored_grid import AnchoredGrid, colour_shares_BPC
from tests.vision.tiny_vision import TinyEncoder, TinyWords


def halves() -> np.ndarray:
    """Red on the left, blue on the right."""
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, :40], picture[:, 40:] = (230, 0, 0), (0, 0, 255)
    return picture


def test_shares_tell_each_cells_colours() -> None:
    shares_BPC = colour_shares_BPC(TinyEncoder().encode([halves()]).levels["rgb"], 2)
    named = [{COLOURS[i]: share for i, share in enumerate(cell) if share} for cell in shares_BPC[0].tolist()]
    assert named == [{"red": 1.0}, {"blue": 1.0}] * 2
    whole = colour_shares_BPC(TinyEncoder().encode([halves()]).levels["rgb"], 1)[0, 0]
    assert whole[COLOURS.index("red")] == pytest.approx(0.5)


def test_an_untrained_cell_is_nearly_its_colour_and_its_place() -> None:
    words = TinyWords()
    grid = AnchoredGrid(TinyEncoder(), words, side=2, levels=(), hidden_width=8)
    (tokens_PD,) = grid(TinyEncoder().encode([halves()]))
    expected = words(" red")[0] + 0.5 * words(" top left").mean(dim=0)
    assert (tokens_PD[0] - expected).norm() < 0.1 * expected.norm()


def test_the_words_are_not_kept_with_what_is_trained() -> None:
    grid = AnchoredGrid(TinyEncoder(), TinyWords(), side=2, levels=(), hidden_width=8)
    assert all(name == "place_gain" or name.startswith("residual.") for name in grid.state_dict())
    assert torch.tensor([x.numel() for x in grid.parameters()]).sum() > 1
