from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from assistant.errors import WeightsCorruptError, WeightsMissingError
from assistant.vision.tflite import TFLiteModel
from tests.vision.tflite_files import Constant, Model

ADD, CONCATENATE, CONVOLVE, DEPTHWISE, WIDEN, LARGEST, RELU, RESHAPE, SOFTMAX, PAD, MEAN = 0, 2, 3, 4, 6, 17, 19, 22, 25, 34, 40
SAME, VALID = 0, 1


def ints(*values: int) -> Constant:
    return Constant(np.array(values, "<i4"))


def floats(*shape: int) -> Constant:
    return Constant(np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32))


def result(model: Model, tmp_path: Path, input_BHWC: NDArray[np.float32]) -> NDArray[np.float32]:
    (output,) = TFLiteModel(model.save(tmp_path / "model.tflite"))(torch.from_numpy(input_BHWC))
    return np.asarray(output.numpy(), np.float32)


def counting(*shape: int) -> NDArray[np.float32]:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def test_what_same_padding_adds_unevenly_lies_below_and_to_the_right(tmp_path: Path) -> None:
    corner = np.zeros((1, 3, 3, 1), np.float32)
    corner[0, 0, 0, 0] = 1  # keeps the pixel at the window's top left
    model = Model((1, 4, 4, 1)).then(CONVOLVE, {0: SAME, 1: 2, 2: 2}, Constant(corner), Constant(np.zeros(1, np.float32)))
    assert result(model, tmp_path, counting(1, 4, 4, 1))[0, :, :, 0].tolist() == [[0, 2], [8, 10]]
    model = Model((1, 3, 3, 1)).then(LARGEST, {0: SAME, 1: 2, 2: 2, 3: 2, 4: 2})
    assert result(model, tmp_path, counting(1, 3, 3, 1) - 9)[0, :, :, 0].tolist() == [[-5, -4], [-2, -1]]


def test_the_operators_of_a_small_network(tmp_path: Path) -> None:
    kernel, bias = floats(4, 3, 3, 2), floats(4)
    model = Model((2, 6, 6, 2)).then(CONVOLVE, {0: VALID, 1: 1, 2: 1, 3: 1}, kernel, bias)
    model.then(DEPTHWISE, {0: SAME, 1: 1, 2: 1, 3: 1}, floats(1, 3, 3, 4), bias).then(WIDEN).then(RELU)
    model.then(LARGEST, {0: VALID, 1: 2, 2: 2, 3: 2, 4: 2}).then(ADD, {0: 3}, floats(1, 2, 2, 4))
    model.then(PAD, None, Constant(np.array([[0, 0], [0, 0], [0, 0], [0, 2]], "<i4"))).then(CONCATENATE, {0: 3}, floats(2, 2, 2, 1))
    model.then(RESHAPE, {0: np.array([1, 4, 7], "<i4")}).then(MEAN, None, ints(1)).then(SOFTMAX)
    image_BHWC = np.random.default_rng(0).standard_normal((2, 6, 6, 2)).astype(np.float32)

    windows = np.lib.stride_tricks.sliding_window_view(image_BHWC, (3, 3), axis=(1, 2))
    seen = np.maximum(np.einsum("bhwcij,oijc->bhwo", windows, kernel.values) + bias.values, 0)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(seen, ((0, 0), (1, 1), (1, 1), (0, 0))), (3, 3), axis=(1, 2))
    seen = np.maximum(np.einsum("bhwcij,ijc->bhwc", windows, floats(1, 3, 3, 4).values[0]) + bias.values, 0)
    seen = seen.reshape(2, 2, 2, 2, 2, 4).max(axis=(2, 4)) + floats(1, 2, 2, 4).values
    seen = np.concatenate([seen.clip(0, 6), np.zeros((2, 2, 2, 2)), floats(2, 2, 2, 1).values], -1).reshape(2, 4, 7).mean(1)
    shares = np.exp(seen) / np.exp(seen).sum(-1, keepdims=True)
    assert np.allclose(result(model, tmp_path, image_BHWC), shares, atol=1e-5)


def test_small_weights_are_widened(tmp_path: Path) -> None:
    eighth = Constant(np.array([[-4, 8]], np.int8), scales=(0.5, 2.0), zeros=(0, 3), axis=1)
    half = Constant(np.array([[0.25, 3.0]], np.float16))
    model = Model((1, 2)).then(ADD, None, eighth).then(ADD, None, half)
    assert result(model, tmp_path, np.zeros((1, 2), np.float32)).tolist() == [[-2 + 0.25, 10 + 3]]


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.95])
def test_a_model_cut_short_is_refused(tmp_path: Path, kept: float) -> None:
    path = Model((1, 9)).then(ADD, None, floats(1, 9)).then(ADD, None, floats(1, 9)).save(tmp_path / "model.tflite")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(WeightsCorruptError):
        TFLiteModel(path)


@pytest.mark.parametrize("data", [b"", b"\xff" * 40, b"GGUF" * 20, b"\x08\0\0\0TFL3" + b"\xff" * 40])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "model.tflite").write_bytes(data)
    with pytest.raises(WeightsCorruptError):
        TFLiteModel(tmp_path / "model.tflite")
    with pytest.raises(WeightsMissingError):
        TFLiteModel(tmp_path / "none.tflite")


def test_an_operator_or_an_activation_that_is_not_known_is_refused_before_anything_runs(tmp_path: Path) -> None:
    for model in (Model((1, 2)).then(117), Model((1, 2)).then(ADD, {0: 4}, floats(1, 2))):
        with pytest.raises(WeightsCorruptError):
            TFLiteModel(model.save(tmp_path / "model.tflite"))


@pytest.mark.slow
def test_a_real_model_says_what_opencv_makes_of_it(weights_dir: Callable[[str], Path]) -> None:
    path = weights_dir("blazeface") / "model.tflite"
    image_BHWC = np.random.default_rng(0).uniform(-1, 1, (1, 128, 128, 3)).astype(np.float32)
    boxes, _ = TFLiteModel(path)(torch.from_numpy(image_BHWC))
    reference = cv2.dnn.readNetFromTFLite(str(path))
    reference.setInput(image_BHWC.transpose(0, 3, 1, 2))
    assert np.allclose(boxes.numpy(), reference.forward(), atol=1e-2)
