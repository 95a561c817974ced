from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import assistant
from assistant.errors import VisionError
from assistant.types import Image, Label
from assistant.vision.detector import ObjectDetector
from assistant.vision.encoder import Features
from assistant.vision.encoder_efficientnet import EfficientNetEncoder
from assistant.vision.experts import EvidenceEncoder, labels_of
from assistant.vision.image import decode_image
from assistant.vision.region_finder import RegionFinder
from assistant.vision.text_reader import TextReader
from assistant.vision.writing import WritingProbe
from tests.vision.tiny_vision import TinyEncoder, noise

DATA = Path(assistant.__file__).parent.parent / "data"


class CountingEncoder(TinyEncoder):
    """Counts its looks and who made them; one may be told to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[str] = []
        self.error: Exception | None = None

    def encode(self, pictures: Sequence[NDArray[np.uint8]]) -> Features:
        self.threads.append(threading.current_thread().name)
        if self.error is not None:
            raise self.error
        return super().encode(pictures)


def picture(name: str) -> Image:
    return decode_image(DATA / name, max_bytes=2**20, max_pixels=10**6, max_side_px=1000)


@pytest.fixture(scope="module")
def lite2(weights_dir: Callable[[str], Path]) -> EfficientNetEncoder:
    return EfficientNetEncoder(weights_dir("efficientnet-lite2") / "model.pth", sha256="")


async def test_evidence_and_tokens_come_from_one_look() -> None:
    encoder = CountingEncoder()
    experts = EvidenceEncoder(encoder, threads=2)
    image = Image(noise(20, 30), "a")
    sight, features = await asyncio.gather(experts.encode(image), asyncio.to_thread(experts.features, image))
    assert (sight.evidence.width_px, sight.evidence.height_px) == (30, 20)
    assert features.regions == ((),)
    again = await asyncio.to_thread(experts.features, image)
    assert again.logits_BK is features.logits_BK
    assert encoder.threads == ["assistant-vision_0"]
    await experts.close()


async def test_a_picture_seen_before_costs_nothing_and_the_memory_of_it_is_bounded() -> None:
    encoder = CountingEncoder()
    experts = EvidenceEncoder(encoder)
    images = [Image(noise(9, 9), str(index)) for index in range(33)]
    for image in (images[0], images[0], *images[1:], images[0]):
        await experts.encode(image)
    assert len(encoder.threads) == 34
    await experts.close()


async def test_what_a_model_raises_is_a_vision_error_and_the_next_picture_is_seen() -> None:
    encoder = CountingEncoder()
    experts = EvidenceEncoder(encoder)
    encoder.error = RuntimeError("broken")
    with pytest.raises(VisionError, match="RuntimeError"):
        await experts.encode(Image(noise(9, 9), "a"))
    with pytest.raises(VisionError):
        await asyncio.to_thread(experts.features, Image(noise(9, 9), "a"))
    encoder.error = None
    assert (await experts.encode(Image(noise(9, 9), "a"))).evidence.width_px == 9
    await experts.close()


class Reader(TextReader):
    """Reads the same line in every picture, and counts them."""

    def __init__(self) -> None:
        self.read_pictures = 0

    def read(self, pixels_HWC: NDArray[np.uint8], *, at_most: int, at_least: float) -> tuple[Label, ...]:
        self.read_pictures += 1
        return (Label("STOP", 0.9),)


class Probe(WritingProbe):
    """Sees writing in dark pictures."""

    def sees(self, features: Features) -> bool:
        return float(features.levels["rgb"].mean()) < 0


async def test_a_glance_does_not_wait_for_the_reader_unless_the_picture_evidently_holds_writing() -> None:
    reader = Reader()
    experts = EvidenceEncoder(TinyEncoder(), reader=reader, writing=Probe(torch.zeros(1), 0.0), threads=2)
    bright, dark = (Image(np.full((9, 9, 3), value, np.uint8), str(value)) for value in (250, 5))
    glanced = (await experts.glance(bright)).evidence
    assert (glanced.text_lines, glanced.read_later, reader.read_pictures) == ((), True, 0)
    whole = (await experts.encode(bright)).evidence
    assert (whole.text_lines, whole.read_later) == (("STOP",), False)
    # whether it was read meanwhile makes no difference: what is said of a picture depends on the picture alone
    assert (await experts.glance(bright)).evidence == glanced
    read = (await experts.glance(dark)).evidence
    assert (read.text_lines, read.read_later, reader.read_pictures) == (("STOP",), False, 2)
    await experts.close()


async def test_without_a_probe_every_picture_is_read_and_without_a_reader_none() -> None:
    image = Image(noise(9, 9), "a")
    for reader, lines in ((Reader(), ("STOP",)), (None, ())):
        experts = EvidenceEncoder(TinyEncoder(), reader=reader)
        evidence = (await experts.glance(image)).evidence
        assert (evidence.text_lines, evidence.read_later) == (lines, False)
        await experts.close()


def test_names_are_reported_from_the_likeliest_down_and_only_where_one_is_likely() -> None:
    def told(*shares: float) -> list[tuple[str, float]]:
        logits_K = torch.tensor([*shares, 1 - sum(shares)]).clamp_min(1e-9).log()
        return [(label.name, round(label.confidence, 2)) for label in labels_of(("cat", "dog", "cat", "sea"), logits_K)]

    assert told(0.3, 0.4, 0.2) == [("cat", 0.5), ("dog", 0.4), ("sea", 0.1)]
    assert told(0.25, 0.25, 0.0) == [("sea", 0.5), ("cat", 0.25), ("dog", 0.25)]
    assert told(0.9, 0.05, 0.0) == [("cat", 0.9)]
    assert labels_of([str(k) for k in range(5)], torch.zeros(5)) == ()


@pytest.mark.weights
async def test_a_photo_is_named_and_coloured_and_holds_no_text(lite2: EfficientNetEncoder) -> None:
    encoder = EvidenceEncoder(lite2, reader=TextReader())
    evidence = (await encoder.encode(picture("photo.jpg"))).evidence
    assert (evidence.width_px, evidence.height_px) == (600, 400)
    assert evidence.labels[0].name == "espresso"
    assert evidence.colours[0].name == "brown"
    assert evidence.text_lines == ()
    assert "espresso" in evidence.line()
    await encoder.close()


@pytest.mark.slow
async def test_a_detector_tells_what_is_where(weights_dir: Callable[[str], Path], lite2: EfficientNetEncoder) -> None:
    finder = RegionFinder(ObjectDetector(weights_dir("ssd-mobilenet-v2-coco") / "model.pb"))
    encoder = EvidenceEncoder(lite2, finder)
    evidence = (await encoder.encode(picture("photo.jpg"))).evidence
    assert {"cup", "bowl"} <= {region.name for region in evidence.regions}
    assert "cup x1 (top)" in evidence.line()
    await encoder.close()


@pytest.mark.weights
async def test_a_receipt_is_read_unless_reading_is_off(lite2: EfficientNetEncoder) -> None:
    reading, blind = EvidenceEncoder(lite2, reader=TextReader()), EvidenceEncoder(lite2)
    assert "TOTAL" in (await reading.encode(picture("receipt.png"))).evidence.text_lines
    assert (await blind.encode(picture("receipt.png"))).evidence.text_lines == ()
    await reading.close()
    await blind.close()


@pytest.mark.weights
async def test_noise_is_given_no_name(lite2: EfficientNetEncoder) -> None:
    encoder = EvidenceEncoder(lite2)
    noise_HWC = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    evidence = (await encoder.encode(Image(noise_HWC, "noise"))).evidence
    assert evidence.labels == ()
    assert "no object recognised with confidence" in evidence.line()
    await encoder.close()


@pytest.mark.weights
async def test_cancelling_returns_at_once_and_leaves_the_encoder_usable(lite2: EfficientNetEncoder) -> None:
    encoder = EvidenceEncoder(lite2, reader=TextReader(), threads=2)
    looking = asyncio.create_task(encoder.encode(picture("receipt.png")))
    await asyncio.sleep(0.05)
    started_s = time.perf_counter()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert time.perf_counter() - started_s < 0.2
    assert (await encoder.encode(picture("photo.jpg"))).evidence.labels
    await encoder.close()
