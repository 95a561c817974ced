from pathlib import Path

import numpy as np
import pytest

import assistant
from assistant.config import LimitSettings
from assistant.errors import MediaTooLargeError
from assistant.inputs import clean_text, read_audio, read_images, read_video
from assistant.types import Audio, Image, Video

PHOTO = Path(assistant.__file__).parent.parent / "data" / "photo.jpg"
LIMITS = LimitSettings()


def test_control_characters_and_invisible_tags_are_removed() -> None:
    assert clean_text("a\x00b\x1b[31m\tc\r\nd\U000e0041", limit_characters=20) == "ab[31m\tc\nd"


async def test_pictures_are_read_from_bytes_and_paths_and_taken_as_they_are_when_decoded() -> None:
    decoded = Image(np.zeros((2, 3, 3), np.uint8), "x")
    from_path, from_text, from_bytes, same = await read_images([PHOTO, str(PHOTO), PHOTO.read_bytes(), decoded], LIMITS)
    assert from_path.sha256 == from_text.sha256 == from_bytes.sha256
    assert same is decoded


async def test_too_many_pictures_are_refused_before_any_is_decoded() -> None:
    with pytest.raises(MediaTooLargeError, match="3 pictures in one turn, at most 2"):
        await read_images([b"no picture"] * 3, LimitSettings(images_per_turn=2))


async def test_sound_and_clips_that_are_decoded_are_taken_as_they_are() -> None:
    sound, clip = Audio(np.zeros(160, np.float32), 16_000), Video((), (), 1.0)
    assert await read_audio(sound, LIMITS) is sound
    assert await read_video(clip, LIMITS) == (clip, None)
