from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import assistant
from assistant.types import Image
from assistant.vision.experts import EvidenceEncoder
from assistant.vision.image import decode_image

DATA = Path(assistant.__file__).parent.parent / "data"
pytestmark = pytest.mark.weights


def picture(name: str) -> Image:
    return decode_image(DATA / name, max_bytes=2**20, max_pixels=10**6, max_side_px=1000)


@pytest.fixture(scope="module")
def weights_path(weights_dir: Callable[[str], Path]) -> Path:
    return weights_dir("efficientnet-lite0") / "model.pth"


async def test_a_photo_is_named_and_coloured_and_holds_no_text(weights_path: Path) -> None:
    encoder = EvidenceEncoder(weights_path)
    evidence = (await encoder.encode(picture("photo.jpg"))).evidence
    assert (evidence.width_px, evidence.height_px) == (600, 400)
    assert evidence.labels[0].name == "espresso"
    assert evidence.colours[0].name == "brown"
    assert evidence.text_lines == ()
    assert "espresso" in evidence.line()
    await encoder.close()


@pytest.mark.slow
async def test_a_detector_tells_what_is_where(weights_dir: Callable[[str], Path], weights_path: Path) -> None:
    detector_path = weights_dir("ssd-mobilenet-v2-coco") / "model.pb"
    encoder = EvidenceEncoder(weights_path, detector_path=detector_path, read_text=False)
    evidence = (await encoder.encode(picture("photo.jpg"))).evidence
    assert {"cup", "bowl"} <= {region.name for region in evidence.regions}
    assert "cup x1 (top)" in evidence.line()
    await encoder.close()


async def test_a_receipt_is_read_unless_reading_is_off(weights_path: Path) -> None:
    reading, blind = EvidenceEncoder(weights_path), EvidenceEncoder(weights_path, read_text=False)
    assert "TOTAL" in (await reading.encode(picture("receipt.png"))).evidence.text_lines
    assert (await blind.encode(picture("receipt.png"))).evidence.text_lines == ()
    await reading.close()
    await blind.close()


async def test_noise_is_given_no_name(weights_path: Path) -> None:
    encoder = EvidenceEncoder(weights_path, read_text=False)
    noise_HWC = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    evidence = (await encoder.encode(Image(noise_HWC, "noise"))).evidence
    assert evidence.labels == ()
    assert "no object recognised with confidence" in evidence.line()
    await encoder.close()


async def test_a_picture_seen_before_costs_nothing_and_the_memory_of_it_is_bounded(weights_path: Path) -> None:
    encoder = EvidenceEncoder(weights_path, read_text=False)
    pixels_HWC = np.zeros((32, 32, 3), np.uint8)
    first = await encoder.encode(Image(pixels_HWC, "0"))
    assert await encoder.encode(Image(pixels_HWC, "0")) is first
    for index in range(1, 34):
        await encoder.encode(Image(pixels_HWC, str(index)))
    assert await encoder.encode(Image(pixels_HWC, "0")) is not first
    await encoder.close()


async def test_cancelling_returns_at_once_and_leaves_the_encoder_usable(weights_path: Path) -> None:
    encoder = EvidenceEncoder(weights_path)
    looking = asyncio.create_task(encoder.encode(picture("receipt.png")))
    await asyncio.sleep(0.05)
    started_s = time.perf_counter()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert time.perf_counter() - started_s < 0.2
    assert (await encoder.encode(picture("photo.jpg"))).evidence.labels
    await encoder.close()
