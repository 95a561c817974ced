"""Each cell of the grid becomes a token by itself: `linear`, and `mlp` as in LLaVA-1.5 (arXiv:2310.03744)."""

from __future__ import annotations

from torch import Tensor, nn


class Linear(nn.Module):
    """One matrix for all cells: what least squares can fit."""

    def __init__(self, width: int, side: int, model_width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, model_width)

    def forward(self, cells_BPV: Tensor) -> Tensor:
        """As many tokens as cells."""
        tokens_BND: Tensor = self.project(cells_BPV)
        return tokens_BND


class Mlp(nn.Module):
    """Two matrices with a GELU between."""

    def __init__(self, width: int, side: int, model_width: int, *, hidden_width: int | None = None) -> None:
        """`hidden_width` None takes the model's width."""
        super().__init__()
        hidden = hidden_width or model_width
        self.project = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, model_width))

    def forward(self, cells_BPV: Tensor) -> Tensor:
        """As many tokens as cells."""
        tokens_BND: Tensor = self.project(cells_BPV)
        return tokens_BND
