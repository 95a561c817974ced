"""EfficientNet-Lite, the classifier: 1000 ImageNet names, and the feature grid under them.

The network is TensorFlow's mobile family (tensorflow/tpu `efficientnet/lite`, Apache-2.0): no squeeze-and-excitation, ReLU6,
"same" padding. Sizes are read off the checkpoint, and batch norms are folded into their convolutions as it loads.
Class names: OpenAI CLIP's cleaned list (MIT), with bracketed notes taken out.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor, nn
from torch.nn import functional

from assistant.errors import WeightsCorruptError, WeightsMissingError

_STAGE_STRIDES = (1, 2, 2, 2, 1, 2, 1)
_RESOLUTION_PX = {(16, 320): 224, (21, 320): 240, (21, 352): 260, (24, 384): 280, (30, 448): 300}
"""By number of blocks and width of the last one: lite0 to lite4 (efficientnet_lite_builder.py)."""
_BATCH_NORM_EPSILON = 1e-3
_ONEDNN = all(hasattr(torch.ops.mkldnn, name) for name in ("_convolution_pointwise", "_reorder_convolution_weight"))
"""Whether torch has the operators that its compiler calls."""


class EfficientNetLite(nn.Module):
    """The network, for evaluation only."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """Build from folded weights.

        Raises:
            WeightsCorruptError: They are not an EfficientNet-Lite.
        """
        super().__init__()
        try:
            self.stem = Convolution(weights, "stem", stride=2)
            self.blocks = nn.ModuleList(stages(weights))
            self.head = Convolution(weights, "head", stride=1)
            self.class_weight = nn.Parameter(weights["classes.weight"])
            self.class_bias = nn.Parameter(weights["classes.bias"])
            self.resolution_px = _RESOLUTION_PX[len(self.blocks), self.head.weight.shape[1]]
        except (KeyError, IndexError, RuntimeError, ValueError, TypeError) as error:
            raise _corrupt("the weights are not an EfficientNet-Lite") from error
        self.eval().requires_grad_(False)

    def grids(self, images_BCHW: Tensor) -> tuple[Tensor, ...]:
        """The deepest feature grid at 1/2, 1/4, 1/8, 1/16 and 1/32 of the picture's sides, and last the head's, 1280 wide.

        Args:
            images_BCHW: RGB, as `normalised` gives it; any size from 32 pixels.
        """
        grids = [self.stem(images_BCHW, relu6=True)]
        for block in self.blocks:
            grid_BCHW = block(grids[-1])
            if grid_BCHW.shape[2:] == grids[-1].shape[2:]:
                grids.pop()
            grids.append(grid_BCHW)
        return (*grids, self.head(grids[-1], relu6=True))

    def logits_BK(self, pooled_BV: Tensor) -> Tensor:
        """Over the 1000 classes, from the mean of the head's grid."""
        return functional.linear(pooled_BV, self.class_weight, self.class_bias)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Logits over the 1000 classes."""
        return self.logits_BK(self.grids(images_BCHW)[-1].mean(dim=(2, 3)))


def stages(weights: Mapping[str, Tensor]) -> list[Block]:
    """The blocks of the mobile family, which EfficientNet-Lite and MobileNetV2 share: a new width begins a stage."""
    blocks = list[Block]()
    stage = -1
    while f"blocks.{len(blocks)}.project.weight" in weights:
        name = f"blocks.{len(blocks)}"
        starts = not blocks or len(weights[f"{name}.project.weight"]) != blocks[-1].width
        stage += starts
        blocks.append(Block(weights, name, stride=_STAGE_STRIDES[stage] if starts else 1))
    return blocks


def compute_dtype(device: str) -> torch.dtype:
    """bfloat16 where it is computed natively, else float32."""
    return torch.bfloat16 if device != "cpu" or torch.cpu.get_capabilities().get("avx512_bf16") else torch.float32


def laid_out(tensor: Tensor, device: str) -> Tensor:
    """In the type and the layout that convolutions are fastest in.

    One picture through lite0 on one thread of a Xeon with AMX takes 53 ms as loaded, 38 with channels last, and 24 in bfloat16
    as well.
    """
    placed = tensor.to(device, compute_dtype(device))
    return placed.contiguous(memory_format=torch.channels_last) if placed.ndim == 4 else placed


def class_names() -> tuple[str, ...]:
    """ImageNet's 1000, in its order; two pairs of them share a name."""
    return tuple(resources.files("assistant.vision").joinpath("imagenet_labels.txt").read_text("utf-8").splitlines())


def fitted(pixels_HWC: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """The middle square, at the side the network was trained for."""
    height_px, width_px = pixels_HWC.shape[:2]
    half_px = min(height_px, width_px) / 2
    box = (width_px / 2 - half_px, height_px / 2 - half_px, width_px / 2 + half_px, height_px / 2 + half_px)
    return np.asarray(Pillow.fromarray(pixels_HWC).resize((side_px, side_px), Pillow.Resampling.BICUBIC, box=box, reducing_gap=2.0))


def stretched(pixels_HWC: NDArray[np.uint8], side_px: int) -> NDArray[np.uint8]:
    """All of the picture as a square: a share of its width stays that share."""
    return np.asarray(Pillow.fromarray(pixels_HWC).resize((side_px, side_px), Pillow.Resampling.BICUBIC, reducing_gap=2.0))


def normalised(pixels_HWC: NDArray[np.uint8]) -> Tensor:
    """A batch of one, as the family was trained: (x - 127) / 128, not ImageNet's mean and deviation."""
    return torch.from_numpy(pixels_HWC.astype(np.float32)).sub_(127.0).div_(128.0).permute(2, 0, 1)[None]


class Convolution(nn.Module):
    """A convolution that pads as TensorFlow's "same" does: the odd pixel goes to the right and the bottom.

    Its weights stay as they are from the first picture on. Without gradients oneDNN applies ReLU6 as it writes, to weights that it
    laid out once: the same numbers in less time.
    """

    def __init__(self, weights: Mapping[str, Tensor], name: str, *, stride: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(weights[f"{name}.weight"])
        self.bias = nn.Parameter(weights[f"{name}.bias"])
        self.stride = stride
        self.groups = len(self.weight) if self.weight.shape[1] == 1 else 1
        self._laid_out: Tensor | None = None

    def forward(self, x_BCHW: Tensor, *, relu6: bool = False) -> Tensor:
        """The sides divided by the stride, rounded up."""
        kernel = self.weight.shape[-1]
        padding = kernel // 2 if self.stride == 1 else 0
        if self.stride > 1:
            height, width = (max((-(-side // self.stride) - 1) * self.stride + kernel - side, 0) for side in x_BCHW.shape[2:])
            x_BCHW = functional.pad(x_BCHW, (width // 2, width - width // 2, height // 2, height - height // 2))
        if x_BCHW.device.type != "cpu" or torch.is_grad_enabled() or not _ONEDNN:
            y_BCHW = functional.conv2d(x_BCHW, self.weight, self.bias, self.stride, padding, groups=self.groups)
            return functional.relu6(y_BCHW, inplace=True) if relu6 else y_BCHW
        steps = ([padding] * 2, [self.stride] * 2, [1, 1], self.groups)
        if self._laid_out is None:
            self._laid_out = torch.ops.mkldnn._reorder_convolution_weight(self.weight.detach(), *steps, list(x_BCHW.shape))
        activation = ("hardtanh", [0.0, 6.0], "") if relu6 else ("none", [], "")
        fused_BCHW: Tensor = torch.ops.mkldnn._convolution_pointwise(x_BCHW, self._laid_out, self.bias, *steps, *activation)
        return fused_BCHW


class Block(nn.Module):
    """Widen, look around in each channel, narrow; add the input where the shapes agree (arXiv:1801.04381)."""

    def __init__(self, weights: Mapping[str, Tensor], name: str, *, stride: int) -> None:
        super().__init__()
        self.expand = Convolution(weights, f"{name}.expand", stride=1) if f"{name}.expand.weight" in weights else None
        self.depthwise = Convolution(weights, f"{name}.depthwise", stride=stride)
        self.project = Convolution(weights, f"{name}.project", stride=1)
        self.width = len(self.project.weight)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """The sides divided by the stride, `width` channels."""
        return self.narrowed(x_BCHW if self.expand is None else self.expand(x_BCHW, relu6=True), x_BCHW)

    def narrowed(self, wide_BCHW: Tensor, x_BCHW: Tensor) -> Tensor:
        """What comes after widening, which `x_BCHW` went into."""
        narrow_BCHW: Tensor = self.project(self.depthwise(wide_BCHW, relu6=True))
        return narrow_BCHW + x_BCHW if narrow_BCHW.shape == x_BCHW.shape else narrow_BCHW


def load_weights(weights_path: Path) -> dict[str, Tensor]:
    """The published checkpoint as `EfficientNetLite` takes it. Only tensors are unpickled, from a file the weight store checked.

    Raises:
        WeightsMissingError: There is no such file.
        WeightsCorruptError: It is no EfficientNet-Lite checkpoint.
    """
    if not weights_path.is_file():
        raise WeightsMissingError(f"there is no file {weights_path}", hint="pull the weights first")
    try:
        return _fold(torch.load(weights_path, map_location="cpu", weights_only=True))
    except Exception as error:  # the unpickler raises of everything
        raise _corrupt(f"{weights_path} is not an EfficientNet-Lite checkpoint") from error


def _fold(checkpoint: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Batch norms folded into the convolutions before them, under this module's names."""
    depth = 1 + max(int(key.split(".")[1]) for key in checkpoint if key.startswith("_blocks."))
    pairs = [("stem", "_conv_stem", "_bn0"), ("head", "_conv_head", "_bn1")]
    for index in range(depth):
        old = f"_blocks.{index}."
        pairs += [
            (f"blocks.{index}.{new}", f"{old}{convolution}", f"{old}{norm}")
            for new, convolution, norm in (
                ("expand", "_expand_conv", "_bn0"),
                ("depthwise", "_depthwise_conv", "_bn1"),
                ("project", "_project_conv", "_bn2"),
            )
            if f"{old}{convolution}.weight" in checkpoint
        ]
    weights = {"classes.weight": checkpoint["_fc.weight"].contiguous(), "classes.bias": checkpoint["_fc.bias"]}
    for new, convolution, norm in pairs:
        scale = checkpoint[f"{norm}.weight"] / torch.sqrt(checkpoint[f"{norm}.running_var"] + _BATCH_NORM_EPSILON)
        weights[f"{new}.weight"] = (checkpoint[f"{convolution}.weight"] * scale[:, None, None, None]).contiguous()
        weights[f"{new}.bias"] = checkpoint[f"{norm}.bias"] - checkpoint[f"{norm}.running_mean"] * scale
    return weights


def _corrupt(what: str) -> WeightsCorruptError:
    return WeightsCorruptError(what, hint="delete the file and pull the weights again")
