"""What a caller gives: text, recordings, pictures and clips, decoded within the limits before a turn begins."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from assistant.config import LimitSettings
from assistant.errors import InvalidTextError, MediaTooLargeError, TextTooLongError, UnreadableMediaError, UnsupportedMediaError
from assistant.speech.audio import decode_audio
from assistant.types import Audio, Image, Problem, Video
from assistant.vision.image import decode_image
from assistant.vision.video import sample_video

AudioSource = Audio | bytes | str | Path
ImageSource = Image | bytes | str | Path
VideoSource = Video | bytes | str | Path

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\U000e0000-\U000e007f]")


def clean_text(text: str, *, limit_characters: int) -> str:
    """The text without control characters and invisible tag characters.

    Raises:
        InvalidTextError: It holds a lone surrogate.
        TextTooLongError: It is longer than the limit.
    """
    if len(text) > limit_characters:
        raise TextTooLongError(
            f"the text has {len(text)} characters, at most {limit_characters} are accepted",
            hint="shorten it, or raise limits.text_characters",
        )
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidTextError(f"the text is not valid Unicode at character {error.start}", hint="send it as UTF-8") from error
    return _CONTROL.sub("", text.replace("\r\n", "\n"))


async def read_audio(source: AudioSource, limits: LimitSettings) -> Audio:
    """A recording.

    Raises:
        InputError: It cannot be used.
    """
    if isinstance(source, Audio):
        return source
    return await asyncio.to_thread(decode_audio, _place(source), max_bytes=limits.audio_bytes, max_s=limits.audio_s)


async def read_images(sources: Sequence[ImageSource], limits: LimitSettings) -> tuple[Image, ...]:
    """The pictures of one turn.

    Raises:
        InputError: There are too many, or one cannot be used.
    """
    if len(sources) > limits.images_per_turn:
        raise MediaTooLargeError(
            f"{len(sources)} pictures in one turn, at most {limits.images_per_turn} are accepted",
            hint="send them in several turns, or raise limits.images_per_turn",
        )
    images = []
    for source in sources:
        if not isinstance(source, Image):
            source = await asyncio.to_thread(
                decode_image,
                _place(source),
                max_bytes=limits.image_bytes,
                max_pixels=limits.image_pixels,
                max_side_px=limits.image_side_px,
            )
        images.append(source)
    return tuple(images)


async def read_video(source: VideoSource, limits: LimitSettings) -> tuple[Video, Problem | None]:
    """A clip; one whose sound cannot be decoded is watched without it, and the problem told.

    Raises:
        InputError: It cannot be used.
    """
    if isinstance(source, Video):
        return source, None
    place = _place(source)
    video = await asyncio.to_thread(
        sample_video,
        place,
        max_bytes=limits.video_bytes,
        max_s=limits.video_s,
        max_frames=limits.video_frames,
        max_pixels=limits.image_pixels,
    )
    try:
        sound = await asyncio.to_thread(decode_audio, place, max_bytes=limits.video_bytes, max_s=limits.video_s, allow_video=True)
    except (UnreadableMediaError, UnsupportedMediaError) as error:
        return video, Problem(error.code, f"the clip is watched without its sound: {error}", error.hint)
    return replace(video, sound=sound), None


def _place(source: bytes | str | Path) -> bytes | Path:
    return Path(source) if isinstance(source, str) else source
