"""Finds the 80 kinds of things of COCO: SSD (arXiv:1512.02325) on MobileNetV2, from Google's frozen graph of 2018.

Its preprocessing, anchors and box code are those of TensorFlow's object detection API for `ssd_mobilenet_v2_coco`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from assistant.errors import WeightsCorruptError
from assistant.types import Region
from assistant.vision.efficientnet import Convolution, laid_out, stages, stretched
from assistant.vision.graph_def import read_constants

REGION_CONFIDENCE = 0.3
"""To be told unasked: nearly all above it is there, though half of what is there is below."""

_SIDE_PX = 300
_BATCH_NORM_EPSILON = 1e-3
_SMALLEST, _LARGEST = 0.2, 0.95
"""Anchor sizes of the first and the last of the six grids, as shares of the picture."""
_ASPECTS = (1.0, 2.0, 0.5, 3.0, 0.3333)
_OVERLAP = 0.6
"""Of two boxes of one kind that overlap more, the better stands."""
_MOST, _CANDIDATES = 100, 1000
"""Regions of a picture, and how many of the surest boxes they are taken from."""


class ObjectDetector:
    """A detector, and what it calls its kinds."""

    def __init__(self, weights_path: Path) -> None:
        """Load the frozen graph.

        Raises:
            WeightsMissingError: There is no such file.
            WeightsCorruptError: It is another graph.
        """
        try:
            weights = _weights(read_constants(weights_path))
            self._network = _Network({name: laid_out(tensor, "cpu") for name, tensor in weights.items()})
            self._anchors_A4 = torch.cat([_anchors(i, side) for i, side in enumerate(self._sides())])
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            raise WeightsCorruptError(
                f"{weights_path} is not an SSD on MobileNetV2", hint="delete the file and pull the weights again"
            ) from error
        self._kinds = resources.files("assistant.vision").joinpath("coco_labels.txt").read_text("utf-8").split("\n")
        self.names = tuple(kind for kind in self._kinds[1:] if kind)
        """The kinds it knows."""

    def detect(self, pictures: Sequence[NDArray[np.uint8]], *, at_least: float) -> tuple[tuple[Region, ...], ...]:
        """What each picture shows, the surest first.

        Args:
            pictures: RGB, (H, W, 3) of any size.
            at_least: The confidence of a region.
        """
        pixels = torch.from_numpy(np.stack([stretched(picture, _SIDE_PX) for picture in pictures]))
        with torch.inference_mode():
            boxes_BA4, logits_BAK = self._network.predict(laid_out(pixels.permute(0, 3, 1, 2).float() * (2 / 255) - 1, "cpu"))
            scores_BAK = logits_BAK.sigmoid()
            corners_BA4 = _decoded(boxes_BA4, self._anchors_A4)
        return tuple(self._regions(corners_BA4[i], scores_BAK[i], at_least) for i in range(len(pictures)))

    def _sides(self) -> list[int]:
        with torch.inference_mode():
            return [grid.shape[-1] for grid in self._network.grids(laid_out(torch.zeros(1, 3, _SIDE_PX, _SIDE_PX), "cpu"))]

    def _regions(self, corners_A4: Tensor, scores_AK: Tensor, at_least: float) -> tuple[Region, ...]:
        kinds = scores_AK.shape[1] - 1
        scores = scores_AK[:, 1:].flatten()
        (likely,) = torch.where(scores >= at_least)  # a few of a hundred thousand, to be sorted
        order = likely[scores[likely].argsort(descending=True, stable=True)[:_CANDIDATES]]
        found: list[Region] = []
        for score, place in zip(scores[order].tolist(), order.tolist(), strict=True):
            name = self._kinds[place % kinds + 1]
            if len(found) == _MOST:
                break
            left, top, right, bottom = corners_A4[place // kinds].clamp(0, 1).tolist()
            region = Region(name, score, left, top, right, bottom)
            if name and all(overlap(region, other) <= _OVERLAP for other in found if other.name == name):
                found.append(region)
        return tuple(found)


def overlap(one: Region, other: Region) -> float:
    """The area both cover, over the area either does; 0 for boxes without area."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    both = max(width, 0.0) * max(height, 0.0)
    areas = [(x.right - x.left) * (x.bottom - x.top) for x in (one, other)]
    return both / (sum(areas) - both) if both > 0 else 0.0


class _Network:
    """Six grids, from 1/16 of the picture's sides to one cell; each anchor of a cell gives a box and a score for each kind."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        def convolutions(name: str, count: int, *, strided: int = -1) -> list[Convolution]:
            return [Convolution(weights, f"{name}.{i}", stride=2 if i == strided else 1) for i in range(count)]

        self.stem = Convolution(weights, "stem", stride=2)
        self.blocks = stages(weights)
        self.head = Convolution(weights, "head", stride=1)
        self.extras = [convolutions(f"extras.{i}", 3, strided=1) for i in range(4)]
        self.boxes, self.kinds = convolutions("boxes", 6), convolutions("kinds", 6)

    def predict(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        boxes, kinds = [], []
        for grid_BCHW, box, kind in zip(self.grids(images_BCHW), self.boxes, self.kinds, strict=True):
            boxes.append(box(grid_BCHW).permute(0, 2, 3, 1).reshape(len(grid_BCHW), -1, 4))
            kinds.append(kind(grid_BCHW).permute(0, 2, 3, 1).reshape(len(grid_BCHW), boxes[-1].shape[1], -1))
        return torch.cat(boxes, 1).float(), torch.cat(kinds, 1).float()

    def grids(self, images_BCHW: Tensor) -> list[Tensor]:
        widest_BCHW = grid_BCHW = self.stem(images_BCHW, relu6=True)
        for block in self.blocks:
            wide_BCHW = grid_BCHW if block.expand is None else block.expand(grid_BCHW, relu6=True)
            if block.depthwise.stride == 2:  # the last of these is at 1/16 of the sides
                widest_BCHW = wide_BCHW
            grid_BCHW = block.narrowed(wide_BCHW, grid_BCHW)
        grids = [widest_BCHW, self.head(grid_BCHW, relu6=True)]
        for extra in self.extras:
            grid_BCHW = grids[-1]
            for convolution in extra:
                grid_BCHW = convolution(grid_BCHW, relu6=True)
            grids.append(grid_BCHW)
        return grids


def _anchors(index: int, side: int) -> Tensor:
    """Middle (down, across), height and width of each anchor of a grid, (side · side · anchors, 4)."""
    scales = [_SMALLEST + (_LARGEST - _SMALLEST) * i / 5 for i in range(6)] + [1.0]
    shapes = [(scales[index], aspect) for aspect in _ASPECTS] + [(math.sqrt(scales[index] * scales[index + 1]), 1.0)]
    if index == 0:
        shapes = [(0.1, 1.0), (scales[0], 2.0), (scales[0], 0.5)]
    middles = (torch.arange(side) + 0.5) / side
    down, across = torch.meshgrid(middles, middles, indexing="ij")
    rows = [
        torch.stack(
            [down, across, torch.full_like(down, scale / math.sqrt(aspect)), torch.full_like(down, scale * math.sqrt(aspect))], -1
        )
        for scale, aspect in shapes
    ]
    return torch.stack(rows, dim=2).reshape(-1, 4)


def _decoded(boxes_BA4: Tensor, anchors_A4: Tensor) -> Tensor:
    """Left, top, right and bottom from what the network predicts against its anchors (scales 10 and 5)."""
    middle = boxes_BA4[..., :2] / 10 * anchors_A4[:, 2:] + anchors_A4[:, :2]
    half = (boxes_BA4[..., 2:] / 5).exp() * anchors_A4[:, 2:] / 2
    return torch.cat([(middle - half).flip(-1), (middle + half).flip(-1)], -1)


_EXTRAS = (
    ("2_1x1_256", "2_3x3_s2_512"),
    ("3_1x1_128", "3_3x3_s2_256"),
    ("4_1x1_128", "4_3x3_s2_256"),
    ("5_1x1_64", "5_3x3_s2_128"),
)
"""How the graph ends its names of the first and the second convolution between two of the coarser grids."""


def _scopes() -> dict[str, str]:
    """What this module calls a convolution, and what the graph does."""
    root = "FeatureExtractor/MobilenetV2/"
    scopes = {"stem": f"{root}Conv", "head": f"{root}Conv_1"}
    for i in range(17):
        block = f"{root}expanded_conv_{i}" if i else f"{root}expanded_conv"
        scopes |= {f"blocks.{i}.{part}": f"{block}/{part}" for part in ("expand", "depthwise", "project")}
    for i, (first, second) in enumerate(_EXTRAS):
        parts = (f"1_Conv2d_{first}", f"2_Conv2d_{second}_depthwise", f"2_Conv2d_{second}")
        scopes |= {f"extras.{i}.{j}": f"{root}layer_19_{part}" for j, part in enumerate(parts)}
    for i in range(6):
        scopes |= {f"boxes.{i}": f"BoxPredictor_{i}/BoxEncodingPredictor", f"kinds.{i}": f"BoxPredictor_{i}/ClassPredictor"}
    return scopes


def _weights(constants: Mapping[str, NDArray[np.float32]]) -> dict[str, Tensor]:
    """The graph's constants under this module's names, its batch norms folded into the convolutions before them."""
    weights: dict[str, Tensor] = {}
    for name, scope in _scopes().items():
        if f"{scope}/depthwise_weights" in constants:
            kernel_OIHW = constants[f"{scope}/depthwise_weights"].transpose(2, 3, 0, 1)
        elif f"{scope}/weights" in constants:
            kernel_OIHW = constants[f"{scope}/weights"].transpose(3, 2, 0, 1)
        else:
            continue  # the first block does not widen
        if f"{scope}/biases" in constants:
            bias = constants[f"{scope}/biases"]
        else:
            gamma, beta, mean, variance = (constants[f"{scope}/BatchNorm/{part}"] for part in _BATCH_NORM)
            scale = gamma / np.sqrt(variance + _BATCH_NORM_EPSILON)
            kernel_OIHW, bias = kernel_OIHW * scale[:, None, None, None], beta - mean * scale
        weights[f"{name}.weight"] = torch.from_numpy(np.ascontiguousarray(kernel_OIHW))
        weights[f"{name}.bias"] = torch.from_numpy(bias.copy())
    return weights


_BATCH_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
