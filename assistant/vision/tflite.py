"""TensorFlow Lite models (`.tflite`), read as data and run by torch: no TensorFlow is needed.

The format is FlatBuffers; numbers of fields and operators are those of TensorFlow's schema.fbs. Known are the operators of small
convolutional networks in float32. Weights kept as half floats or bytes are widened when they are read, so that a network whose
weights were quantised runs a little more exactly here than on a phone.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from assistant.errors import WeightsCorruptError, WeightsMissingError

_Run: TypeAlias = Callable[..., Tensor]

_MODEL_OPERATORS, _MODEL_GRAPHS, _MODEL_BUFFERS = 1, 2, 4
_CODE_OLD, _CODE = 0, 3
_GRAPH_TENSORS, _GRAPH_INPUTS, _GRAPH_OUTPUTS, _GRAPH_OPERATIONS = 0, 1, 2, 3
_TENSOR_SHAPE, _TENSOR_TYPE, _TENSOR_BUFFER, _TENSOR_SCALES = 0, 1, 2, 4
_SCALES, _ZERO_POINTS, _SCALED_AXIS = 2, 3, 6
_OPERATION_CODE, _OPERATION_INPUTS, _OPERATION_OUTPUTS, _OPERATION_OPTIONS = 0, 1, 2, 4
_INT32, _INT8 = 2, 9
_DTYPES = {0: "<f4", 1: "<f2", _INT32: "<i4", _INT8: "i1"}
_VALID = 1
_RELU, _RELU6 = 1, 3


class TFLiteModel:
    """A network with one input; every call of it is safe from any thread."""

    def __init__(self, path: Path) -> None:
        """Read a model.

        Raises:
            WeightsMissingError: There is no such file.
            WeightsCorruptError: It is no model, is cut short, or needs an operator that is not known here.
        """
        if not path.is_file():
            raise WeightsMissingError(f"there is no file {path}", hint="pull the weights first")
        data = path.read_bytes()
        try:
            if data[4:8] != b"TFL3":
                raise ValueError("its first bytes are others")
            self._read(_Table(data, struct.unpack_from("<I", data)[0]))
        except (ValueError, IndexError, KeyError, TypeError, struct.error) as error:
            raise WeightsCorruptError(
                f"{path} is no TensorFlow Lite model that can be run: {error}", hint="delete the file and pull the weights again"
            ) from error

    def __call__(self, input_BHWC: Tensor) -> tuple[Tensor, ...]:
        """The outputs, in the model's order and layout (channels last)."""
        values = {**self._constants, self._input: input_BHWC}
        with torch.inference_mode():
            for run, inputs, output in self._operations:
                values[output] = run(*(values[i] for i in inputs))
        return tuple(values[i] for i in self._outputs)

    def _read(self, model: _Table) -> None:
        codes = [max(code.number(_CODE_OLD, "b"), code.number(_CODE, "i")) for code in model.tables(_MODEL_OPERATORS)]
        buffers = model.tables(_MODEL_BUFFERS)
        (graph,) = model.tables(_MODEL_GRAPHS)
        self._constants: dict[int, Tensor] = {}
        for i, tensor in enumerate(graph.tables(_GRAPH_TENSORS)):
            if content := buffers[tensor.number(_TENSOR_BUFFER, "I")].content(0):
                self._constants[i] = torch.from_numpy(_constant(tensor, content))
        (self._input,) = graph.numbers(_GRAPH_INPUTS)
        self._outputs = graph.numbers(_GRAPH_OUTPUTS)
        self._operations: list[tuple[_Run, list[int], int]] = []
        for operation in graph.tables(_GRAPH_OPERATIONS):
            run = _OPERATORS[codes[operation.number(_OPERATION_CODE, "I")]](operation.table(_OPERATION_OPTIONS))
            inputs = [i for i in operation.numbers(_OPERATION_INPUTS) if i >= 0]  # -1 stands for one left out
            (output,) = operation.numbers(_OPERATION_OUTPUTS)
            self._operations.append((run, inputs, output))


class _Table:
    """A FlatBuffers table: fields by number, each 0 or empty where it is left out."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data, self._place = data, place

    def number(self, field: int, code: str) -> int:
        """A number, `code` as in `struct`."""
        place = self._of(field)
        return int(struct.unpack_from("<" + code, self._data, place)[0]) if place else 0

    def table(self, field: int) -> _Table:
        place = self._of(field)
        return _Table(self._data, self._follow(place)) if place else _EMPTY

    def tables(self, field: int) -> list[_Table]:
        start, count = self._vector(field)
        return [_Table(self._data, self._follow(start + 4 * i)) for i in range(count)]

    def numbers(self, field: int) -> list[int]:
        return [int(x) for x in self.array(field, "<i4")]

    def array(self, field: int, dtype: str) -> NDArray[Any]:
        start, count = self._vector(field)
        return np.frombuffer(self._data, dtype, count, start)

    def content(self, field: int) -> bytes:
        start, count = self._vector(field)
        if start + count > len(self._data):
            raise ValueError("it is cut short")
        return self._data[start : start + count]

    def _vector(self, field: int) -> tuple[int, int]:
        place = self._of(field)
        if not place:
            return 0, 0
        start = self._follow(place)
        return start + 4, struct.unpack_from("<I", self._data, start)[0]

    def _follow(self, place: int) -> int:
        return place + int(struct.unpack_from("<I", self._data, place)[0])

    def _of(self, field: int) -> int:
        """Where a field lies; 0 where it is left out."""
        offsets = self._place - struct.unpack_from("<i", self._data, self._place)[0]
        if 4 + 2 * field >= struct.unpack_from("<H", self._data, offsets)[0]:
            return 0
        offset = int(struct.unpack_from("<H", self._data, offsets + 4 + 2 * field)[0])
        return self._place + offset if offset else 0


_EMPTY = _Table(struct.pack("<Hxxi", 4, 4), 4)


def _constant(tensor: _Table, content: bytes) -> NDArray[np.float32] | NDArray[np.int32]:
    kind = tensor.number(_TENSOR_TYPE, "b")
    values = np.frombuffer(content, _DTYPES[kind]).reshape(tensor.numbers(_TENSOR_SHAPE))
    if kind == _INT32:
        return values.astype(np.int32)
    widened = values.astype(np.float32)
    if kind == _INT8:
        quantised = tensor.table(_TENSOR_SCALES)
        shape = [1] * values.ndim
        shape[quantised.number(_SCALED_AXIS, "i")] = -1
        widened -= quantised.array(_ZERO_POINTS, "<i8").reshape(shape)
        widened *= quantised.array(_SCALES, "<f4").reshape(shape)
    return widened


def _activated(code: int, run: _Run) -> _Run:
    if code not in (0, _RELU, _RELU6):
        raise ValueError(f"unknown activation {code}")
    if not code:
        return run
    activation = functional.relu if code == _RELU else functional.relu6
    return lambda *inputs: activation(run(*inputs))


def _convolution(options: _Table, *, depthwise: bool = False) -> _Run:
    valid, stride = options.number(0, "b") == _VALID, (options.number(2, "i"), options.number(1, "i"))

    def run(x_BHWC: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        kernel_OIHW = kernel.permute(3, 0, 1, 2) if depthwise else kernel.permute(0, 3, 1, 2)
        x_BCHW = x_BHWC.permute(0, 3, 1, 2)
        if not valid:
            x_BCHW = _padded(x_BCHW, kernel.shape[1:3], stride, 0.0)
        groups = kernel.shape[3] if depthwise else 1
        return functional.conv2d(x_BCHW, kernel_OIHW, bias, stride, groups=groups).permute(0, 2, 3, 1)

    return _activated(options.number(4 if depthwise else 3, "b"), run)


def _largest(options: _Table) -> _Run:
    valid, stride = options.number(0, "b") == _VALID, (options.number(2, "i"), options.number(1, "i"))
    size = (options.number(4, "i"), options.number(3, "i"))

    def run(x_BHWC: Tensor) -> Tensor:
        x_BCHW = x_BHWC.permute(0, 3, 1, 2)
        return functional.max_pool2d(x_BCHW if valid else _padded(x_BCHW, size, stride, -torch.inf), size, stride).permute(
            0, 2, 3, 1
        )

    return _activated(options.number(5, "b"), run)


def _padded(x_BCHW: Tensor, size: Sequence[int], stride: Sequence[int], value: float) -> Tensor:
    """As TensorFlow pads for "SAME": what is odd goes below and to the right."""
    margins: list[int] = []
    for side, length, step in reversed(list(zip(x_BCHW.shape[2:], size, stride, strict=True))):
        missing = max((-(-side // step) - 1) * step + length - side, 0)
        margins += [missing // 2, missing - missing // 2]
    return functional.pad(x_BCHW, margins, value=value) if any(margins) else x_BCHW


def _widened(x: Tensor, margins_A2: Tensor) -> Tensor:
    return functional.pad(x, margins_A2.flip(0).flatten().tolist())


_OPERATORS: dict[int, Callable[[_Table], _Run]] = {
    0: lambda options: _activated(options.number(0, "b"), torch.add),
    2: lambda options: lambda *parts: torch.cat(parts, options.number(0, "i")),
    3: _convolution,
    4: partial(_convolution, depthwise=True),
    6: lambda _: lambda x: x,  # constants were widened when they were read
    17: _largest,
    19: lambda _: functional.relu,
    22: lambda options: lambda x, *_: x.reshape(len(x), *options.numbers(0)[1:]),
    25: lambda _: lambda x: x.softmax(-1),
    34: lambda _: _widened,
    40: lambda _: lambda x, axes: x.mean(axes.tolist()),
}
"""By the operator's number: what makes of its options what it does to its inputs."""
