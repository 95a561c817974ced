"""`gated_cross_attention`: no visual tokens in the prompt; the text looks at the picture between layers (arXiv:2204.14198).

The gates start at 0, so that an untrained connector leaves every reply as it was, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from assistant.types import Look
from assistant.vision.connector import WordVectors
from assistant.vision.connectors.anchored import Anchored
from assistant.vision.connectors.resampler import CrossAttention, feed_forward
from assistant.vision.encoder import Features

_FIRST_LAYER = 3
"""A block before the first layers began at a loss of 12 in open_flamingo#286."""
_NEIGHBOURS = 5
_PACE = 10.0
"""Gates learn so much faster than the weights of matrices: at one pace they had opened by 0.005 after 24 steps."""


class GatedBlock(nn.Module):
    """Adds to vectors what they gather elsewhere, and what they make of it: as much of their own size as two gates say.

    A layer's stream has a hundred times the size of another's; so a gate says the same before each.
    """

    def __init__(self, width: int, *, heads: int) -> None:
        """Begin such that vectors look for what is like them, and gather it as it is, but for what few heads cannot hold."""
        super().__init__()
        self.attention = CrossAttention(width, width, most_heads=heads)
        inner = self.attention.query.out_features
        self.feed_forward = feed_forward(width, inner)
        self.attention_gate = nn.Parameter(torch.zeros(1))
        self.feed_forward_gate = nn.Parameter(torch.zeros(1))
        with torch.no_grad():
            frame_CD = nn.init.orthogonal_(torch.empty(inner, width))
            self.attention.query.weight.copy_(frame_CD)
            self.attention.key_value.weight.copy_(torch.cat([frame_CD, frame_CD]))
            self.attention.out.weight.copy_(frame_CD.T)

    def forward(self, x_BLD: Tensor, keys_values_BNC: Tensor) -> Tensor:
        """The vectors, changed; `keys_values_BNC` is what its attention made of what they look at."""
        size_BL1 = x_BLD.square().mean(dim=-1, keepdim=True).sqrt()
        x_BLD = x_BLD + (_PACE * self.attention_gate).tanh() * size_BL1 * self.attention.gather(x_BLD, keys_values_BNC)
        changed_BLD: Tensor = x_BLD + (_PACE * self.feed_forward_gate).tanh() * size_BL1 * self.feed_forward(x_BLD)
        return changed_BLD


class GatedCrossAttention(nn.Module):
    """What `anchored` would splice into the prompt, as the memory that blocks before every n-th layer look at.

    It is made of the model's own word vectors, and blocks begin with looking for what is like the stream: the last ones, where
    the stream is like the next word, for the picture's word for it.
    """

    def __init__(self, anchored: Anchored, words: WordVectors, *, every: int = 6, heads: int = 4) -> None:
        """Make a block for each chosen layer.

        Args:
            anchored: Makes the memory.
            words: Of the language model.
            every: Layers from one block to the next.
            heads: Of a block, 64 wide each; they are most of the file.
        """
        super().__init__()
        self.anchored = anchored
        self.neighbours = nn.Conv1d(words.width, words.width, _NEIGHBOURS, padding=_NEIGHBOURS // 2, groups=words.width, bias=False)
        nn.init.zeros_(self.neighbours.weight)
        chosen = range(min(_FIRST_LAYER, words.layers - 1), words.layers, every)
        self.blocks = nn.ModuleDict({str(layer): GatedBlock(words.width, heads=heads) for layer in chosen})

    def forward(self, features: Features) -> list[Tensor]:
        """The memory of each picture, (N, D), instead of tokens."""
        memories: list[Tensor] = self.anchored(features)
        return memories

    def keys_values(self, memory_ND: Tensor) -> dict[int, Tensor]:
        """What the block before each chosen layer makes of a memory, once for all positions that look at it."""
        memory_1DN = memory_ND.T[None]
        # attention knows no order, and "a red car (left), a dog" has one
        memory_1ND = (memory_1DN + self.neighbours(memory_1DN)).transpose(1, 2)
        return {int(layer): _block(block).attention.keys_values(memory_1ND) for layer, block in self.blocks.items()}

    def look(self, layer: int, stream_LD: Tensor, keys_values: Mapping[int, Tensor]) -> Tensor:
        """The stream as it enters a layer; unchanged where no block stands before it."""
        if layer not in keys_values:
            return stream_LD
        changed_BLD: Tensor = self.blocks[str(layer)](stream_LD[None], keys_values[layer])
        return changed_BLD[0]

    @torch.no_grad()
    def look_at(self, memory_ND: Tensor) -> Look:
        """For `VisualTokens`."""
        keys_values = self.keys_values(memory_ND)

        def look(layer: int, stream_LD: NDArray[np.float32]) -> None:
            if layer in keys_values:
                with torch.no_grad():
                    stream_LD[:] = self.look(layer, torch.from_numpy(stream_LD), keys_values).numpy()

        return look

    def between(self, looking: Sequence[tuple[Tensor, Tensor]]) -> Callable[[int, Tensor], Tensor]:
        """For `TrainableDecoder`: given a layer and the stream (M, D), lets places of it look.

        Args:
            looking: A memory (N, D), and which places of the stream look at it.
        """
        keys_values = [self.keys_values(memory_ND) for memory_ND, _ in looking]
        places = [places_L for _, places_L in looking]
        places_L = torch.cat(places)

        def look(layer: int, stream_MD: Tensor) -> Tensor:
            if str(layer) not in self.blocks:
                return stream_MD
            parts = torch.split(stream_MD[places_L], [len(part_L) for part_L in places])
            changed = [self.look(layer, part_LD, made) for part_LD, made in zip(parts, keys_values, strict=True)]
            return stream_MD.index_copy(0, places_L, torch.cat(changed))

        return look


def _block(module: nn.Module) -> GatedBlock:
    assert isinstance(module, GatedBlock)
    return module
