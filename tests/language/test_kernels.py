"""Products of a few rows, straight from the compiled loops."""

from __future__ import annotations

import pytest
import torch

from assistant.language.gguf import BlockType
from assistant.language.kernels import FEW_ROWS, input_kernels, kernels, planes_bytes
from assistant.language.machine_code import Target
from tests.language.random_blocks import BLOCK_TYPES, PROCESSORS, error, random_matrix, random_rows


@pytest.mark.parametrize("target", PROCESSORS, ids=str)
@pytest.mark.parametrize("rows", FEW_ROWS)
@pytest.mark.parametrize("block_type", BLOCK_TYPES)
def test_a_product_keeps_sixteen_bits_of_the_input(block_type: BlockType, rows: int, target: Target) -> None:
    stored, inputs = random_matrix(9, 768, block_type), random_rows(rows, 768)
    inputs[:, 7] = 50.0  # one large channel must not drown the others
    planes = torch.empty(rows * planes_bytes(768), dtype=torch.uint8)
    input_kernels(target).planes(inputs.data_ptr(), rows, 768, planes.data_ptr())
    out = torch.full((rows, 12), torch.nan)
    product = kernels(block_type, target).product[rows]
    product(stored.address, 2, 9, 768, planes.data_ptr(), rows, 0, out.data_ptr(), 12, 0)
    assert error(out[:, 2:9], inputs @ torch.from_numpy(stored.dequantize())[2:].T) < 6e-4  # the step is 50 : 32512
    assert out[:, :2].isnan().all()
    assert out[:, 9:].isnan().all()


def test_rows_of_zeros_and_of_very_different_size_stay_what_they_are() -> None:
    stored, inputs = random_matrix(40, 64, BlockType.Q8_0), random_rows(4, 64)
    inputs[0], inputs[1] = 0, inputs[1] * 1e6
    target = PROCESSORS[0]
    planes = torch.empty(4 * planes_bytes(64), dtype=torch.uint8)
    input_kernels(target).planes(inputs.data_ptr(), 4, 64, planes.data_ptr())
    out = torch.empty(4, 40)
    kernels(BlockType.Q8_0, target).product[4](stored.address, 0, 40, 64, planes.data_ptr(), 4, 0, out.data_ptr(), 40, 0)
    expected = inputs @ torch.from_numpy(stored.dequantize()).T
    assert not out[0].any()
    for got, wanted in zip(out[1:], expected[1:], strict=True):
        assert error(got, wanted) < 3e-4
