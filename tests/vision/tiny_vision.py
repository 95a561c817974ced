"""An encoder and word vectors of a few numbers, made on the spot, for what stands between a picture and a language model."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from assistant.vision.encoder import Features

NAMES = ("cat", "dog", "great white shark", "sea lion")


class TinyEncoder:
    """Averages colours; its deeper levels are fixed random mixtures of them."""

    sha256 = "e" * 64
    normalisation = "8x8, (x - 127) / 128"
    pooled_width = 10

    def __init__(self, names: tuple[str, ...] = NAMES) -> None:
        self.names = names
        self.levels = {"rgb": (3, 8, 8), "stride32": (6, 4, 4), "head": (10, 4, 4)}
        chance = torch.Generator().manual_seed(0)
        self._deep_VC = torch.randn(6, 3, generator=chance)
        self._head_VC = torch.randn(10, 3, generator=chance)
        self._names_KV = torch.randn(len(names), 10, generator=chance)

    def encode(self, pictures: Sequence[NDArray[np.uint8]]) -> Features:
        """See `FeatureEncoder.encode`."""
        small = [functional.adaptive_avg_pool2d((torch.tensor(x).permute(2, 0, 1).float() - 127) / 128, 8) for x in pictures]
        rgb_BCHW = torch.stack(small)
        coarse_BCHW = functional.avg_pool2d(rgb_BCHW, 2)
        deep_BCHW = torch.einsum("vc,bchw->bvhw", self._deep_VC, coarse_BCHW)
        head_BCHW = torch.einsum("vc,bchw->bvhw", self._head_VC, coarse_BCHW)
        pooled_BV = head_BCHW.mean(dim=(2, 3))
        return Features(pooled_BV @ self._names_KV.T, pooled_BV, {"rgb": rgb_BCHW, "stride32": deep_BCHW, "head": head_BCHW})


class TinyWords:
    """One vector for each word (with the space before it), drawn from the word itself."""

    sha256 = "f" * 64
    width = 16
    layers = 8

    def __call__(self, text: str) -> Tensor:
        """The vectors of the text's words and stops."""
        words = re.findall(r"[\w-]+|[^\w\s]", text)
        return torch.stack([_vector(word, self.width) for word in words]) if words else torch.zeros(0, self.width)


def _vector(word: str, width: int) -> Tensor:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
    return 0.1 * torch.randn(width, generator=torch.Generator().manual_seed(seed))


def noise(height_px: int, width_px: int) -> NDArray[np.uint8]:
    """A picture of random pixels."""
    return np.random.default_rng(height_px).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
