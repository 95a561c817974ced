"""The packed kernels against plain float32 products."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from assistant.language.gguf import BLOCK_SHAPES, BlockType, StoredTensor
from assistant.language.quantization import FEW_ROWS, STACKED_ROWS, Linear, integer_products_are_fast, pack

needs_vnni = pytest.mark.skipif(not integer_products_are_fast(), reason="this processor has no VNNI or no bfloat16")


def _stored(weight_NK: Tensor) -> StoredTensor:
    return StoredTensor(BlockType.F32, weight_NK.numpy().view(np.uint8), weight_NK.shape[1])


def _four_bit(rows: int, columns: int, block_type: BlockType) -> StoredTensor:
    numbers, size = BLOCK_SHAPES[block_type]
    random = np.random.default_rng(rows)
    blocks = random.integers(0, 256, (rows * columns // numbers, size), dtype=np.uint8)
    blocks[:, :2] = random.uniform(0.01, 0.02, (len(blocks), 1)).astype("<f2").view(np.uint8)
    if block_type is not BlockType.Q4_0:
        blocks[:, 2:4] = random.uniform(-0.15, -0.1, (len(blocks), 1)).astype("<f2").view(np.uint8)
    return StoredTensor(block_type, blocks.reshape(rows, -1), columns)


def _numbers(packed: dict[str, Tensor], columns: int) -> Tensor:
    """The matrix as the int8 form holds it: what full precision multiplies with."""
    return Linear({name: tensor for name, tensor in packed.items() if name != "bias"}, columns, full_precision=True)(
        torch.eye(columns)
    ).T


def _random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def _error(got: Tensor, expected: Tensor) -> float:
    return float((got.float() - expected).pow(2).mean().sqrt() / expected.pow(2).mean().sqrt())


def test_int8_keeps_a_matrix_within_half_a_step() -> None:
    weight = _random(70, 96)
    packed = pack([_stored(weight)], small=False)
    assert ((_numbers(packed, 96) - weight).abs() <= packed["scale"][:, None] * 0.5001).all()


def test_a_row_of_zeros_stays_zero() -> None:
    assert torch.equal(_numbers(pack([_stored(torch.zeros(32, 64))], small=False), 64), torch.zeros(32, 64))


def test_parts_are_packed_one_below_the_other() -> None:
    upper, lower = _random(32, 64), _random(16, 64)
    both = torch.cat([_numbers(pack([_stored(part)], small=False), 64) for part in (upper, lower)])
    assert torch.equal(_numbers(pack([_stored(upper), _stored(lower)], small=False), 64), both)


@needs_vnni
def test_int4_is_there_only_if_all_parts_are_of_four_bits() -> None:
    four = _four_bit(32, 64, BlockType.Q4_1)
    assert set(pack([four, four], small=False)) == {"int4", "int4_scale", "int8", "int8_layout", "scale"}
    assert set(pack([four, four], small=True)) == {"int4", "int4_scale", "bfloat16"}
    assert "int4" not in pack([four, _stored(_random(32, 64))], small=False)


@needs_vnni
@pytest.mark.parametrize("rows", [1, FEW_ROWS, FEW_ROWS + 1, 40])
@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("block_type", [BlockType.Q4_0, BlockType.Q4_1, BlockType.Q4_K])
def test_a_four_bit_matrix_multiplies_as_its_numbers_do(rows: int, block_type: BlockType, small: bool) -> None:
    stored = _four_bit(128, 512, block_type)
    linear = Linear(pack([stored], small=small), 512, full_precision=False)
    inputs = _random(rows, 512)
    # bfloat16 inputs and scales in int4; 8-bit weights in int8
    assert _error(linear(inputs), inputs @ torch.from_numpy(stored.dequantize()).T) < 8e-3


@needs_vnni
@pytest.mark.parametrize("rows", [1, 3, 200])
def test_int8_products_keep_sixteen_bits_of_the_input(rows: int) -> None:
    packed = pack([_stored(_random(48, 300))], small=False) | {"bias": _random(48)}
    inputs = _random(rows, 300)
    inputs[:, 7] = 50.0  # one large channel must not drown the others
    expected = inputs @ _numbers(packed, inputs.shape[1]).T + packed["bias"]
    tolerance = 5e-4 if rows <= STACKED_ROWS else 4e-3  # many rows are written as bfloat16
    assert _error(Linear(packed, inputs.shape[1], full_precision=False)(inputs), expected) < tolerance


@needs_vnni
def test_rows_of_very_different_size_keep_their_precision() -> None:
    packed = pack([_stored(_random(48, 64))], small=False)
    inputs = _random(20, 64)
    inputs[3] *= 1e4
    inputs[4] = 0
    linear = Linear(packed, inputs.shape[1], full_precision=False)
    expected = inputs @ _numbers(packed, inputs.shape[1]).T
    for got, wanted in zip(linear(inputs), expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-3, atol=float(wanted.abs().max()) * 2e-4)


def test_full_precision_is_a_plain_product() -> None:
    packed = pack([_stored(_random(48, 64))], small=False) | {"bias": _random(48)}
    inputs = _random(5, 64)
    got = Linear(packed, inputs.shape[1], full_precision=True)(inputs)
    torch.testing.assert_close(got, inputs @ _numbers(packed, inputs.shape[1]).T + packed["bias"])
