from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from assistant.errors import ConfigError
from assistant.vision.connectors.grid import GridConnector, LevelGrid
from tests.vision.tiny_vision import TinyEncoder, TinyWords, noise


class FirstNumbers(nn.Module):
    """A body that hands on what it is given, cut or filled to D."""

    def __init__(self, width: int, side: int, model_width: int) -> None:
        super().__init__()
        self.model_width = model_width

    def forward(self, cells_BPV: torch.Tensor) -> torch.Tensor:
        return nn.functional.pad(cells_BPV, (0, self.model_width - cells_BPV.shape[-1]))


def test_all_levels_but_the_coarse_copy_are_read_at_the_coarsest_side() -> None:
    grid = LevelGrid(TinyEncoder(), (), None)
    assert grid.levels == ("rgb", "head")
    assert (grid.side, grid.width) == (4, 3 * 4 + 10)
    assert grid(TinyEncoder().encode([noise(9, 9)] * 2)).shape == (2, 16, 22)


def test_a_level_may_be_chosen_and_another_side() -> None:
    grid = LevelGrid(TinyEncoder(), ("head",), 2)
    assert grid(TinyEncoder().encode([noise(9, 9)])).shape == (1, 4, grid.width)
    with pytest.raises(ConfigError, match="stride7"):
        LevelGrid(TinyEncoder(), ("head", "stride7"), None)


def test_learned_levels_are_normalised_and_brightness_is_kept() -> None:
    features = TinyEncoder().encode([noise(9, 9)])
    louder = replace(features, levels={name: 3 * grid for name, grid in features.levels.items()})
    grid = LevelGrid(TinyEncoder(), ("head", "rgb"), None)
    torch.testing.assert_close(grid(features)[..., :10], grid(louder)[..., :10], rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(3 * grid(features)[..., 10:], grid(louder)[..., 10:])


def test_cells_stand_between_the_words_that_frame_them() -> None:
    words = TinyWords()
    connector = GridConnector(TinyEncoder(), words, FirstNumbers, levels=("head",), start="Look here", end="so.")
    (tokens_ND,) = connector(TinyEncoder().encode([noise(9, 9)]))
    assert tokens_ND.shape == (2 + 16 + 2, words.width)
    torch.testing.assert_close(tokens_ND[:2], words("Look here"))
    torch.testing.assert_close(tokens_ND[-2:], words("so."))
