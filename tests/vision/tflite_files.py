"""TensorFlow Lite models, written on the spot."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Value: TypeAlias = "int | bytes | Mapping[int, Value] | Sequence[Mapping[int, Value]] | NDArray[Any]"

_KINDS = {"float32": 0, "float16": 1, "int32": 2, "int8": 9}


@dataclass
class Model:
    """A network of one input: its operations one after the other, each fed with the result before it."""

    shape: tuple[int, ...]
    operations: list[tuple[int, dict[int, Value], list[Constant]]] = field(default_factory=list)

    def then(self, operator: int, options: dict[int, Value] | None = None, *constants: Constant) -> Model:
        """One more operation, by the number of its operator."""
        self.operations.append((operator, options or {}, list(constants)))
        return self

    def save(self, path: Path) -> Path:
        """Write the file."""
        tensors: list[Mapping[int, Value]] = [{0: np.array(self.shape, np.int32), 2: 0}]
        buffers: list[Mapping[int, Value]] = [{}]
        operations: list[Mapping[int, Value]] = []
        for n, (_, options, constants) in enumerate(self.operations):
            inputs = [len(tensors) - 1]
            for constant in constants:
                inputs.append(len(tensors))
                tensors.append(constant.tensor(len(buffers)))
                buffers.append({0: constant.values.tobytes()})
            tensors.append({2: 0})
            operations.append({0: n, 1: np.array(inputs, "<i4"), 2: np.array([len(tensors) - 1], "<i4"), 4: options})
        graph: Mapping[int, Value] = {0: tensors, 1: np.array([0], "<i4"), 2: np.array([len(tensors) - 1], "<i4"), 3: operations}
        codes: list[Mapping[int, Value]] = [{3: operator} for operator, _, _ in self.operations]
        out = bytearray(b"\0\0\0\0TFL3")
        struct.pack_into("<I", out, 0, _written(out, {1: codes, 2: [graph], 4: buffers}))
        path.write_bytes(out)
        return path


@dataclass
class Constant:
    """Weights; those of 8 bits with the scale and the zero point of each index along `axis`."""

    values: NDArray[Any]
    scales: tuple[float, ...] = ()
    zeros: tuple[int, ...] = ()
    axis: int = 0

    def tensor(self, buffer: int) -> dict[int, Value]:
        """The table that describes it."""
        scales: dict[int, Value] = {2: np.array(self.scales, "<f4"), 3: np.array(self.zeros, "<i8"), 6: self.axis}
        shape = np.array(self.values.shape, "<i4")
        return {0: shape, 1: _KINDS[self.values.dtype.name], 2: buffer, **({4: scales} if self.scales else {})}


def _written(out: bytearray, value: Value) -> int:
    """Where the value lies after it was appended."""
    out += bytes(-len(out) % 8)
    if isinstance(value, Mapping):
        return _table(out, value)
    place = len(out)
    if isinstance(value, bytes | np.ndarray):
        out += struct.pack("<I", len(value)) + bytes(value)
        return place
    assert not isinstance(value, int)
    out += struct.pack("<I", len(value)) + bytes(4 * len(value))
    for i, item in enumerate(value):
        _point(out, place + 4 + 4 * i, item)
    return place


def _table(out: bytearray, fields: Mapping[int, Value]) -> int:
    count = max(fields, default=-1) + 1
    offsets = len(out)
    out += struct.pack(f"<{2 + count}H", 4 + 2 * count, 4 + 4 * len(fields), *([0] * count))
    out += bytes(-len(out) % 4)
    place = len(out)
    out += struct.pack("<i", place - offsets) + bytes(4 * len(fields))
    for slot, (number, value) in enumerate(fields.items()):
        struct.pack_into("<H", out, offsets + 4 + 2 * number, 4 + 4 * slot)
        if isinstance(value, int):
            struct.pack_into("<i", out, place + 4 + 4 * slot, value)
        else:
            _point(out, place + 4 + 4 * slot, value)
    return place


def _point(out: bytearray, place: int, value: Value) -> None:
    struct.pack_into("<I", out, place, _written(out, value) - place)
