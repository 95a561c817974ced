"""The weights in a frozen TensorFlow graph (`.pb`), read as data: nothing of the graph is run, and no TensorFlow is needed.

The format is protocol buffers; field numbers are those of TensorFlow's graph.proto, node_def.proto, attr_value.proto,
tensor.proto and tensor_shape.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from assistant.errors import WeightsCorruptError, WeightsMissingError

_Value: TypeAlias = int | memoryview

_GRAPH_NODE = 1
_NODE_NAME, _NODE_OPERATION, _NODE_ATTRIBUTE = 1, 2, 5
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_ATTRIBUTE_TENSOR = 8
_TENSOR_TYPE, _TENSOR_SHAPE, _TENSOR_CONTENT = 1, 2, 4
_SHAPE_DIMENSION, _DIMENSION_SIZE = 2, 1
_FLOAT = 1


def read_constants(path: Path) -> dict[str, NDArray[np.float32]]:
    """Every float32 constant of the graph that has a shape, by its name.

    Raises:
        WeightsMissingError: There is no such file.
        WeightsCorruptError: It is no graph, or is cut short.
    """
    if not path.is_file():
        raise WeightsMissingError(f"there is no file {path}", hint="pull the weights first")
    try:
        return dict(_constants(memoryview(path.read_bytes())))
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise WeightsCorruptError(
            f"{path} is not a frozen graph: {error}", hint="delete the file and pull the weights again"
        ) from error


def _constants(graph: memoryview) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for node in _all(graph, _GRAPH_NODE):
        if _text(node, _NODE_OPERATION) != "Const":
            continue
        for attribute in _all(node, _NODE_ATTRIBUTE):
            if _text(attribute, _ENTRY_KEY) != "value":
                continue
            for value in _all(attribute, _ENTRY_VALUE):
                for tensor in _all(value, _ATTRIBUTE_TENSOR):
                    content, shape = _all(tensor, _TENSOR_CONTENT), _shape(tensor)
                    if content and shape and dict(_fields(tensor))[_TENSOR_TYPE] == _FLOAT:
                        yield _text(node, _NODE_NAME), np.frombuffer(content[0], "<f4").reshape(shape)


def _shape(tensor: memoryview) -> tuple[int, ...]:
    sizes = []
    for shape in _all(tensor, _TENSOR_SHAPE):
        for dimension in _all(shape, _SHAPE_DIMENSION):
            size = dict(_fields(dimension)).get(_DIMENSION_SIZE, 0)
            if isinstance(size, int):
                sizes.append(size)
    return tuple(sizes)


def _text(message: memoryview, number: int) -> str:
    values = _all(message, number)
    return str(values[0], "utf-8") if values else ""


def _all(message: memoryview, number: int) -> list[memoryview]:
    """The values of a field that holds bytes or messages."""
    return [value for found, value in _fields(message) if found == number and isinstance(value, memoryview)]


def _fields(message: memoryview) -> Iterator[tuple[int, _Value]]:
    """Field numbers and values, as https://protobuf.dev/programming-guides/encoding lays them out."""
    place = 0
    while place < len(message):
        tag, place = _variable(message, place)
        match tag & 7:
            case 0:
                number, place = _variable(message, place)
                yield tag >> 3, number
            case 2:
                size, place = _variable(message, place)
                if place + size > len(message):
                    raise ValueError("it is cut short")
                yield tag >> 3, message[place : place + size]
                place += size
            case 1 | 5 as kind:
                size = 8 if kind == 1 else 4
                yield tag >> 3, message[place : place + size]
                place += size
            case kind:
                raise ValueError(f"unknown wire type {kind}")


def _variable(message: memoryview, place: int) -> tuple[int, int]:
    """An integer of 7 bits a byte, the lowest first, and the place after it."""
    number = shift = 0
    while True:
        byte = message[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
        shift += 7
        if shift > 63:
            raise ValueError("a number is longer than ten bytes")
