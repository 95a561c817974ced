"""What every `VisionEncoder` keeps to, whatever sees."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from assistant.protocols import VisionEncoder
from assistant.testing import ScriptedVision
from assistant.types import Image
from assistant.vision.detector import ObjectDetector
from assistant.vision.encoder_efficientnet import EfficientNetEncoder
from assistant.vision.experts import EvidenceEncoder
from assistant.vision.region_finder import RegionFinder
from assistant.vision.text_reader import TextReader


@pytest.fixture(scope="module", params=["scripted", pytest.param("experts", marks=pytest.mark.weights)])
def encoder(request: pytest.FixtureRequest) -> Iterator[VisionEncoder]:
    """An encoder, built once for the whole suite: each test finds it as the test before left it."""
    made: VisionEncoder
    if request.param == "scripted":
        made = ScriptedVision()
    else:
        weights_dir: Callable[[str], Path] = request.getfixturevalue("weights_dir")
        encoder = EfficientNetEncoder(weights_dir("efficientnet-lite2") / "model.pth", sha256="")
        finder = RegionFinder(ObjectDetector(weights_dir("ssd-mobilenet-v2-coco") / "model.pb"))
        made = EvidenceEncoder(encoder, finder, TextReader(), threads=2)
    yield made
    asyncio.run(made.close())


def noise(height_px: int, width_px: int) -> Image:
    pixels_HWC = np.random.default_rng(height_px).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)
    return Image(pixels_HWC, f"{height_px}x{width_px}")


@pytest.mark.parametrize(("height_px", "width_px"), [(1, 1), (1, 600), (600, 1), (10, 10_000), (90, 160)])
async def test_pictures_of_any_shape_are_seen(encoder: VisionEncoder, height_px: int, width_px: int) -> None:
    sight = await encoder.encode(noise(height_px, width_px))
    assert (sight.evidence.height_px, sight.evidence.width_px) == (height_px, width_px)
    assert all(0 <= label.confidence <= 1 for label in sight.evidence.labels)
    assert "\n" not in sight.evidence.line()


async def test_the_same_picture_gives_the_same_evidence(encoder: VisionEncoder) -> None:
    pixels_HWC = noise(64, 64).pixels_HWC
    first, second = await encoder.encode(Image(pixels_HWC, "a")), await encoder.encode(Image(pixels_HWC, "b"))
    assert first.evidence == second.evidence


async def test_the_picture_is_left_as_it_was(encoder: VisionEncoder) -> None:
    image = noise(64, 64)
    before_HWC = image.pixels_HWC.copy()
    await encoder.encode(image)
    assert np.array_equal(image.pixels_HWC, before_HWC)


async def test_pictures_shown_together_each_get_their_own_evidence(encoder: VisionEncoder) -> None:
    sights = await asyncio.gather(*(encoder.encode(noise(20 + side, 40)) for side in range(4)))
    assert [sight.evidence.height_px for sight in sights] == [20, 21, 22, 23]


async def test_a_cancelled_look_leaves_the_encoder_usable(encoder: VisionEncoder) -> None:
    looking = asyncio.create_task(encoder.encode(noise(100, 100)))
    await asyncio.sleep(0)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    assert (await encoder.encode(noise(30, 30))).evidence.width_px == 30
