"""Unpacking compiled for this processor, and for any, against plain numpy."""

from __future__ import annotations

import pytest
import torch

from assistant.language.block_layouts import fits
from assistant.language.gguf import BlockType
from assistant.language.kernels import kernels
from assistant.language.machine_code import Target
from tests.language.random_blocks import BLOCK_TYPES, PROCESSORS, random_matrix


@pytest.mark.parametrize("target", PROCESSORS, ids=str)
@pytest.mark.parametrize("block_type", BLOCK_TYPES)
def test_numbers_are_those_of_the_block_type(block_type: BlockType, target: Target) -> None:
    stored = random_matrix(7, 512, block_type)
    numbers = torch.full((5, 512), torch.nan)
    kernels(block_type, target).numbers(stored.address, 2, 7, 512, 0, 0, 0, numbers.data_ptr(), 0, 0)
    torch.testing.assert_close(numbers, torch.from_numpy(stored.dequantize())[2:], rtol=1e-6, atol=1e-6)


def test_whole_units_fit_and_floats_do_not() -> None:
    assert fits(BlockType.Q4_K, 512)
    assert not fits(BlockType.Q4_K, 128)
    assert fits(BlockType.Q8_0, 128)
    assert not fits(BlockType.Q8_0, 96)
    assert not fits(BlockType.F32, 512)
