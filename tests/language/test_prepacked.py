"""A matrix in oneDNN's layout, frozen and thawed."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from assistant.language.prepacked import freeze, thaw
from assistant.language.quantization import integer_products_are_fast

pytestmark = pytest.mark.skipif(not integer_products_are_fast(), reason="this processor has no VNNI or no bfloat16")


def _integers(*shape: int) -> Tensor:
    return torch.randint(-127, 128, shape, dtype=torch.int8, generator=torch.Generator().manual_seed(1))


def _product(packed: Tensor, inputs_MK: Tensor, rows: int) -> Tensor:
    product: Tensor = torch.ops.onednn.qlinear_pointwise(
        inputs_MK, 1.0, 0, packed, torch.ones(rows), torch.zeros(rows).long(), None, 1.0, 0, torch.float32, "none", [], ""
    )
    return product


@pytest.mark.parametrize(("rows", "columns"), [(64, 64), (48, 300), (1152, 896), (7, 5)])
def test_a_thawed_matrix_multiplies_exactly(rows: int, columns: int) -> None:
    weight, inputs = _integers(rows, columns), _integers(3, columns)
    content, layout = freeze(weight)
    packed = thaw(content.clone(), layout, rows, columns)
    del weight
    assert torch.equal(_product(packed, inputs, rows), (inputs.long() @ _integers(rows, columns).long().T).float())


def test_bytes_that_are_too_few_are_refused() -> None:
    content, layout = freeze(_integers(64, 128))
    with pytest.raises(ValueError, match="more bytes"):
        thaw(content[:-1], layout, 64, 128)
