"""`pixel_shuffle`: squares of cells become one token, nothing lost, as in SmolVLM (arXiv:2504.05299). For fine grids."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from assistant.errors import ConfigError


class PixelShuffle(nn.Module):
    """Squares of `factor` by `factor` cells, side by side, through one matrix."""

    def __init__(self, width: int, side: int, model_width: int, *, factor: int = 2) -> None:
        """Take the grid's measures.

        Raises:
            ConfigError: The side is no multiple of `factor`.
        """
        super().__init__()
        if side % factor:
            raise ConfigError(f"a grid of {side} by {side} has no squares of {factor}", hint="give another side or factor")
        self.factor, self.side = factor, side
        self.project = nn.Linear(width * factor**2, model_width)

    def forward(self, cells_BPV: Tensor) -> Tensor:
        """P / factor² tokens."""
        grid_BVHW = cells_BPV.transpose(1, 2).reshape(len(cells_BPV), -1, self.side, self.side)
        tokens_BND: Tensor = self.project(functional.pixel_unshuffle(grid_BVHW, self.factor).flatten(2).transpose(1, 2))
        return tokens_BND
