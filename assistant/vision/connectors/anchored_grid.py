"""Grid tokens anchored to words: the colours of a cell and its place, plus what training adds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from assistant.types import place_of
from assistant.vision.colour import COLOURS, colour_indices_P
from assistant.vision.connector import WordVectors
from assistant.vision.connectors.grid import LevelGrid
from assistant.vision.connectors.projection import Mlp
from assistant.vision.encoder import FeatureEncoder, Features

_SMALL = 2e-3
_PLACE_GAIN = 0.5


class AnchoredGrid(nn.Module):
    """A cell is the mean word vector of its colours, some of its place's ("top left"), and a residual that begins near zero."""

    def __init__(self, encoder: FeatureEncoder, words: WordVectors, *, side: int, levels: Sequence[str], hidden_width: int) -> None:
        """Look colours and places up.

        Args:
            encoder: Whose features come in.
            words: Of the language model.
            side: Cells along a side.
            levels: That the residual reads; see `LevelGrid`.
            hidden_width: Of the residual.
        """
        super().__init__()
        self.side = side
        self.levels = LevelGrid(encoder, levels, side)
        colours = torch.stack([words(f" {name.split()[-1]}").mean(dim=0) for name in COLOURS])
        middles = [(i + 0.5) / side for i in range(side)]
        places = torch.stack([words(f" {place_of(across, down)}").mean(dim=0) for down in middles for across in middles])
        self.register_buffer("colours_CD", colours, persistent=False)
        self.register_buffer("places_PD", places, persistent=False)
        self.place_gain = nn.Parameter(torch.tensor(_PLACE_GAIN))
        self.residual = Mlp(self.levels.width, side, words.width, hidden_width=hidden_width)
        last = self.residual.project[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=_SMALL)
        nn.init.zeros_(last.bias)

    def forward(self, features: Features) -> Tensor:
        """Shape (B, side², D)."""
        shares_BPC = colour_shares_BPC(features.levels["rgb"], self.side)
        anchors_BPD = shares_BPC @ self.get_buffer("colours_CD") + self.place_gain * self.get_buffer("places_PD")
        tokens_BPD: Tensor = anchors_BPD + self.residual(self.levels(features))
        return tokens_BPD


def colour_shares_BPC(rgb_BCHW: Tensor, side: int) -> Tensor:
    """How much of each cell has each of `COLOURS`. `rgb_BCHW` is the level of that name: (x - 127) / 128."""
    batch, _, height, width = rgb_BCHW.shape
    pixels: NDArray[np.uint8] = (rgb_BCHW * 128 + 127).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    indices = torch.from_numpy(colour_indices_P(pixels.reshape(-1, 3))).view(batch, height, width)
    shares_BCHW = functional.one_hot(indices, len(COLOURS)).permute(0, 3, 1, 2).float().to(rgb_BCHW.device)
    return functional.adaptive_avg_pool2d(shares_BCHW, side).flatten(2).transpose(1, 2)
