from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import assistant
from assistant.errors import WeightsCorruptError
from assistant.types import Region
from assistant.vision.detector import ObjectDetector, overlap
from assistant.vision.image import decode_image
from tests.vision.graphs import save_graph

PHOTO = Path(assistant.__file__).parent.parent / "data" / "photo.jpg"
BLOCKS = (4, 6, 6, 8, 8, 8, 10, 10, 10, 10, 12, 12, 12, 14, 14, 14, 16)
"""Widths; the real ones are 16 to 320."""


def random_constants(bias: float) -> dict[str, NDArray[np.float32]]:
    """The graph's constants at a few channels each; `bias` is every score's."""
    chance = np.random.default_rng(0)
    constants: dict[str, NDArray[np.float32]] = {}
    root = "FeatureExtractor/MobilenetV2/"

    def layer(scope: str, kernel: int, width: int, out: int | None = None) -> int:
        name, shape = ("weights", (kernel, kernel, width, out)) if out else ("depthwise_weights", (kernel, kernel, width, 1))
        out = out or width
        constants[f"{root}{scope}/{name}"] = chance.normal(0, 0.3, [x or 1 for x in shape]).astype(np.float32)
        for part, low in (("gamma", 0.5), ("beta", -0.1), ("moving_mean", -0.1), ("moving_variance", 0.5)):
            constants[f"{root}{scope}/BatchNorm/{part}"] = chance.uniform(low, low + 1, out).astype(np.float32)
        return out

    width = layer("Conv", 3, 3, 4)
    for i, out in enumerate(BLOCKS):
        scope, wide = f"expanded_conv_{i}" if i else "expanded_conv", 2 * width if i else width
        if i:
            layer(f"{scope}/expand", 1, width, wide)
        layer(f"{scope}/depthwise", 3, wide)
        layer(f"{scope}/project", 1, wide, out)
        width = out
        if i == 13:
            widths = [wide]
    widths.append(layer("Conv_1", 1, width, 20))
    for narrow, wide, depth in ((256, 512, 2), (128, 256, 3), (128, 256, 4), (64, 128, 5)):
        layer(f"layer_19_1_Conv2d_{depth}_1x1_{narrow}", 1, widths[-1], 6)
        layer(f"layer_19_2_Conv2d_{depth}_3x3_s2_{wide}_depthwise", 3, 6)
        widths.append(layer(f"layer_19_2_Conv2d_{depth}_3x3_s2_{wide}", 1, 6, 8))
    for i, width in enumerate(widths):
        anchors = 6 if i else 3
        for part, out in (("BoxEncodingPredictor", 4 * anchors), ("ClassPredictor", 91 * anchors)):
            constants[f"BoxPredictor_{i}/{part}/weights"] = chance.normal(0, 0.05, (3, 3, width, out)).astype(np.float32)
            constants[f"BoxPredictor_{i}/{part}/biases"] = np.full(out, bias if part == "ClassPredictor" else 0, np.float32)
    return constants


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def noise(height_px: int, width_px: int) -> NDArray[np.uint8]:
    return np.random.default_rng(height_px).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)


def test_regions_are_named_lie_within_the_picture_and_come_surest_first(tmp_path: Path) -> None:
    detector = ObjectDetector(save_graph(tmp_path / "model.pb", random_constants(0.0)))
    assert len(detector.names) == 80
    for regions in detector.detect([noise(40, 90), noise(1, 1)], at_least=0.5):
        assert 0 < len(regions) <= 100
        assert [x.confidence for x in regions] == sorted((x.confidence for x in regions), reverse=True)
        for region in regions:
            assert region.name in detector.names
            assert 0 <= region.left <= region.right <= 1
            assert 0 <= region.top <= region.bottom <= 1
        assert not any(overlap(x, y) > 0.6 for x in regions for y in regions if x.name == y.name and x is not y)


def test_nothing_is_reported_below_the_threshold(tmp_path: Path) -> None:
    detector = ObjectDetector(save_graph(tmp_path / "model.pb", random_constants(-20.0)))
    assert detector.detect([noise(40, 90)], at_least=0.3) == ((),)


def test_overlap_is_shared_area_over_joint_area() -> None:
    left, right = Region("cat", 1, 0, 0, 0.5, 1), Region("cat", 1, 0.25, 0, 0.75, 1)
    assert overlap(left, right) == pytest.approx(1 / 3)
    assert overlap(left, Region("cat", 1, 0.6, 0, 1, 1)) == 0
    assert overlap(Region("cat", 1, 0, 0, 0, 0), Region("cat", 1, 0, 0, 0, 0)) == 0


def test_another_graph_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsCorruptError):
        ObjectDetector(save_graph(tmp_path / "model.pb", {"a/weights": noise(3, 3).astype(np.float32)}))
    constants = random_constants(0.0)
    del constants["BoxPredictor_3/ClassPredictor/weights"]
    with pytest.raises(WeightsCorruptError):
        ObjectDetector(save_graph(tmp_path / "model.pb", constants))


@pytest.mark.slow
def test_a_cup_is_found_where_opencv_finds_it(weights_dir: Callable[[str], Path]) -> None:
    detector = ObjectDetector(weights_dir("ssd-mobilenet-v2-coco") / "model.pb")
    image = decode_image(PHOTO, max_bytes=2**20, max_pixels=10**6, max_side_px=1000)
    cup, bowl, *_ = detector.detect([image.pixels_HWC], at_least=0.3)[0]
    assert (cup.name, bowl.name) == ("cup", "bowl")
    assert cup.confidence == pytest.approx(0.956, abs=0.03)  # cv2.dnn 5.0 on the same graph
    assert (cup.left, cup.top, cup.right, cup.bottom) == pytest.approx((0.289, 0.030, 0.680, 0.610), abs=0.02)
