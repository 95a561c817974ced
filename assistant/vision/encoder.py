"""What an encoder is, and what it makes of pictures: names, one vector, and feature grids of several depths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from assistant.types import Region


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """B pictures after an encoder, in float32."""

    logits_BK: Tensor
    """Over the encoder's `names`; softmax tells how likely each is. K is 0 where an encoder names nothing."""
    pooled_BV: Tensor
    levels: Mapping[str, Tensor]
    """Grids (B, C, H, W) of the whole picture, stretched to a square, by the names of the encoder's `levels`."""
    regions: tuple[tuple[Region, ...], ...] = ()
    """Of each picture, what a detector found; empty where none looked."""
    questions: tuple[str, ...] = ()
    """Of each picture, the words it is shown with; empty where nobody knows."""


class FeatureEncoder(Protocol):
    """A frozen network that looks at pictures. Everything here is read off its weights."""

    @property
    def sha256(self) -> str:
        """Of the weights."""
        ...

    @property
    def normalisation(self) -> str:
        """How pixels become its input, as connector files note it."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """What the K logits stand for; a name may occur twice."""
        ...

    @property
    def pooled_width(self) -> int:
        """V of `Features.pooled_BV`."""
        ...

    @property
    def levels(self) -> Mapping[str, tuple[int, int, int]]:
        """C, H and W of each grid, by name."""
        ...

    def encode(self, pictures: Sequence[NDArray[np.uint8]]) -> Features:
        """Look at RGB pictures (H, W, 3) of any size, all at once. Not for two threads at a time."""
        ...


def merged_BPV(grids: Sequence[Tensor], side: int) -> Tensor:
    """Grids of several depths as one of `side` by `side` cells, P in row-major order.

    A finer grid keeps its detail as width: k by k of its cells become k² times its channels. A grid that does not divide is
    averaged to the nearest one that does.

    Args:
        grids: (B, C, H, W) each.
        side: Cells along each side of the result.
    """
    parts = []
    for grid_BCHW in grids:
        factor = max(1, round(grid_BCHW.shape[-1] / side))
        if grid_BCHW.shape[-2:] != (side * factor, side * factor):
            grid_BCHW = functional.adaptive_avg_pool2d(grid_BCHW, side * factor)
        parts.append(functional.pixel_unshuffle(grid_BCHW, factor).flatten(2).transpose(1, 2))
    return torch.cat(parts, dim=-1)


def merged_width(shapes: Sequence[tuple[int, int, int]], side: int) -> int:
    """V of what `merged_BPV` makes of grids of these shapes."""
    return sum(channels * max(1, round(width / side)) ** 2 for channels, _, width in shapes)
