"""`gated_cross_attention`: no visual tokens in the prompt; the text looks at the picture between layers (arXiv:2204.14198).

The gates start at 0, so that an untrained connector leaves every reply as it was, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from assistant.vision.connector import WordScale, WordVectors
from assistant.vision.connectors.grid import LevelGrid
from assistant.vision.connectors.resampler import CrossAttention, feed_forward
from assistant.vision.encoder import FeatureEncoder, Features

_FIRST_LAYER = 3
"""A block before the first layers began at a loss of 12 in open_flamingo#286."""


class GatedBlock(nn.Module):
    """What a decoder adds to its stream before a layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attention = CrossAttention(width, width)
        self.feed_forward = feed_forward(width)
        self.attention_gate = nn.Parameter(torch.zeros(1))
        self.feed_forward_gate = nn.Parameter(torch.zeros(1))

    def forward(self, stream_BLD: Tensor, memory_BND: Tensor) -> Tensor:
        """The stream, having looked at the picture."""
        stream_BLD = stream_BLD + self.attention_gate.tanh() * self.attention(stream_BLD, memory_BND)
        changed_BLD: Tensor = stream_BLD + self.feed_forward_gate.tanh() * self.feed_forward(stream_BLD)
        return changed_BLD


class GatedCrossAttention(nn.Module):
    """Cells as the memory that blocks before every n-th layer look at."""

    def __init__(
        self, encoder: FeatureEncoder, words: WordVectors, *, every: int = 6, levels: Sequence[str] = (), side: int | None = None
    ) -> None:
        """Make a block for each chosen layer.

        Args:
            encoder: Whose features come in.
            words: Of the language model.
            every: Layers from one block to the next.
            levels: See `LevelGrid`.
            side: See `LevelGrid`.
        """
        super().__init__()
        self.grid = LevelGrid(encoder, levels, side)
        self.position_PV = nn.Parameter(torch.zeros(self.grid.side**2, self.grid.width))
        self.project = nn.Linear(self.grid.width, words.width)
        self.scale = WordScale(words)
        chosen = range(min(_FIRST_LAYER, words.layers - 1), words.layers, every)
        self.blocks = nn.ModuleDict({str(layer): GatedBlock(words.width) for layer in chosen})

    def memory_BND(self, features: Features) -> Tensor:
        """What the blocks look at."""
        memory_BND: Tensor = self.scale(self.project(self.grid(features) + self.position_PV))
        return memory_BND

    def look(self, layer: int, stream_BLD: Tensor, memory_BND: Tensor) -> Tensor:
        """The stream as it enters a layer of the decoder; unchanged where no block stands before it."""
        if str(layer) in self.blocks:
            stream_BLD = self.blocks[str(layer)](stream_BLD, memory_BND)
        return stream_BLD

    def forward(self, features: Features) -> list[Tensor]:
        """See `Connector`: no tokens."""
        return [self.scale.gain_D.new_zeros(0, len(self.scale.gain_D)) for _ in features.pooled_BV]
