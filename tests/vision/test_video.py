from __future__ import annotations

import io
import re
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest

from assistant.errors import FileMissingError, InputError, MediaTooLargeError, UnreadableMediaError, UnsupportedMediaError
from assistant.types import Video
from assistant.vision.image import Source
from assistant.vision.video import sample_video, shows_pictures


def sampled(source: Source, *, max_s: float = 60, max_frames: int = 4, max_pixels: int = 4_000_000) -> Video:
    return sample_video(source, max_bytes=20 * 2**20, max_s=max_s, max_frames=max_frames, max_pixels=max_pixels)


def clip(
    kind: str = "mp4",
    codec: str = "mpeg4",
    *,
    seconds: float = 2,
    rate: int = 10,
    size: tuple[int, int] = (64, 48),
    stamps: Sequence[int] | None = None,
    shades: Sequence[int] | None = None,
) -> bytes:
    """A film that grows brighter from black to white, or has these shades of grey."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        stream = cast(Any, container.add_stream(codec, rate=rate))
        stream.width, stream.height, stream.pix_fmt = *size, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.thread_count = 1
        stream.time_base = Fraction(1, rate)
        count = int(seconds * rate)
        for index in range(count):
            shade = round(255 * index / (count - 1)) if shades is None else shades[index]
            grey = np.full((size[1], size[0], 3), shade, np.uint8)
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts = index if stamps is None else stamps[index]
            frame.time_base = Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("kind", "codec"),
    [("mp4", "mpeg4"), ("mov", "mjpeg"), ("matroska", "mpeg4"), ("webm", "libvpx"), ("avi", "mjpeg"), ("mp4", "libx264")],
)
def test_frames_are_spread_over_the_clip(kind: str, codec: str) -> None:
    video = sampled(clip(kind, codec))
    assert len(video.frames) == len(video.times_s) == 4
    assert video.times_s == pytest.approx((0, 0.6, 1.3, 1.9), abs=0.11)
    assert video.duration_s == pytest.approx(2, abs=0.15)
    means = [float(frame.pixels_HWC.mean()) for frame in video.frames]
    assert means == sorted(means)
    assert means[0] < 30
    assert means[-1] > 220
    assert video.frames[0].pixels_HWC.shape == (48, 64, 3)
    assert video.sound is None
    assert len({frame.sha256 for frame in video.frames}) == 4


def test_a_long_clip_is_spread_as_evenly_as_a_short_one() -> None:
    video = sampled(clip(seconds=20, size=(16, 16)))
    gaps_s = np.diff(video.times_s)
    assert video.times_s[0] == 0
    assert video.times_s[-1] == pytest.approx(19.9)
    assert gaps_s.max() < 1.5 * gaps_s.min()


def test_a_scene_between_two_moments_is_not_missed() -> None:
    flash = sampled(clip(seconds=20, shades=[0] * 100 + [255] * 20 + [60] * 80), max_frames=4)
    means = [round(float(frame.pixels_HWC.mean()), -1) for frame in flash.frames]
    assert means == [0, 260, 60]


def test_frames_that_show_the_same_are_shown_once() -> None:
    still = sampled(clip(shades=[90] * 20))
    assert (len(still.frames), still.times_s) == (1, (0.0,))
    assert still.duration_s == pytest.approx(2, abs=0.15)


def test_a_short_clip_gives_all_the_frames_it_has() -> None:
    assert len(sampled(clip(seconds=0.3)).frames) == 3
    assert len(sampled(clip(), max_frames=1).frames) == 1


def test_the_same_clip_gives_the_same_frames(tmp_path: Path) -> None:
    path = tmp_path / "clip.txt"
    path.write_bytes(clip())
    assert [x.sha256 for x in sampled(path).frames] == [x.sha256 for x in sampled(path.read_bytes()).frames]


def test_a_clip_filmed_upright_is_shown_upright() -> None:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = cast(Any, container.add_stream("mpeg4", rate=10))
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        pixels_HWC = np.zeros((48, 64, 3), np.uint8)
        pixels_HWC[:, :32] = 255
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels_HWC, format="rgb24")))
        container.mux(stream.encode())
    as_is = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    quarter_turn_clockwise = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 48 * 0x10000, 0, 0x40000000)
    track = buffer.getvalue().index(b"tkhd")
    data = buffer.getvalue()[:track] + buffer.getvalue()[track:].replace(as_is, quarter_turn_clockwise, 1)
    upright_HWC = sampled(data).frames[0].pixels_HWC
    assert upright_HWC.shape == (64, 48, 3)
    assert upright_HWC[:28].mean() > 200 > 50 > upright_HWC[-28:].mean()


def test_large_pictures_are_scaled_to_1920() -> None:
    assert sampled(clip(seconds=0.2, size=(2048, 1024))).frames[0].pixels_HWC.shape == (960, 1920, 3)


def test_too_long_too_large_or_too_many_bytes_are_refused() -> None:
    data = clip()
    with pytest.raises(MediaTooLargeError, match="longer than 1 s"):
        sampled(data, max_s=1)
    with pytest.raises(MediaTooLargeError, match="pixels"):
        sampled(data, max_pixels=64 * 48 - 1)
    with pytest.raises(MediaTooLargeError):
        sample_video(data, max_bytes=len(data) - 1, max_s=60, max_frames=4, max_pixels=10**6)


def test_the_length_is_of_the_pictures_not_of_the_header() -> None:
    stamps = [*range(19), 10_000]
    with pytest.raises(MediaTooLargeError):
        sampled(clip("matroska", stamps=stamps))


def test_endless_frames_under_one_stamp_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.vision.video._MAX_FRAMES_DECODED", 10)
    with pytest.raises(MediaTooLargeError, match="too many"):
        sampled(clip())


@pytest.mark.parametrize(
    "data",
    [
        b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<?xml version='1.0'?><MPD/>",
        b"GIF89a" + bytes(50),
        b"\x00\x00\x00\x1cftypavif" + bytes(50),
        b"FLV\x01" + bytes(50),
    ],
)
def test_playlists_and_other_kinds_are_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedMediaError):
        sampled(data)


def test_a_seldom_used_codec_is_refused() -> None:
    with pytest.raises(UnsupportedMediaError, match="codec"):
        sampled(clip("avi", "ffv1", seconds=0.3))


def sound(kind: str, codec: str) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as container:
        stream = cast(Any, container.add_stream(codec, rate=16_000, layout="mono"))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return buffer.getvalue()


@pytest.mark.parametrize(("kind", "codec"), [("mp4", "aac"), ("webm", "libopus")])
def test_sound_alone_shows_no_pictures(kind: str, codec: str) -> None:
    assert not shows_pictures(sound(kind, codec), max_bytes=10**6)
    with pytest.raises(UnreadableMediaError, match="no pictures"):
        sampled(sound(kind, codec))


@pytest.mark.parametrize(("kind", "codec"), [("mp4", "mpeg4"), ("webm", "libvpx"), ("avi", "mjpeg")])
def test_a_clip_shows_pictures(kind: str, codec: str) -> None:
    assert shows_pictures(clip(kind, codec, seconds=0.3), max_bytes=10**6)


def test_what_is_no_clip_shows_nothing_but_an_error() -> None:
    with pytest.raises(UnsupportedMediaError):
        shows_pictures(b"#EXTM3U\n", max_bytes=100)
    with pytest.raises(UnreadableMediaError):
        shows_pictures(b"\x1aE\xdf\xa3" + bytes(100), max_bytes=1000)
    with pytest.raises(MediaTooLargeError):
        shows_pictures(clip(), max_bytes=100)


@pytest.mark.parametrize("box", [b"free", b"wide"])
def test_a_film_without_a_brand_is_watched(box: bytes) -> None:
    data = bytearray(clip("mov"))
    data[4:8] = box
    assert len(sampled(bytes(data)).frames) == 4


def test_damage_gives_frames_or_an_input_error_that_quotes_no_internals() -> None:
    data = clip()
    broken = [data[: len(data) // 3], data[:40] + bytes(200) + data[240:], data[:12], b"\x1aE\xdf\xa3" + bytes(100)]
    for bytes_ in broken:
        try:
            sampled(bytes_)
        except InputError as error:
            assert not re.search(r"0x[0-9a-f]{4}|BytesIO|object at|/", f"{error} {error.hint}")
    with pytest.raises(UnreadableMediaError):
        sampled(b"")
    with pytest.raises(FileMissingError):
        sampled(Path("no-such-clip.mp4"))
