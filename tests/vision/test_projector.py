from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import assistant
from assistant.types import Image
from assistant.vision.connector_kinds import build_connector
from assistant.vision.detector import ObjectDetector
from assistant.vision.image import decode_image
from assistant.vision.projector import PictureProjector
from tests.vision.tiny_vision import TinyEncoder, TinyWords, noise

PHOTO = Path(assistant.__file__).parent.parent / "data" / "photo.jpg"


def test_pictures_become_tokens_alike_alone_and_together() -> None:
    encoder, words = TinyEncoder(), TinyWords()
    projector = PictureProjector(encoder, build_connector("mlp", encoder, words))
    images = [Image(noise(side, 9), str(side)) for side in (1, 9, 40)]
    together = projector.project(images)
    for image, tokens in zip(images, together, strict=True):
        (alone,) = projector.project([image])
        assert tokens.tokens_ND.dtype == np.float32
        assert np.allclose(alone.tokens_ND, tokens.tokens_ND, atol=1e-5)


def test_a_picture_seen_before_costs_nothing_and_the_memory_of_it_is_bounded() -> None:
    encoder, words = TinyEncoder(), TinyWords()
    projector = PictureProjector(encoder, build_connector("linear", encoder, words))
    images = [Image(noise(9, 9), str(n)) for n in range(34)]
    first = projector(images[0])
    assert projector(images[0]) is first
    for image in images[1:]:
        projector(image)
    assert projector(images[0]) is not first


@pytest.mark.slow
def test_a_detector_adds_what_it_found(weights_dir: Callable[[str], Path]) -> None:
    encoder, words = TinyEncoder(), TinyWords()
    connector = build_connector("anchored", encoder, words)
    image = decode_image(PHOTO, max_bytes=2**20, max_pixels=10**6, max_side_px=1000)
    detector = ObjectDetector(weights_dir("ssd-mobilenet-v2-coco") / "model.pb")
    (with_regions,) = PictureProjector(encoder, connector, detector).project([image])
    (without,) = PictureProjector(encoder, connector).project([image])
    assert len(with_regions.tokens_ND) > len(without.tokens_ND)
