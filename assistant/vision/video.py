"""The one video decoder: a few frames from the start of a clip to its end, evenly spaced, no longer scene missed."""

from __future__ import annotations

import hashlib
import io
import math
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from assistant.errors import InputError, MediaTooLargeError, UnreadableMediaError, UnsupportedMediaError
from assistant.types import Image, Video
from assistant.vision.image import Source, read_bounded

_ACCEPTED = "MP4, MOV, WebM, MKV or AVI"
_CODECS = {"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg"}
"""Decoders that are fuzzed all day long; FFmpeg has hundreds of others."""
_MAX_SIDE_PX = 1920
_LOOK_PX, _CUT, _SAME = 16, 32.0, 1.0
"""Frames are compared as grey squares of so many pixels: a scene ends where they differ by more than `_CUT` of 255 on average, and
frames that differ by less than `_SAME` show the same."""
_MAX_FRAMES_DECODED = 15_000
"""Against stamps that stand still: 120 s at 120 frames a second, with room."""
_MAX_PIXELS_DECODED = 12_000_000_000
"""Against minutes of decoding: 120 s of 1080p at 48 frames a second."""


class _Moment(NamedTuple):
    time_s: float
    frame: VideoFrame
    rotation: int
    """Degrees, counter-clockwise, that the player is asked to turn the picture by."""


def sample_video(source: Source, *, max_bytes: int, max_s: float, max_frames: int, max_pixels: int) -> Video:
    """Frames spread over a clip, upright, at most 1920 pixels on a side; `sound` is left to the speech decoder.

    The clip is decoded once and judged by what came out, because a container may claim any duration.

    Args:
        source: The file's bytes, its path, or an open binary file.
        max_bytes: Of the file.
        max_s: Of the clip.
        max_frames: How many frames to keep.
        max_pixels: Of one frame as stored.

    Raises:
        FileMissingError: The path cannot be opened.
        UnsupportedMediaError: Not an accepted kind.
        UnreadableMediaError: Damaged, or it shows no pictures.
        MediaTooLargeError: A limit is passed.
        ValueError: `max_frames` is below 1.
    """
    if max_frames < 1:
        raise ValueError("max_frames must be at least 1")
    data = read_bounded(source, max_bytes=max_bytes)
    kind = _kind(data)
    kept = list[_Moment]()
    newest: _Moment | None = None
    count, every, first_s, last_s, step_s = 0, 1, 0.0, 0.0, 0.0
    try:
        with av.open(io.BytesIO(data), mode="r", format=kind) as container:
            stream = _pictures(container)
            for frame in _bounded_frames(container, stream, max_pixels):
                time_s = frame.time if frame.time is not None and math.isfinite(frame.time) else last_s + 1 / 30
                first_s = time_s if count == 0 else first_s
                step_s = max(0.0, time_s - last_s) if count else 1 / 30
                last_s = max(last_s, time_s) if count else time_s
                if last_s - first_s > max_s:
                    raise MediaTooLargeError(f"the clip is longer than {max_s:g} s", hint="send a shorter clip")
                newest = _Moment(last_s - first_s, frame, frame.rotation)
                if count % every == 0:
                    newest = newest._replace(frame=_small(frame))
                    kept.append(newest)
                if len(kept) > 4 * max_frames:  # never more than this in memory, however long the clip is
                    kept, every = kept[::2], every * 2
                count += 1
            if newest is not None and kept[-1] is not newest:
                kept.append(newest)
            pictures = [(moment.time_s, _rgb(moment)) for moment in _telling(kept, max_frames)]
    except InputError:
        raise
    except Exception as error:  # codecs raise of everything; their words hold addresses
        raise _damaged("the clip is damaged or cut short") from error
    if not pictures:
        raise _damaged("the clip shows no pictures")
    digest = hashlib.sha256(data).hexdigest()
    frames = tuple(Image(rgb, hashlib.sha256(f"{digest}@{time_s:.3f}".encode()).hexdigest()) for time_s, rgb in pictures)
    return Video(frames, tuple(time_s for time_s, _ in pictures), last_s - first_s + step_s)


def shows_pictures(source: Source, *, max_bytes: int) -> bool:
    """Whether a file of a clip's kind is one: it may hold sound alone, as recordings in WebM and MP4 do.

    Raises:
        FileMissingError: The path cannot be opened.
        UnsupportedMediaError: Not an accepted kind.
        UnreadableMediaError: Damaged.
        MediaTooLargeError: There are more than `max_bytes`.
    """
    data = read_bounded(source, max_bytes=max_bytes)
    try:
        with av.open(io.BytesIO(data), mode="r", format=_kind(data)) as container:
            return _film(container) is not None
    except InputError:
        raise
    except Exception as error:  # codecs raise of everything; their words hold addresses
        raise _damaged("the clip is damaged or cut short") from error


def _kind(data: bytes) -> str:
    """FFmpeg's name of the container, by its first bytes; FFmpeg's own guess may open playlists and scripts."""
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free") and data[8:12] not in (
        b"avif",
        b"avis",
        b"heic",
        b"heix",
        b"mif1",
    ):
        return "mp4"
    if data.startswith(b"\x1aE\xdf\xa3"):
        return "matroska"
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return "avi"
    if not data:
        raise UnreadableMediaError("the clip is empty", hint=f"send a {_ACCEPTED} file")
    raise UnsupportedMediaError("this kind of clip is not accepted", hint=f"convert it to {_ACCEPTED}")


def _pictures(container: InputContainer) -> VideoStream:
    stream = _film(container)
    if stream is None:
        raise _damaged("the clip shows no pictures")
    if stream.codec_context.codec.canonical_name not in _CODECS:
        raise UnsupportedMediaError("the clip's codec is not accepted", hint="convert it to H.264, VP9 or AV1")
    return stream


def _film(container: InputContainer) -> VideoStream | None:
    """The first stream of pictures; the cover of a song is none."""
    return next((x for x in container.streams.video if not x.disposition & Disposition.attached_pic), None)


def _bounded_frames(container: InputContainer, stream: VideoStream, max_pixels: int) -> Iterator[VideoFrame]:
    if stream.codec_context.width * stream.codec_context.height > max_pixels:
        raise _too_many_pixels(max_pixels)
    pixels = 0
    for count, frame in enumerate(container.decode(stream)):
        pixels += frame.width * frame.height
        if frame.width * frame.height > max_pixels:  # the size may change within a stream
            raise _too_many_pixels(max_pixels)
        if count >= _MAX_FRAMES_DECODED or pixels > _MAX_PIXELS_DECODED:
            raise MediaTooLargeError("the clip has too many pictures to look through", hint="send a shorter or smaller clip")
        yield frame


def _telling(kept: list[_Moment], at_most: int) -> list[_Moment]:
    """Evenly spread, but a scene that would be missed takes the place of a moment of the scene that is shown most often.

    Of moments that look the same the first stands for all.
    """
    looks = [np.asarray(m.frame.reformat(width=_LOOK_PX, height=_LOOK_PX, format="gray").to_ndarray(), np.int16) for m in kept]
    scene_of = [0]
    for before, now in pairwise(looks):
        scene_of.append(scene_of[-1] + bool(np.abs(now - before).mean() > _CUT))
    chosen = [kept.index(moment) for moment in _evenly(kept, at_most)]
    missed = [scene for scene in range(scene_of[-1] + 1) if scene not in {scene_of[n] for n in chosen}]
    for scene in missed:
        shown = Counter(scene_of[n] for n in chosen)
        commonest, count = shown.most_common(1)[0]
        if count == 1 and len(chosen) >= at_most:
            break
        if len(chosen) >= at_most:
            chosen.remove([n for n in chosen if scene_of[n] == commonest][count // 2])
        own = [n for n, each in enumerate(scene_of) if each == scene]
        chosen.append(own[len(own) // 2])
    told: list[int] = []
    for n in sorted(chosen):
        if not told or np.abs(looks[n] - looks[told[-1]]).mean() > _SAME:
            told.append(n)
    return [kept[n] for n in told]


def _evenly(kept: list[_Moment], at_most: int) -> list[_Moment]:
    """Those nearest to evenly spread times, the first and the last among them; one alone is the middle."""
    if len(kept) <= at_most:
        return kept
    end_s = kept[-1].time_s
    wanted_s = [end_s / 2] if at_most == 1 else [end_s * i / (at_most - 1) for i in range(at_most)]
    nearest = {min(range(len(kept)), key=lambda i: abs(kept[i].time_s - time_s)) for time_s in wanted_s}
    return [kept[i] for i in sorted(nearest)]


def _small(frame: VideoFrame) -> VideoFrame:
    scale = _MAX_SIDE_PX / max(frame.width, frame.height)
    if scale >= 1:
        return frame
    return frame.reformat(width=max(1, round(frame.width * scale)), height=max(1, round(frame.height * scale)), format="yuv420p")


def _rgb(moment: _Moment) -> NDArray[np.uint8]:
    turned_HWC = np.rot90(_small(moment.frame).to_ndarray(format="rgb24"), k=round(moment.rotation / 90))
    return np.ascontiguousarray(turned_HWC, dtype=np.uint8)


def _damaged(what: str) -> UnreadableMediaError:
    return UnreadableMediaError(what, hint=f"send a {_ACCEPTED} file that plays")


def _too_many_pixels(max_pixels: int) -> MediaTooLargeError:
    return MediaTooLargeError(f"the clip has more than {max_pixels / 1e6:.3g} million pixels a picture", hint="send a smaller one")
