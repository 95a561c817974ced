"""Random quantised matrices of every block type there are kernels for."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from assistant.language.block_layouts import LAYOUTS
from assistant.language.gguf import BLOCK_SHAPES, BlockType, StoredTensor
from assistant.language.machine_code import Target, host_target

BLOCK_TYPES = tuple(LAYOUTS)
PROCESSORS = tuple(dict.fromkeys((Target(False, False), Target(host_target().dot_products, False), host_target())))
"""Any, and what of this one can be left out."""


def random_matrix(rows: int, columns: int, block_type: BlockType) -> StoredTensor:
    """Every bit pattern may occur, but for scales, which are near 0.01 (times a small whole number in the K types)."""
    numbers, size = BLOCK_SHAPES[block_type]
    random = np.random.default_rng(rows + columns)
    blocks = random.integers(0, 256, (rows * columns // numbers, size), dtype=np.uint8)

    def halves(low: float, high: float) -> np.ndarray:
        return random.uniform(low, high, (len(blocks), 1)).astype("<f2").view(np.uint8)

    scale_at = 208 if block_type is BlockType.Q6_K else 0
    blocks[:, scale_at : scale_at + 2] = halves(0.01, 0.02)
    if block_type in (BlockType.Q4_1, BlockType.Q4_K):
        blocks[:, 2:4] = halves(-0.15, -0.1)
    return StoredTensor(block_type, blocks.reshape(rows, -1), columns)


def random_rows(*shape: int) -> Tensor:
    """Standard normal numbers, the same for the same shape."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def error(got: Tensor, expected: Tensor) -> float:
    """Root mean square of the difference against that of the numbers."""
    return float((got - expected).pow(2).mean().sqrt() / expected.pow(2).mean().sqrt())
