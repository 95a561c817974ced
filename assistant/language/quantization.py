"""Weight matrices, packed for the kernels that torch ships for processors.

int4: groups of 32 columns with a scale and a minimum each, which is what Q4_0, Q4_1 and Q4_K hold, so nothing is lost
but the last bits of the scales (bfloat16). Fastest for a few rows.

int8: one scale per matrix row, 0.8 % off the numbers it is made from. An input row goes in as two int8 planes,
256 · high + low, so it keeps 16 bits, and the integer product runs as fast as one in bfloat16 and needs half the memory. For
many rows, and for matrices of more than 4 bits.

bfloat16: for many rows instead of int8 where the model is small: a small model feels the 0.8 % and does not need the memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from assistant.language.gguf import FOUR_BIT_TYPES, StoredTensor, four_bit_groups
from assistant.language.prepacked import freeze, thaw

GROUP = 32
CHUNK_ROWS = 4096
"""Rows unpacked at a time: bounds the memory of a conversion."""
FEW_ROWS = 4
"""Up to so many input rows int4 is the fastest (tests/benchmarks/decoder.py)."""
LONG_ROW_COLUMNS = 8192
"""From so many columns on torch reads plain int8 twice as fast for one row as oneDNN does, so both layouts are kept."""
STACKED_ROWS = 32
CHUNK_COLUMNS = 512
CHUNK_NUMBERS = 1 << 17
"""Input numbers split into planes at a time: they stay in the second-level cache."""
LIKE_SIZE = 16.0
"""Rows whose peaks differ by no more share a step: 12 of the 16 bits are left, still more than bfloat16 has."""
TINY = 1e-30
PLANE_PEAK = 127.0 * 256.0
"""Largest 16-bit input, such that the high plane fits int8 after rounding."""


def machine() -> str:
    """What the packed forms are made for: processor and torch. Part of a converted folder's name."""
    has = torch.cpu.get_capabilities()
    units = [name for name in ("amx_int8", "avx512_vnni", "avx512_bf16") if has.get(name)]
    return " ".join([torch.__version__, torch.backends.cpu.get_cpu_capability(), *units])


def integer_products_are_fast() -> bool:
    """Whether this processor multiplies int8 exactly and fast (VNNI or AMX), and bfloat16 natively."""
    has = torch.cpu.get_capabilities()
    return bool(has.get("avx512_vnni") and has.get("avx512_bf16"))


def pack(parts: Sequence[StoredTensor], *, small: bool, few_rows: bool = False) -> dict[str, Tensor]:
    """One matrix, of parts one below the other, in its packed forms.

    Args:
        parts: From top to bottom.
        small: The model is small.
        few_rows: It will hardly ever see more than one input row, as the head, which predicts from the last position: plain
            int8, which torch reads half again as fast for one row as oneDNN does.

    Returns:
        Where all parts are 4-bit, `int4` and `int4_scale` as the kernel wants them, and for many rows `bfloat16` (N, K) if
        the model is small; otherwise `int8` with its `scale` (N), and with its `int8_layout` where the processor is fast at it.
    """
    if not integer_products_are_fast():
        return _pack_int8(parts)
    four_bit = all(part.block_type in FOUR_BIT_TYPES for part in parts)
    if few_rows:
        return _pack_int8(parts) | (_pack_int4(parts) if four_bit else {})
    if four_bit and small:
        return _pack_int4(parts) | _pack_bfloat16(parts)
    packed = _pack_int8(parts)
    if not four_bit and parts[0].columns >= LONG_ROW_COLUMNS:
        packed["int8_rows"] = packed["int8"]
    packed["int8"], packed["int8_layout"] = freeze(packed["int8"])
    return packed | (_pack_int4(parts) if four_bit else {})


def _pack_bfloat16(parts: Sequence[StoredTensor]) -> dict[str, Tensor]:
    return {"bfloat16": torch.cat([torch.from_numpy(part.dequantize()).bfloat16() for part in parts])}


def _pack_int8(parts: Sequence[StoredTensor]) -> dict[str, Tensor]:
    rows = sum(part.rows for part in parts)
    weight_NK = torch.empty(rows, parts[0].columns, dtype=torch.int8)
    scale_N = torch.empty(rows)
    start = 0
    for part in parts:
        for first in range(0, part.rows, CHUNK_ROWS):
            chunk = torch.from_numpy(part.take(slice(first, first + CHUNK_ROWS)).dequantize())
            scale = chunk.abs().amax(1).div_(127.0).clamp_(min=torch.finfo(torch.float32).tiny)
            weight_NK[start : start + len(chunk)] = chunk.div_(scale[:, None]).round_().to(torch.int8)
            scale_N[start : start + len(chunk)] = scale
            start += len(chunk)
    return {"int8": weight_NK, "scale": scale_N}


def _pack_int4(parts: Sequence[StoredTensor]) -> dict[str, Tensor]:
    groups = [four_bit_groups(part.bytes_RB, part.block_type) for part in parts]
    q_NK = np.concatenate([q for q, _, _ in groups])
    scale_NG = torch.from_numpy(np.concatenate([scale for _, scale, _ in groups]))
    zero_NG = torch.from_numpy(np.concatenate([minimum for _, _, minimum in groups])) + 8 * scale_NG
    return {
        "int4": torch.ops.aten._convert_weight_to_int4pack_for_cpu(torch.from_numpy(q_NK).int(), 1),
        "int4_scale": torch.stack([scale_NG, zero_NG], -1).transpose(0, 1).contiguous().bfloat16(),
    }


class Linear:
    """y = W x + b on packed weights. Float32 on processors without fast integer products, or when asked for."""

    def __init__(self, packed: Mapping[str, Tensor], columns: int, *, full_precision: bool) -> None:
        self.bias_N = packed.get("bias")
        self._dense_NK = packed.get("bfloat16")
        self._int4 = self._int4_scale = None
        self._int8_NK = self._int8_scale_N = self._int8 = None
        if "int8_layout" in packed:
            self._scale_N = packed["scale"]
            self._zero_N = torch.zeros(len(self._scale_N), dtype=torch.long)
            self._int8 = thaw(packed["int8"], packed["int8_layout"], len(self._scale_N), columns)
        if full_precision:
            self._dense_NK = self._numbers(packed, columns)
        else:
            self._int4, self._int4_scale = packed.get("int4"), packed.get("int4_scale")
            if "int8_rows" in packed or "int8_layout" not in packed and "int8" in packed:
                self._int8_NK = packed["int8_rows" if "int8_rows" in packed else "int8"]
                self._int8_scale_N = packed["scale"].bfloat16()

    def _numbers(self, packed: Mapping[str, Tensor], columns: int) -> Tensor:
        """The matrix in float32 (N, K)."""
        if "bfloat16" in packed:
            return packed["bfloat16"].float()
        if "int8_layout" not in packed:
            return packed["int8"].float().mul_(packed["scale"][:, None])
        unit = torch.eye(columns, dtype=torch.int8)
        chunks = [unit[first : first + CHUNK_COLUMNS] for first in range(0, columns, CHUNK_COLUMNS)]
        return torch.cat([self._multiply(chunk, 1.0, torch.float32).T for chunk in chunks], 1)

    def __call__(self, input_MK: Tensor) -> Tensor:
        """The product, (M, N), float32 or bfloat16."""
        product_MN: Tensor
        if self._int4 is not None and len(input_MK) <= FEW_ROWS:
            product_MN = torch.ops.aten._weight_int4pack_mm_for_cpu(
                input_MK.bfloat16().contiguous(), self._int4, GROUP, self._int4_scale
            )
        elif self._dense_NK is not None:
            product_MN = torch.nn.functional.linear(input_MK.to(self._dense_NK.dtype), self._dense_NK)
        elif self._int8_NK is not None and self._int8_scale_N is not None and (self._int8 is None or len(input_MK) == 1):
            product_MN = torch._weight_int8pack_mm(input_MK.bfloat16().contiguous(), self._int8_NK, self._int8_scale_N)
        else:
            return self._integer_product(input_MK.float())
        return product_MN if self.bias_N is None else product_MN + self.bias_N

    def _integer_product(self, input_MK: Tensor) -> Tensor:
        rows = len(input_MK)
        step, step_M1 = _steps(input_MK)
        planes_2MK = _planes(input_MK, step if step_M1 is None else step_M1)
        if rows <= STACKED_ROWS:  # one call reads the weights once
            product_RN = self._multiply(planes_2MK.flatten(0, 1), step, torch.float32)
            product_MN = torch.add(product_RN[rows:], product_RN[:rows], alpha=256.0)
        else:  # two calls write half as much, and bfloat16 half of that
            product_MN = self._multiply(planes_2MK[0], 256.0 * step, torch.bfloat16)
            product_MN = torch.ops.onednn.qlinear_pointwise.binary(
                planes_2MK[1], step, 0, self._int8, self._scale_N, self._zero_N, product_MN, None,
                1.0, 0, torch.bfloat16, 1.0, 0, "sum", 1.0, "none", [], "",
            )  # fmt: skip
        if step_M1 is not None:
            product_MN.mul_(step_M1)
        return product_MN if self.bias_N is None else product_MN + self.bias_N

    def _multiply(self, plane_MK: Tensor, scale: float, dtype: torch.dtype) -> Tensor:
        product_MN: Tensor = torch.ops.onednn.qlinear_pointwise(
            plane_MK, scale, 0, self._int8, self._scale_N, self._zero_N, None, 1.0, 0, dtype, "none", [], ""
        )
        return product_MN


def _steps(input_MK: Tensor) -> tuple[float, Tensor | None]:
    """The step of the 16-bit grid: one number if all rows are of like size, else 1.0 and one for each row."""
    if len(input_MK) == 1:
        low, high = torch.aminmax(input_MK)
        return max(high.item(), -low.item(), TINY) / PLANE_PEAK, None
    peak_M1 = torch.maximum(input_MK.amax(1, keepdim=True), input_MK.amin(1, keepdim=True).neg_())
    largest = max(peak_M1.max().item(), TINY)
    if peak_M1.min().item() * LIKE_SIZE >= largest:
        return largest / PLANE_PEAK, None
    return 1.0, peak_M1.clamp_(min=TINY).div_(PLANE_PEAK)


def _planes(input_MK: Tensor, step: float | Tensor) -> Tensor:
    """Rows as int8 (2, M, K): input = step · (256 · planes[0] + planes[1])."""
    planes_2MK = torch.empty(2, *input_MK.shape, dtype=torch.int8)
    per_step = 1.0 / step
    chunk = max(1, CHUNK_NUMBERS // input_MK.shape[1])
    for first in range(0, len(input_MK), chunk):
        rows = slice(first, first + chunk)
        q = (input_MK[rows] * (per_step if isinstance(per_step, float) else per_step[rows])).to(torch.int16)
        planes_2MK[1, rows] = q
        planes_2MK[0, rows] = q.add_(128).bitwise_right_shift_(8)
    return planes_2MK
