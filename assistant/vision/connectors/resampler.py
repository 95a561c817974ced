"""`resampler`: a fixed number of learned queries look at the cells, as in Flamingo (arXiv:2204.14198). Needs much data."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_HEAD_WIDTH = 64


class CrossAttention(nn.Module):
    """Queries look at keys; pre-norm on both, no bias."""

    def __init__(self, width: int, seen_width: int, *, most_heads: int | None = None) -> None:
        super().__init__()
        self.heads = max(1, min(width // _HEAD_WIDTH, most_heads or width))
        inner = self.heads * min(width, _HEAD_WIDTH)
        self.norm, self.seen_norm = nn.LayerNorm(width), nn.LayerNorm(seen_width)
        self.query = nn.Linear(width, inner, bias=False)
        self.key_value = nn.Linear(seen_width, 2 * inner, bias=False)
        self.out = nn.Linear(inner, width, bias=False)

    def forward(self, x_BLD: Tensor, seen_BNV: Tensor, *, itself: bool = False) -> Tensor:
        """What x gathers.

        Args:
            x_BLD: Looks.
            seen_BNV: Is looked at.
            itself: x looks at itself as well; both are then of one width.
        """
        seen_BNV = self.seen_norm(seen_BNV)
        if itself:
            seen_BNV = torch.cat([seen_BNV, self.norm(x_BLD)], dim=1)
        return self.gather(x_BLD, self.key_value(seen_BNV))

    def keys_values(self, seen_BNV: Tensor) -> Tensor:
        """Of what is looked at, for many calls of `gather`: (B, N, keys before values)."""
        both_BNC: Tensor = self.key_value(self.seen_norm(seen_BNV))
        return both_BNC

    def gather(self, x_BLD: Tensor, keys_values_BNC: Tensor) -> Tensor:
        """What x gathers of what `keys_values` made."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(self.norm(x_BLD)), *keys_values_BNC.chunk(2, -1))
        )
        gathered_BLD: Tensor = self.out(functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))
        return gathered_BLD


def feed_forward(width: int, inner_width: int) -> nn.Module:
    """The usual two matrices."""
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, inner_width), nn.GELU(), nn.Linear(inner_width, width))


class Resampler(nn.Module):
    """`depth` layers in which `queries` learned queries look at the cells and at each other."""

    def __init__(self, width: int, side: int, model_width: int, *, queries: int = 32, depth: int = 2) -> None:
        super().__init__()
        self.query_ND = nn.Parameter(torch.randn(queries, model_width) * model_width**-0.5)
        self.inward = nn.Linear(width, model_width)
        self.attention = nn.ModuleList(CrossAttention(model_width, model_width) for _ in range(depth))
        self.feed_forward = nn.ModuleList(feed_forward(model_width, 4 * model_width) for _ in range(depth))

    def forward(self, cells_BPV: Tensor) -> Tensor:
        """As many tokens as queries."""
        cells_BPD = self.inward(cells_BPV)
        tokens_BND = self.query_ND.expand(len(cells_BPV), -1, -1)
        for attention, forward in zip(self.attention, self.feed_forward, strict=True):
            tokens_BND = tokens_BND + attention(tokens_BND, cells_BPD, itself=True)
            tokens_BND = tokens_BND + forward(tokens_BND)
        return tokens_BND
