from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

import assistant
from assistant.errors import WeightsCorruptError
from assistant.vision.encoder import Features
from assistant.vision.encoder_efficientnet import EfficientNetEncoder
from assistant.vision.writing import SHIPPED, WritingProbe, load_writing_probe, means_C
from assistant.weights.catalogue import CATALOGUE

DATA = Path(assistant.__file__).parent.parent / "data"


def features(strokes: float) -> Features:
    levels = {"stride8": torch.full((1, 2, 4, 4), strokes), "stride16": torch.zeros(1, 3, 2, 2)}
    return Features(torch.zeros(1, 1), torch.zeros(1, 1), levels)


def test_a_probe_is_the_same_after_it_was_written_and_is_for_one_encoder_only(tmp_path: Path) -> None:
    probe = WritingProbe(torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0]), -0.5)
    probe.save(tmp_path / "probe", {"encoder_sha256": "ab"})
    read = load_writing_probe(tmp_path / "probe", encoder_sha256="ab")
    assert read is not None
    assert [read.sees(features(0.4)), read.sees(features(0.6))] == [False, True]
    assert load_writing_probe(tmp_path / "probe", encoder_sha256="cd") is None


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "probe").write_bytes(b"no probe")
    for name in ("probe", "missing"):
        with pytest.raises(WeightsCorruptError, match=name):
            load_writing_probe(tmp_path / name, encoder_sha256="")


@pytest.mark.weights
def test_the_shipped_probe_sees_that_a_receipt_holds_writing_and_a_photo_does_not(weights_dir: Callable[[str], Path]) -> None:
    sha256 = CATALOGUE["efficientnet-lite2"].files[0].sha256
    encoder = EfficientNetEncoder(weights_dir("efficientnet-lite2") / "model.pth", sha256=sha256)
    probe = load_writing_probe(SHIPPED, encoder_sha256=sha256)
    assert probe is not None
    seen = []
    for name in ("receipt.png", "photo.jpg"):
        looked = encoder.encode([np.asarray(Pillow.open(DATA / name).convert("RGB"))])
        assert means_C(looked).shape == probe.weight_C.shape
        seen.append(probe.sees(looked))
    assert seen == [True, False]
