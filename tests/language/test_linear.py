"""Matrices of several parts against plain float32 products, by every path."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from assistant.language.gguf import BlockType, StoredTensor
from assistant.language.linear import SOME_ROWS, GatedFeedForward, Linear
from assistant.language.machine_code import Target, host_target
from assistant.language.team import Team
from tests.language.random_blocks import PROCESSORS, error, random_matrix, random_rows


def _floats(weight_NK: Tensor) -> StoredTensor:
    return StoredTensor(BlockType.F32, weight_NK.numpy().view(np.uint8), weight_NK.shape[1])


def _numbers(parts: list[StoredTensor]) -> Tensor:
    return torch.cat([torch.from_numpy(part.dequantize()) for part in parts])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rows", [1, 3, 4, 5, SOME_ROWS, SOME_ROWS + 1, 70])
@pytest.mark.parametrize("target", PROCESSORS, ids=str)
def test_parts_of_several_types_make_one_product(target: Target, rows: int, threads: int) -> None:
    parts = [random_matrix(count, 512, kind) for count, kind in ((300, BlockType.Q4_K), (33, BlockType.Q6_K), (64, BlockType.Q8_0))]
    bias = random_rows(397)
    linear = Linear(parts, bias, team=Team(threads), target=target, full_precision=False)
    inputs = random_rows(rows, 512)
    got = linear(inputs)
    assert got.shape == (rows, 397)
    assert error(got, inputs @ _numbers(parts).T + bias) < 6e-3  # bfloat16 in the matrix unit


@pytest.mark.parametrize("columns", [96, 128])
@pytest.mark.parametrize("rows", [1, 40])
def test_full_precision_is_a_plain_product(rows: int, columns: int) -> None:
    parts = [_floats(random_rows(48, columns)), random_matrix(300, columns, BlockType.Q8_0)]
    linear = Linear(parts, None, team=Team(1), target=host_target(), full_precision=True)
    inputs = random_rows(rows, columns)
    torch.testing.assert_close(linear(inputs), inputs @ _numbers(parts).T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("columns", [96, 128])
def test_floats_become_eight_bit_blocks_where_they_fit(columns: int) -> None:
    weight = random_rows(48, columns)
    linear = Linear([_floats(weight)], None, team=Team(1), target=host_target(), full_precision=False)
    inputs = random_rows(2, columns)
    off = error(linear(inputs), inputs @ weight.T)
    assert off < 1e-6 if columns == 96 else 1e-4 < off < 1e-2


@pytest.mark.parametrize("rows", [1, 5, 70])
@pytest.mark.parametrize("kinds", [(BlockType.Q4_K, BlockType.Q4_K), (BlockType.Q4_K, BlockType.Q6_K)], ids=["fused", "apart"])
@pytest.mark.parametrize("target", PROCESSORS, ids=str)
def test_a_gated_block_is_its_three_products(target: Target, kinds: tuple[BlockType, BlockType], rows: int) -> None:
    parts = [random_matrix(512, 256, kind) for kind in kinds]
    last = random_matrix(64, 512, BlockType.Q8_0)
    team = Team(2)
    gate_up, down = (Linear(ours, None, team=team, target=target, full_precision=False) for ours in (parts, [last]))
    inputs = 0.2 * random_rows(rows, 256)
    gate, up = (inputs @ torch.from_numpy(part.dequantize()).T for part in parts)
    expected = (torch.nn.functional.silu(gate) * up) @ torch.from_numpy(last.dequantize()).T
    assert gate.min() < -10
    assert error(GatedFeedForward(gate_up, down)(inputs), expected) < 1e-2


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("target", PROCESSORS, ids=str)
def test_what_is_no_number_shows_in_its_row_alone(target: Target, rows: int, value: float) -> None:
    linear = Linear([random_matrix(64, 256, BlockType.Q4_K)], None, team=Team(1), target=target, full_precision=False)
    inputs = random_rows(rows, 256)
    inputs[0, 3] = value
    got = linear(inputs)
    assert not got[0].isfinite().any()
    assert got[1:].isfinite().all()


def test_no_rows_make_no_rows_and_the_wrong_width_is_refused() -> None:
    linear = Linear([random_matrix(64, 256, BlockType.Q4_K)], None, team=Team(1), target=host_target(), full_precision=False)
    assert linear(torch.empty(0, 256)).shape == (0, 64)
    for shape in ((1, 192), (256,)):
        with pytest.raises(ValueError, match="columns"):
            linear(torch.zeros(shape))
