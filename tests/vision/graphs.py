"""Frozen TensorFlow graphs, written on the spot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def save_graph(path: Path, constants: Mapping[str, NDArray[np.float32]]) -> Path:
    """A graph of these constants, an operation beside them, and constants of other kinds."""
    nodes = [_node(name, "Const", _tensor(1, array)) for name, array in constants.items()]
    nodes.append(_node("scalar", "Const", _field(1, 1) + _field(2, b"") + _field(4, b"\0\0\x80?")))
    nodes.append(_node("numbers", "Const", _tensor(3, np.zeros(2, np.float32))))
    nodes.append(_node("input", "Placeholder", b""))
    path.write_bytes(b"".join(_field(1, node) for node in nodes) + _field(4, b""))
    return path


def _node(name: str, operation: str, tensor: bytes) -> bytes:
    value = _field(5, _field(1, b"value") + _field(2, _field(8, tensor))) if tensor else b""
    kind = _field(5, _field(1, b"dtype") + _field(2, _field(6, 1)))
    return _field(1, name.encode()) + _field(2, operation.encode()) + kind + value


def _tensor(kind: int, array: NDArray[np.float32]) -> bytes:
    shape = b"".join(_field(2, _field(1, size)) for size in array.shape)
    return _field(1, kind) + _field(2, shape) + _field(4, array.tobytes())


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _variable(number << 3) + _variable(value)
    return _variable(number << 3 | 2) + _variable(len(value)) + value


def _variable(number: int) -> bytes:
    parts = []
    while number >= 0x80:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])
