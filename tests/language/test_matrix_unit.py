"""Many rows through the matrix unit."""

from __future__ import annotations

import pytest
import torch

from assistant.language.gguf import BlockType
from assistant.language.kernels import input_kernels, kernels
from assistant.language.machine_code import host_target
from assistant.language.matrix_unit import STRIPE
from tests.language.random_blocks import BLOCK_TYPES, error, random_matrix, random_rows

pytestmark = pytest.mark.skipif(not host_target().bfloat16_tiles, reason="this processor has no matrix unit")


@pytest.mark.parametrize(("first", "end"), [(0, 64), (3, 70), (32, 64)])
@pytest.mark.parametrize("rows", [1, 32, 45])
@pytest.mark.parametrize("block_type", BLOCK_TYPES)
def test_a_product_is_as_exact_as_bfloat16(block_type: BlockType, rows: int, first: int, end: int) -> None:
    stored, inputs = random_matrix(70, 512, block_type), random_rows(rows, 512)
    stripes = -(-rows // STRIPE)
    tiles = torch.empty(stripes * STRIPE * 512, dtype=torch.bfloat16)
    input_tiles, product = input_kernels(host_target()).tiles, kernels(block_type, host_target()).matrix_product
    assert input_tiles is not None
    assert product is not None
    input_tiles(inputs.data_ptr(), rows, 512, tiles.data_ptr())
    scratch = torch.empty(2 * STRIPE * 512, dtype=torch.uint8)
    out = torch.full((stripes * STRIPE, 75), torch.nan)
    product(stored.address, first, end, 512, tiles.data_ptr(), stripes, scratch.data_ptr(), out.data_ptr(), 75, 0)
    weight = torch.from_numpy(stored.dequantize()).bfloat16().float()
    assert error(out[:rows, first:end], inputs.bfloat16().float() @ weight[first:end].T) < 1e-5
    assert out[:, end:].isnan().all()
