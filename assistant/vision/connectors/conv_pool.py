"""`conv_pool`: MobileVLM V2's projector (arXiv:2402.03766). Any grid becomes few tokens, each of which knows its neighbours."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class ConvolutionPool(nn.Module):
    """Cells through an MLP, averaged to `pooled_side` by `pooled_side`, and a depthwise convolution added."""

    def __init__(self, width: int, side: int, model_width: int, *, pooled_side: int = 4) -> None:
        super().__init__()
        self.pooled_side, self.side = pooled_side, side
        self.project = nn.Sequential(nn.Linear(width, model_width), nn.GELU(), nn.Linear(model_width, model_width))
        self.neighbours = nn.Conv2d(model_width, model_width, 3, padding=1, groups=model_width)

    def forward(self, cells_BPV: Tensor) -> Tensor:
        """`pooled_side` squared tokens."""
        grid_BDHW = self.project(cells_BPV).transpose(1, 2).reshape(len(cells_BPV), -1, self.side, self.side)
        pooled_BDHW = functional.adaptive_avg_pool2d(grid_BDHW, self.pooled_side)
        mixed_BDHW: Tensor = pooled_BDHW + self.neighbours(pooled_BDHW)
        return mixed_BDHW.flatten(2).transpose(1, 2)
