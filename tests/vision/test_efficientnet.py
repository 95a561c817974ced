from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

import assistant
from assistant.errors import WeightsCorruptError, WeightsMissingError
from assistant.vision.efficientnet import EfficientNetLite, _fold, fitted, load_weights, normalised

DATA = Path(assistant.__file__).parent.parent / "data"
WIDTHS = ((16, 1, 3), (24, 2, 3), (40, 2, 5), (80, 3, 3), (112, 3, 5), (192, 4, 5), (320, 1, 3))
"""Of lite0's stages: output width, blocks, kernel."""


def random_checkpoint() -> dict[str, Tensor]:
    """A checkpoint of lite0's shapes, as its publisher lays it out."""
    chance = torch.Generator().manual_seed(0)

    def layer(convolution: str, norm: str, out: int, per_group: int, kernel: int) -> dict[str, Tensor]:
        scale = (2 / (per_group * kernel * kernel)) ** 0.5
        return {
            f"{convolution}.weight": torch.randn(out, per_group, kernel, kernel, generator=chance) * scale,
            f"{norm}.weight": torch.rand(out, generator=chance) + 0.5,
            f"{norm}.bias": torch.randn(out, generator=chance) * 0.1,
            f"{norm}.running_mean": torch.randn(out, generator=chance) * 0.1,
            f"{norm}.running_var": torch.rand(out, generator=chance) + 0.5,
        }

    weights = layer("_conv_stem", "_bn0", 32, 3, 3)
    width, index = 32, 0
    for stage, (out, blocks, kernel) in enumerate(WIDTHS):
        for _ in range(blocks):
            name, wide = f"_blocks.{index}.", width * (6 if stage else 1)
            if stage:
                weights |= layer(f"{name}_expand_conv", f"{name}_bn0", wide, width, 1)
            weights |= layer(f"{name}_depthwise_conv", f"{name}_bn1", wide, 1, kernel)
            weights |= layer(f"{name}_project_conv", f"{name}_bn2", out, wide, 1)
            width, index = out, index + 1
    weights |= layer("_conv_head", "_bn1", 1280, 320, 1)
    return weights | {"_fc.weight": torch.randn(1000, 1280, generator=chance) * 0.05, "_fc.bias": torch.zeros(1000)}


def reference_logits(weights: dict[str, Tensor], x_BCHW: Tensor) -> Tensor:
    """The published network, step by step, norms unfolded."""

    def layer(x: Tensor, convolution: str, norm: str, stride: int = 1, depthwise: bool = False) -> Tensor:
        weight = weights[f"{convolution}.weight"]
        kernel = weight.shape[-1]
        total = max((-(-x.shape[-1] // stride) - 1) * stride + kernel - x.shape[-1], 0)
        before, after = total // 2, total - total // 2
        x = functional.pad(x, (before, after, before, after))
        x = functional.conv2d(x, weight, stride=stride, groups=len(weight) if depthwise else 1)
        mean, variance = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
        return functional.batch_norm(x, mean, variance, weights[f"{norm}.weight"], weights[f"{norm}.bias"], eps=1e-3)

    x = functional.relu6(layer(x_BCHW, "_conv_stem", "_bn0", 2))
    index = 0
    for stage, (_, blocks, _kernel) in enumerate(WIDTHS):
        for block in range(blocks):
            name = f"_blocks.{index}."
            y = functional.relu6(layer(x, f"{name}_expand_conv", f"{name}_bn0")) if stage else x
            stride = (1, 2, 2, 2, 1, 2, 1)[stage] if block == 0 else 1
            y = functional.relu6(layer(y, f"{name}_depthwise_conv", f"{name}_bn1", stride, depthwise=True))
            y = layer(y, f"{name}_project_conv", f"{name}_bn2")
            x = y + x if block else y
            index += 1
    x = functional.relu6(layer(x, "_conv_head", "_bn1"))
    return functional.linear(x.mean(dim=(2, 3)), weights["_fc.weight"], weights["_fc.bias"])


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> EfficientNetLite:
    path = tmp_path_factory.mktemp("lite0") / "model.pth"
    torch.save(random_checkpoint(), path)
    return EfficientNetLite(load_weights(path))


def test_the_network_computes_what_the_published_one_does(network: EfficientNetLite) -> None:
    images_BCHW = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(network(images_BCHW), reference_logits(random_checkpoint(), images_BCHW), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_fused_steps_give_the_numbers_of_single_ones(dtype: torch.dtype) -> None:
    network = EfficientNetLite({name: tensor.to(dtype) for name, tensor in _fold(random_checkpoint()).items()})
    for shape in ((1, 3, 75, 60), (2, 3, 96, 96)):  # weights laid out for one size serve the next
        images_BCHW = torch.randn(shape, generator=torch.Generator().manual_seed(2)).to(dtype)
        images_BCHW = images_BCHW.contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            fused = network.grids(images_BCHW)
        assert network.stem._laid_out is not None
        for fused_BCHW, single_BCHW in zip(fused, network.grids(images_BCHW), strict=True):  # gradients are on
            torch.testing.assert_close(fused_BCHW, single_BCHW, rtol=1e-2 if dtype == torch.bfloat16 else 1e-4, atol=1e-3)


def test_sizes_are_read_off_the_checkpoint(network: EfficientNetLite) -> None:
    assert network.resolution_px == 224
    with torch.inference_mode():
        shapes = [tuple(grid.shape[1:]) for grid in network.grids(torch.zeros(1, 3, 224, 224))]
        assert shapes == [(16, 112, 112), (24, 56, 56), (40, 28, 28), (112, 14, 14), (320, 7, 7), (1280, 7, 7)]
        assert network.grids(torch.zeros(1, 3, 260, 130))[-1].shape == (1, 1280, 9, 5)


def test_pixels_are_normalised_around_127() -> None:
    images_BCHW = normalised(np.array([[[127, 255, 0]]], np.uint8))
    assert images_BCHW.shape == (1, 3, 1, 1)
    assert images_BCHW.flatten().tolist() == [0.0, 1.0, -127 / 128]


@pytest.mark.parametrize("shape", [(100, 300, 3), (300, 100, 3), (1, 1, 3)])
def test_the_middle_square_is_kept(shape: tuple[int, int, int]) -> None:
    pixels_HWC = np.zeros(shape, np.uint8)
    middle = min(shape[:2])
    top, left = (shape[0] - middle) // 2, (shape[1] - middle) // 2
    pixels_HWC[top : top + middle, left : left + middle] = 200
    square = fitted(pixels_HWC, 64)
    assert square.shape == (64, 64, 3)
    assert (square[4:-4, 4:-4] == 200).all()  # the resampling blends at the rim


def test_other_files_are_refused_with_their_reason(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError):
        EfficientNetLite(load_weights(tmp_path / "model.pth"))
    (tmp_path / "model.pth").write_bytes(b"not a checkpoint")
    with pytest.raises(WeightsCorruptError):
        EfficientNetLite(load_weights(tmp_path / "model.pth"))
    torch.save({"_blocks.0.x": torch.zeros(3)}, tmp_path / "model.pth")
    with pytest.raises(WeightsCorruptError):
        EfficientNetLite(load_weights(tmp_path / "model.pth"))
    shallow = {key: value for key, value in random_checkpoint().items() if not key.startswith("_blocks.15.")}
    torch.save(shallow, tmp_path / "model.pth")
    with pytest.raises(WeightsCorruptError):
        EfficientNetLite(load_weights(tmp_path / "model.pth"))
