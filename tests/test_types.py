import io
import wave
from pathlib import Path

import numpy as np
import pytest

from assistant.types import Audio, Evidence, Image, Label, Region


def test_sound_is_saved_as_16_bit_pcm_and_never_wraps_around(tmp_path: Path) -> None:
    path = Audio(np.array([0.0, 1.0, -1.0, 2.0], np.float32), 8000).save(tmp_path / "a.wav")
    with wave.open(str(path)) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (8000, 1, 2)
        assert np.frombuffer(reader.readframes(4), "<i2").tolist() == [0, 32767, -32767, 32767]


def test_pieces_join_in_order() -> None:
    one, two = Audio(np.zeros(4, np.float32), 8000), Audio(np.ones(4, np.float32), 8000)
    joined = Audio.join([one, two])
    assert joined.duration_s == 0.001
    assert joined.samples_T.tolist() == [0.0] * 4 + [1.0] * 4
    with wave.open(io.BytesIO(joined.to_wav())) as reader:
        assert reader.getnframes() == 8


def test_pieces_of_different_rates_do_not_join() -> None:
    with pytest.raises(ValueError, match="one sample rate"):
        Audio.join([Audio(np.zeros(1, np.float32), 8000), Audio(np.zeros(1, np.float32), 16000)])


def test_a_picture_knows_its_size() -> None:
    image = Image(np.zeros((3, 5, 3), np.uint8), "00" * 32)
    assert (image.width_px, image.height_px) == (5, 3)


def test_evidence_says_what_it_saw_and_what_it_did_not() -> None:
    full = Evidence(5, 3, (Label("cat", 0.857),), ("OPEN", "9-5"), (Label("red", 0.5),))
    assert full.line() == '5x3 pixels; looks like cat (86%); main colours red; text read: "OPEN" / "9-5"'
    found = (Region("dog", 0.9, 0, 0, 0.2, 0.2), Region("person", 0.8, 0.4, 0.4, 0.6, 0.6), Region("dog", 0.5, 0.8, 0, 1, 1))
    assert "; objects dog x2 (top left, right), person x1 (center); " in Evidence(5, 3, regions=found).line()
    faces = (Region("smiling face", 0.9, 0.1, 0.4, 0.2, 0.5), Region("face", 0.8, 0.4, 0.4, 0.6, 0.6))
    assert "; faces seen: smiling face x1 (left), face x1 (center); " in Evidence(5, 3, faces=faces).line()
    assert Evidence(5, 3).line() == "5x3 pixels; no object recognised with confidence; no text found"


@pytest.mark.parametrize(
    ("box", "place"),
    [
        ((0.0, 0.0, 0.2, 0.2), "top left"),
        ((0.4, 0.1, 0.6, 0.9), "center"),
        ((0.0, 0.0, 1.0, 0.4), "top"),
        ((0.7, 0.3, 0.9, 0.7), "right"),
        ((0.7, 0.7, 0.9, 0.9), "bottom right"),
    ],
)
def test_a_region_lies_where_its_middle_does(box: tuple[float, float, float, float], place: str) -> None:
    assert Region("dog", 0.9, *box).place == place
