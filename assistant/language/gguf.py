"""GGUF files, read without trusting them: every count, length and offset is checked against the file before it is used.

Layout: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Block layouts follow `ggml-common.h` of the same project.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from assistant.errors import WeightsCorruptError, WeightsMissingError

Value: TypeAlias = int | float | bool | str | tuple[int, ...] | tuple[float, ...] | tuple[bool, ...] | tuple[str, ...]
Bytes: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]

MAX_PAIRS = 4096
MAX_TENSORS = 16_384
MAX_NAME_BYTES = 1024
MAX_TEXT_BYTES = 1 << 20
MAX_ITEMS = 1 << 21
MAX_DIMENSIONS = 4
MAX_ALIGNMENT = 1 << 16


class BlockType(IntEnum):
    """How numbers are stored; the values are ggml's type ids."""

    F32 = 0
    F16 = 1
    Q4_0 = 2
    Q4_1 = 3
    Q5_0 = 6
    Q8_0 = 8
    Q4_K = 12
    Q6_K = 14
    BF16 = 30


BLOCK_SHAPES: Mapping[BlockType, tuple[int, int]] = {
    BlockType.F32: (1, 4),
    BlockType.F16: (1, 2),
    BlockType.BF16: (1, 2),
    BlockType.Q4_0: (32, 18),
    BlockType.Q4_1: (32, 20),
    BlockType.Q5_0: (32, 22),
    BlockType.Q8_0: (32, 34),
    BlockType.Q4_K: (256, 144),
    BlockType.Q6_K: (256, 210),
}
"""Numbers and bytes of one block."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredTensor:
    """A matrix (or a vector as one row) as its bytes lie in a file."""

    block_type: BlockType
    bytes_RB: Bytes
    """One row per matrix row."""
    columns: int

    @property
    def rows(self) -> int:
        """Rows of the matrix."""
        return int(self.bytes_RB.shape[0])

    @property
    def address(self) -> int:
        """Where the bytes begin; valid while this object lives."""
        return int(self.bytes_RB.ctypes.data)

    def take(self, rows: NDArray[np.int64] | slice) -> StoredTensor:
        """Some of the rows, in the order asked for."""
        return StoredTensor(self.block_type, self.bytes_RB[rows], self.columns)

    def dequantize(self) -> Floats:
        """The numbers, (R, C) float32."""
        return dequantize(self.bytes_RB, self.block_type)


@dataclass(frozen=True, slots=True, eq=False)
class GgufFile:
    """What a GGUF file holds; tensors are views of the mapped file."""

    metadata: Mapping[str, Value]
    tensors: Mapping[str, StoredTensor]


def read_gguf(path: Path) -> GgufFile:
    """Map a GGUF file of version 2 or 3.

    Raises:
        WeightsMissingError: There is no such file.
        WeightsCorruptError: A field is out of bounds, or a tensor has a type that is not in `BlockType`.
    """
    if not path.is_file():
        raise WeightsMissingError(f"there is no weight file {path}", hint="pull the model's weights first")
    size = path.stat().st_size
    if size < 24:
        raise _corrupt(f"{path.name} has only {size} bytes")
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    cursor = _Cursor(mapped)
    try:
        return _read(cursor)
    except WeightsCorruptError as error:
        raise _corrupt(f"{path.name}: {error} (near byte {cursor.position})") from None


def _corrupt(message: str) -> WeightsCorruptError:
    return WeightsCorruptError(message, hint="delete the file and pull it again")


class _Cursor:
    """Reads forward and never past the end."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.position = 0

    def skip(self, count: int) -> int:
        """Where the next `count` bytes begin."""
        start = self.position
        if count > len(self.data) - start:
            raise _corrupt(f"{count} bytes are announced, {len(self.data) - start} are left")
        self.position += count
        return start

    def unpack(self, code: str) -> int | float | bool:
        layout = struct.Struct("<" + code)
        number: int | float | bool = layout.unpack_from(self.data, self.skip(layout.size))[0]
        return number

    def count(self, code: str, most: int, what: str) -> int:
        number = int(self.unpack(code))
        if not 0 <= number <= most:
            raise _corrupt(f"{number} {what}, at most {most} are allowed")
        return number

    def text(self, most: int = MAX_TEXT_BYTES) -> str:
        length = self.count("Q", most, "bytes of text")
        start = self.skip(length)
        try:
            return self.data[start : start + length].decode("utf-8")
        except UnicodeDecodeError:
            raise _corrupt("text is not UTF-8") from None

    def texts(self, count: int) -> tuple[str, ...]:
        """`count` texts. A vocabulary has hundreds of thousands, so this is `text` without its calls."""
        data, position, size = self.data, self.position, len(self.data)
        length_at = struct.Struct("<Q").unpack_from
        texts = []
        try:
            for _ in range(count):
                start = position + 8
                position = start + length_at(data, position)[0]
                if position > size or position - start > MAX_TEXT_BYTES:
                    raise _corrupt(f"a text of {position - start} bytes")
                texts.append(data[start:position].decode())
        except struct.error:
            raise _corrupt(f"{count} texts are announced, {len(texts)} are there") from None
        except UnicodeDecodeError:
            raise _corrupt("text is not UTF-8") from None
        finally:
            self.position = min(position, size)
        return tuple(texts)


_SCALARS: Mapping[int, str] = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_TEXT, _ARRAY = 8, 9


def _read(cursor: _Cursor) -> GgufFile:
    if cursor.data[cursor.skip(4) : 4] != b"GGUF":
        raise _corrupt("not a GGUF file")
    version = cursor.unpack("I")
    if version not in (2, 3):
        raise _corrupt(f"GGUF version {version} is not known")
    tensor_count = cursor.count("Q", MAX_TENSORS, "tensors")
    pair_count = cursor.count("Q", MAX_PAIRS, "metadata pairs")
    metadata: dict[str, Value] = {}
    for _ in range(pair_count):
        key = cursor.text(MAX_NAME_BYTES)
        if key in metadata:
            raise _corrupt(f"{key!r} is there twice")
        metadata[key] = _read_value(cursor, cursor.count("I", 12, "as a value type"))
    infos = [_read_info(cursor) for _ in range(tensor_count)]
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= MAX_ALIGNMENT or alignment & (alignment - 1):
        raise _corrupt(f"alignment {alignment!r} is not a small power of two")
    start = -(-cursor.position // alignment) * alignment
    return GgufFile(metadata, _place(infos, memoryview(cursor.data), start, alignment))


def _read_value(cursor: _Cursor, kind: int) -> Value:
    if kind == _TEXT:
        return cursor.text()
    if kind != _ARRAY:
        return cursor.unpack(_SCALARS[kind])
    item = cursor.count("I", 12, "as an item type")
    length = cursor.count("Q", MAX_ITEMS, "items")
    if item == _ARRAY:
        raise _corrupt("an array of arrays")
    if item == _TEXT:
        return cursor.texts(length)
    layout = struct.Struct(f"<{length}{_SCALARS[item]}")
    return layout.unpack_from(cursor.data, cursor.skip(layout.size))


@dataclass(frozen=True, slots=True)
class _Info:
    name: str
    block_type: BlockType
    rows: int
    columns: int
    offset: int

    @property
    def row_bytes(self) -> int:
        numbers, size = BLOCK_SHAPES[self.block_type]
        return self.columns // numbers * size


def _read_info(cursor: _Cursor) -> _Info:
    name = cursor.text(MAX_NAME_BYTES)
    dimensions = cursor.count("I", MAX_DIMENSIONS, "dimensions")
    sides = [cursor.count("Q", len(cursor.data) * 2, "as a side of a tensor") for _ in range(dimensions)]
    kind = int(cursor.unpack("I"))
    offset = int(cursor.unpack("Q"))
    if kind not in BlockType._value2member_map_:
        raise _corrupt(f"{name!r} is stored as ggml type {kind}; known: {', '.join(x.name for x in BlockType)}")
    columns, rows = (sides + [1, 1])[:2]
    if not sides or any(side != 1 for side in sides[2:]) or 0 in sides:
        raise _corrupt(f"{name!r} has the shape {sides}, not a vector's or a matrix's")
    block_type = BlockType(kind)
    if columns % BLOCK_SHAPES[block_type][0]:
        raise _corrupt(f"{name!r} has {columns} columns, not whole blocks of {block_type.name}")
    return _Info(name, block_type, rows, columns, offset)


def _place(infos: Sequence[_Info], data: memoryview, start: int, alignment: int) -> dict[str, StoredTensor]:
    tensors: dict[str, StoredTensor] = {}
    end = 0
    for info in sorted(infos, key=lambda info: info.offset):
        size = info.rows * info.row_bytes
        if info.name in tensors:
            raise _corrupt(f"{info.name!r} is there twice")
        if info.offset % alignment or info.offset < end or size > len(data) - start - info.offset:
            raise _corrupt(f"{info.name!r} overlaps another tensor, is not aligned or ends past the file")
        end = info.offset + size
        flat = np.frombuffer(data, np.uint8, size, start + info.offset)
        tensors[info.name] = StoredTensor(info.block_type, flat.reshape(info.rows, info.row_bytes), info.columns)
    return tensors


def side_by_side(tensor: StoredTensor, head_width: int) -> StoredTensor:
    """Rows i and i + half of each head, as transformers rotates them, become rows 2i and 2i + 1."""
    if tensor.rows == 1 and tensor.columns != 1:
        flat = np.ascontiguousarray(tensor.dequantize().reshape(-1, 1)).view(np.uint8)
        tensor = StoredTensor(BlockType.F32, flat, 1)
    order = np.arange(tensor.rows).reshape(-1, 2, head_width // 2).swapaxes(1, 2).reshape(-1)
    return tensor.take(order)


# ── blocks to numbers ──


def dequantize(bytes_RB: Bytes, block_type: BlockType) -> Floats:
    """Rows of blocks as float32 (R, C)."""
    rows = bytes_RB.shape[0]
    bytes_RB = np.ascontiguousarray(bytes_RB)
    match block_type:
        case BlockType.F32:
            return bytes_RB.view("<f4").astype(np.float32)
        case BlockType.F16:
            return bytes_RB.view("<f2").astype(np.float32)
        case BlockType.BF16:
            return (bytes_RB.view("<u2").astype(np.uint32) << 16).view(np.float32)
        case _:
            _, size = BLOCK_SHAPES[block_type]
            return _DEQUANTIZERS[block_type](bytes_RB.reshape(-1, size)).reshape(rows, -1)


_SMALLEST = 5.9604645e-08
"""A positive half-precision number cannot be smaller."""


def quantize(numbers_RC: Floats) -> StoredTensor:
    """A matrix as Q8_0: 8 bits a number and a scale for 32 columns, which must divide the columns."""
    rows, columns = numbers_RC.shape
    groups = torch.from_numpy(numbers_RC).view(-1, 32)  # three times as fast as numpy
    scale = (groups.abs().amax(1, keepdim=True) / 127).half()
    q = (groups / scale.float().clamp_min(_SMALLEST)).round_().clamp_(-127, 127).to(torch.int8)
    blocks = torch.cat([scale.view(torch.uint8), q.view(torch.uint8)], 1).numpy()
    return StoredTensor(BlockType.Q8_0, blocks.reshape(rows, -1), columns)


def _half(bytes_N2: Bytes) -> Floats:
    return np.ascontiguousarray(bytes_N2).view("<f2").astype(np.float32)


def _nibbles(bytes_NB: Bytes) -> Bytes:
    """The low halves of all bytes of a row, then their high halves."""
    return np.concatenate([bytes_NB & 0x0F, bytes_NB >> 4], axis=1)


def _six_bit_pairs(packed_N12: Bytes) -> tuple[Floats, Floats]:
    """Q4_K's eight 6-bit scales and eight 6-bit minima."""
    low, high, mixed = packed_N12[:, :4], packed_N12[:, 4:8], packed_N12[:, 8:]
    scales = np.concatenate([low & 63, (mixed & 15) | ((low >> 6) << 4)], axis=1)
    minima = np.concatenate([high & 63, (mixed >> 4) | ((high >> 6) << 4)], axis=1)
    return scales.astype(np.float32), minima.astype(np.float32)


def _q4_0(blocks: Bytes) -> Floats:
    return _half(blocks[:, :2]) * (_nibbles(blocks[:, 2:]).astype(np.int8) - np.int8(8))


def _q4_1(blocks: Bytes) -> Floats:
    return _half(blocks[:, :2]) * _nibbles(blocks[:, 4:]) + _half(blocks[:, 2:4])


def _q4_k(blocks: Bytes) -> Floats:
    sixes, minima = _six_bit_pairs(blocks[:, 4:16])
    scale = _half(blocks[:, :2]) * sixes
    minimum = _half(blocks[:, 2:4]) * minima
    q = _nibbles(blocks[:, 16:].reshape(-1, 32)).reshape(-1, 8, 32)
    numbers: Floats = q * scale[..., None] - minimum[..., None]
    return numbers.reshape(-1, 256)


def _q5_0(blocks: Bytes) -> Floats:
    fifth = np.unpackbits(blocks[:, 2:6], axis=1, bitorder="little")
    q = (_nibbles(blocks[:, 6:]) | (fifth << 4)).astype(np.int8) - np.int8(16)
    return _half(blocks[:, :2]) * q


def _q8_0(blocks: Bytes) -> Floats:
    return _half(blocks[:, :2]) * blocks[:, 2:].view(np.int8)


def _q6_k(blocks: Bytes) -> Floats:
    low = blocks[:, :128].reshape(-1, 2, 1, 64) >> np.array([0, 4], np.uint8).reshape(1, 1, 2, 1) & 15
    high = blocks[:, 128:192].reshape(-1, 2, 1, 32) >> np.array([0, 2, 4, 6], np.uint8).reshape(1, 1, 4, 1) & 3
    q = (low.reshape(-1, 256) | (high.reshape(-1, 256) << 4)).astype(np.int8) - np.int8(32)
    scale = _half(blocks[:, 208:]) * blocks[:, 192:208].view(np.int8)
    return (q.reshape(-1, 16, 16) * scale[..., None]).reshape(-1, 256)


_DEQUANTIZERS: Mapping[BlockType, Callable[[Bytes], Floats]] = {
    BlockType.Q4_0: _q4_0,
    BlockType.Q4_1: _q4_1,
    BlockType.Q4_K: _q4_k,
    BlockType.Q5_0: _q5_0,
    BlockType.Q8_0: _q8_0,
    BlockType.Q6_K: _q6_k,
}
