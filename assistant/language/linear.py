"""Matrices of a checkpoint, multiplied as they are stored."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from assistant.language import kernels as kernel
from assistant.language.block_layouts import CHUNK, fits
from assistant.language.gguf import BlockType, StoredTensor, quantize
from assistant.language.machine_code import Target, address_of
from assistant.language.matrix_unit import STRIPE
from assistant.language.team import Part, Team

SOME_ROWS = 16
"""Up to so many input rows few-row kernels are as fast as plain float32 where there is no matrix unit."""
PANEL_ROWS = 256
"""Matrix rows that are made float32 at a time: they stay in the second-level cache."""
FLOATS = (BlockType.F32, BlockType.F16, BlockType.BF16)


CHUNK_BYTES = 1 << 17
"""Of the weights that a thread takes at a time: a few microseconds."""


GAP = 16
"""Numbers between the rows of a product: rows that are a power of two apart fall into the same few lines of the cache."""


class _Stored:
    """Some rows of a matrix that there are kernels for."""

    def __init__(self, stored: StoredTensor, first: int, target: Target) -> None:
        self.first = first
        """The matrix row its own first row is."""
        self._stored = stored  # keeps the bytes alive
        self._kernels = kernel.kernels(stored.block_type, target)
        self.rows, self._columns, self._address = stored.rows, stored.columns, stored.address
        chunk = max(STRIPE, CHUNK_BYTES // stored.bytes_RB.shape[1] // STRIPE * STRIPE)
        self._chunk = min(chunk, -(-self.rows // STRIPE) * STRIPE)
        self._products = {rows: address_of(function) for rows, function in self._kernels.product.items()}
        tiled = (self._kernels.matrix_product, self._kernels.gated_product)
        self._matrix_product, self._gated_product = (address_of(function) if function else 0 for function in tiled)

    def few(self, rows: int, planes: int, out: int, stride: int) -> Part:
        return Part(self._products[rows], self._address, self.rows, self._chunk, self._columns, planes, rows, out, stride)

    def many(self, stripes: int, tiles: int, out: int, stride: int) -> Part:
        """The threads' pieces must not be shorter than a stripe."""
        chunk = self.rows if 0 < self.rows % self._chunk < STRIPE else self._chunk
        room = 2 * STRIPE * self._columns
        return Part(
            self._matrix_product, self._address, self.rows, chunk, self._columns, tiles, stripes, out, stride, scratch_bytes=room
        )

    def gated(self, up: _Stored, stripes: int, tiles: int, out: int) -> Part:
        """This part's product through the gate, times the other's."""
        room = 2 * STRIPE * self._columns
        return Part(
            self._gated_product,
            self._address,
            self.rows,
            self._chunk,
            self._columns,
            tiles,
            stripes,
            out,
            self.rows,
            up._address,
            room,
        )

    def gates(self, up: _Stored) -> bool:
        """Whether `gated` can be asked for."""
        return self._kernels is up._kernels and self.rows == up.rows and self.rows % STRIPE == 0 and bool(self._gated_product)

    def multiply(self, input_MK: Tensor) -> Tensor:
        """In float32, some rows of the matrix at a time."""
        panel_NK = torch.empty(PANEL_ROWS, self._columns)
        products = []
        for first in range(0, self.rows, PANEL_ROWS):
            end = min(first + PANEL_ROWS, self.rows)
            self._kernels.numbers(self._address, first, end, self._columns, 0, 0, 0, panel_NK.data_ptr(), 0, 0)
            products.append(F.linear(input_MK, panel_NK[: end - first]))
        return torch.cat(products, 1)


class _Dense:
    """Some rows of a matrix as float32."""

    def __init__(self, stored: StoredTensor) -> None:
        self.rows = stored.rows
        self._weight_NK = torch.from_numpy(stored.dequantize())

    def multiply(self, input_MK: Tensor) -> Tensor:
        return F.linear(input_MK, self._weight_NK)


class Linear:
    """y = W x + b."""

    def __init__(
        self, parts: Sequence[StoredTensor], bias_N: Tensor | None, *, team: Team, target: Target, full_precision: bool
    ) -> None:
        """Nothing of a block type is copied.

        Args:
            parts: From top to bottom.
            bias_N: Of all parts together.
            team: Works on one product together.
            target: Of the compiled code.
            full_precision: Compute in float32. Otherwise weights that are stored as floats become 8-bit blocks, inputs of a
                few rows keep 16 bits, and those of many rows are bfloat16 where the processor has a matrix unit.
        """
        self.columns = parts[0].columns
        self.rows = sum(part.rows for part in parts)
        self._bias_N, self._team = bias_N, team
        self._inputs = kernel.input_kernels(target)
        self._row_bytes = kernel.planes_bytes(self.columns)
        self._parts: list[_Stored | _Dense] = []
        first = 0
        for part in parts:
            if part.block_type in FLOATS and not full_precision and part.columns % CHUNK == 0:
                part = quantize(part.dequantize())
            self._parts.append(_Stored(part, first, target) if fits(part.block_type, part.columns) else _Dense(part))
            first += part.rows
        self._stored = [part for part in self._parts if isinstance(part, _Stored)]
        self._tiled = target.bfloat16_tiles and min(part.rows for part in parts) >= STRIPE
        self._plain = full_precision or len(self._stored) < len(parts)

    def __call__(self, input_MK: Tensor) -> Tensor:
        """The product, (M, N) float32.

        Raises:
            ValueError: The input is not of shape (M, K): compiled loops would read past its end.
        """
        if input_MK.dim() != 2 or input_MK.shape[1] != self.columns:
            raise ValueError(f"an input of shape {tuple(input_MK.shape)} for a matrix of {self.columns} columns")
        count = len(input_MK)
        if not count:
            return torch.empty(0, self.rows)
        input_MK = input_MK.float().contiguous()
        if self._plain:
            output_MN = torch.cat([part.multiply(input_MK) for part in self._parts], 1)
        elif count <= kernel.FEW_ROWS[-1]:
            output_MN = self._few(input_MK)
        elif self._tiled:
            output_MN = self._many(input_MK)
        elif count <= SOME_ROWS:
            output_MN = torch.cat([self._few(rows_MK) for rows_MK in torch.split(input_MK, kernel.FEW_ROWS[-1])])
        else:
            output_MN = torch.cat([part.multiply(input_MK) for part in self._parts], 1)
        return output_MN if self._bias_N is None else output_MN.add_(self._bias_N)

    def _few(self, input_MK: Tensor) -> Tensor:
        count = len(input_MK)
        rows = next(rows for rows in kernel.FEW_ROWS if rows >= count)
        planes = torch.empty(rows * self._row_bytes, dtype=torch.uint8)
        if rows > count:
            planes.zero_()
        at = planes.data_ptr()
        self._inputs.planes(input_MK.data_ptr(), count, self.columns, at)
        output_MN = torch.empty(rows, self.rows)
        out = output_MN.data_ptr()
        self._team.run([part.few(rows, at, out + 4 * part.first, self.rows) for part in self._stored])
        return output_MN[:count]

    def _many(self, input_MK: Tensor) -> Tensor:
        return self._of_tiles(self._tiles(input_MK), len(input_MK))

    def _tiles(self, input_MK: Tensor) -> Tensor:
        """Input rows in the order of the matrix unit."""
        count, columns = input_MK.shape
        tiles = torch.empty(-(-count // STRIPE) * STRIPE * columns, dtype=torch.bfloat16)
        assert self._inputs.tiles is not None
        self._inputs.tiles(input_MK.data_ptr(), count, columns, tiles.data_ptr())
        return tiles

    def _of_tiles(self, tiles: Tensor, count: int) -> Tensor:
        stripes, stride = -(-count // STRIPE), self.rows + GAP
        output_MN = torch.empty(stripes * STRIPE, stride)
        at, out = tiles.data_ptr(), output_MN.data_ptr()
        self._team.run([part.many(stripes, at, out + 4 * part.first, stride) for part in self._stored])
        return output_MN[:count, : self.rows]


class GatedFeedForward:
    """down(silu(gate(x)) · up(x)), the feed-forward block of Llama and Qwen2."""

    def __init__(self, gate_up: Linear, down: Linear) -> None:
        """`gate_up` has two parts of as many rows as `down` has columns; no biases."""
        self._gate_up, self._down = gate_up, down
        parts = gate_up._stored
        # one step from the input to the tiles that `down` wants, without the numbers between them
        self._fused = gate_up._tiled and down._tiled and not gate_up._plain and not down._plain and parts[0].gates(parts[1])

    def __call__(self, input_MK: Tensor) -> Tensor:
        """(M, D) float32 for an input of that shape."""
        count = len(input_MK)
        if count <= kernel.FEW_ROWS[-1] or not self._fused:
            gate, up = self._gate_up(input_MK).chunk(2, -1)
            return self._down(F.silu(gate, inplace=True).mul_(up))
        gate_part, up_part = self._gate_up._stored
        tiles = self._gate_up._tiles(input_MK)
        stripes = -(-count // STRIPE)
        between = torch.empty(stripes * STRIPE * self._down.columns, dtype=torch.bfloat16)
        self._gate_up._team.run([gate_part.gated(up_part, stripes, tiles.data_ptr(), between.data_ptr())])
        return self._down._of_tiles(between, count)
