from __future__ import annotations

import io
import struct
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from assistant.errors import AssistantError, MediaTooLargeError, UnreadableMediaError, UnsupportedMediaError
from assistant.speech.audio import decode_audio, resample
from assistant.types import Audio

MAX_BYTES = 25 * 2**20
SOME_KINDS = [
    ("wav", "pcm_s16le"),
    ("ogg", "libopus"),
    ("mp3", "libmp3lame"),
    ("flac", "flac"),
    ("ipod", "aac"),
    ("webm", "libopus"),
]


def encoded(container: str, codec: str, rate_hz: int, *, layout: str = "mono", seconds: int = 1, picture: bool = False) -> bytes:
    """A 440 Hz tone at a quarter of full scale."""
    buffer = io.BytesIO()
    tone_T = (np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz) * 8192).astype(np.int16)
    channels = 2 if layout == "stereo" else 1
    with av.open(buffer, "w", format=container) as file:
        sound: Any = file.add_stream(codec, rate=rate_hz, layout=layout) if codec else None
        video = file.add_stream("mpeg4", rate=5) if picture else None
        if video:
            video.width = video.height = 32
            for still in [av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8)), None]:
                file.mux(video.encode(still))
        if sound:
            frame = av.AudioFrame.from_ndarray(np.repeat(np.tile(tone_T, seconds), channels)[None], format="s16", layout=layout)
            frame.sample_rate = rate_hz
            for part in [frame, None]:
                file.mux(sound.encode(part))
    return buffer.getvalue()


def wav(
    samples: bytes, *, claim: int | None = None, rate_hz: int = 16000, channels: int = 1, bits: int = 16, form: int = 1
) -> bytes:
    claim = len(samples) if claim is None else claim
    per_second, block = rate_hz * channels * bits // 8 & 0xFFFFFFFF, channels * bits // 8 & 0xFFFF
    header = struct.pack("<IHHIIHH", 16, form, channels, rate_hz, per_second, block, bits)
    size = struct.pack("<I", min(36 + claim, 0xFFFFFFFF))
    return b"RIFF" + size + b"WAVEfmt " + header + b"data" + struct.pack("<I", claim) + samples


def decode(data: bytes, max_s: float = 600.0) -> Audio:
    return decode_audio(data, max_bytes=MAX_BYTES, max_s=max_s)


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz", "layout"),
    [
        ("wav", "pcm_s16le", 44100, "stereo"),
        ("wav", "pcm_f32le", 8000, "mono"),
        ("wav", "pcm_mulaw", 8000, "mono"),
        ("flac", "flac", 48000, "stereo"),
        ("ogg", "libopus", 48000, "mono"),
        ("mp3", "libmp3lame", 44100, "stereo"),
        ("ipod", "aac", 44100, "stereo"),
        ("webm", "libopus", 48000, "mono"),
    ],
)
def test_every_accepted_kind_becomes_16_khz_mono(container: str, codec: str, rate_hz: int, layout: str) -> None:
    audio = decode(encoded(container, codec, rate_hz, layout=layout))
    assert audio.sample_rate_hz == 16000
    assert audio.samples_T.dtype == np.float32
    assert audio.duration_s == pytest.approx(1.0, abs=0.15)
    middle_T = audio.samples_T[4000:12000]
    assert int(np.abs(np.fft.rfft(middle_T)).argmax()) * 2 == 440
    assert np.sqrt(np.square(middle_T).mean()) == pytest.approx(0.25 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize(
    "data",
    [
        b"hello" * 10,
        b"\x89PNG\r\n\x1a\n" + bytes(64),
        b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"#!AMR\n" + bytes(64),
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
        b"MThd" + bytes(32),
        b"\xff\xf1\x50\x80" + bytes(64),
        wav(bytes(64), bits=0),
    ],
)
def test_other_kinds_are_unsupported(data: bytes) -> None:
    with pytest.raises(UnsupportedMediaError) as caught:
        decode(data)
    assert "WAV" in caught.value.hint


@pytest.mark.parametrize(
    "data",
    [
        b"",
        wav(b""),
        wav(bytes(100))[:30],
        wav(bytes(100), rate_hz=0),
        wav(bytes(100), rate_hz=2**31 - 1),
        wav(bytes(131070), channels=65535),
        b"OggS" + bytes(100),
        b"fLaC" + bytes(100),
        b"\x1a\x45\xdf\xa3" + bytes(50),
        b"\0\0\0\x18ftypM4A " + bytes(50),
    ],
)
def test_broken_files_are_unreadable_and_the_message_names_nothing_internal(data: bytes) -> None:
    with pytest.raises(UnreadableMediaError) as caught:
        decode(data)
    assert "0x" not in str(caught.value)
    assert "<" not in str(caught.value)
    assert caught.value.hint


def test_a_header_that_claims_4_gb_gives_the_samples_that_are_there() -> None:
    assert len(decode(wav(bytes(100), claim=0xFFFFFFF0)).samples_T) == 50


def test_samples_that_are_no_numbers_become_finite() -> None:
    samples = np.array([np.nan, np.inf, -np.inf, 1e38, 0.5] * 1000, "<f4").tobytes()
    samples_T = decode(wav(samples, bits=32, form=3)).samples_T
    assert np.isfinite(samples_T).all()
    assert np.abs(samples_T).max() <= 1.0


def test_more_bytes_than_allowed_are_refused_from_every_source(tmp_path: Path) -> None:
    data = wav(bytes(4000))
    file = tmp_path / "a.wav"
    file.write_bytes(data)
    for source in (data, file, io.BytesIO(data)):
        with pytest.raises(MediaTooLargeError):
            decode_audio(source, max_bytes=1000, max_s=10)
        assert decode_audio(source if isinstance(source, bytes | Path) else io.BytesIO(data), max_bytes=5000, max_s=10).duration_s


@pytest.mark.parametrize(("container", "codec"), SOME_KINDS)
def test_truncated_and_damaged_files_give_sound_or_an_error_of_ours(container: str, codec: str) -> None:
    whole = encoded(container, codec, 48000)
    chance = np.random.default_rng(0)
    for attempt in range(40):
        damaged = bytearray(whole[: chance.integers(1, len(whole))] if attempt % 2 else whole)
        for place in chance.integers(0, len(damaged), 10 * (attempt % 3)):
            damaged[place] = chance.integers(256)
        try:
            assert np.isfinite(decode(bytes(damaged)).samples_T).all()
        except AssistantError as error:
            assert error.status in (413, 415, 422)


def test_resampling_keeps_pitch_and_length() -> None:
    tone_T = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000).astype(np.float32)
    louder = resample(Audio(tone_T, 8000), 16000)
    assert louder.sample_rate_hz == 16000
    assert louder.duration_s == pytest.approx(1.0, abs=0.01)
    assert int(np.abs(np.fft.rfft(louder.samples_T[:16000])).argmax()) == pytest.approx(440, abs=2)
    assert resample(Audio(np.zeros(0, np.float32), 8000), 16000).duration_s == 0
    assert resample(Audio(tone_T, 16000), 16000).samples_T is tone_T


def test_a_wav_of_ours_comes_back_unchanged() -> None:
    tone_T = (np.sin(np.arange(1600) / 5) / 2).astype(np.float32)
    data = Audio(tone_T, 16000).to_wav()
    with wave.open(io.BytesIO(data)) as file:
        assert file.getnframes() == 1600
    np.testing.assert_allclose(decode(data).samples_T, tone_T, atol=1e-4)


def test_the_sound_of_an_avi_clip_is_taken_where_a_video_is_allowed() -> None:
    clip = encoded("avi", "libmp3lame", 44100, picture=True)
    audio = decode_audio(clip, max_bytes=MAX_BYTES, max_s=600.0, allow_video=True)
    assert audio is not None
    assert audio.duration_s == pytest.approx(1.0, abs=0.15)
    silent = encoded("avi", "", 44100, picture=True)
    assert decode_audio(silent, max_bytes=MAX_BYTES, max_s=600.0, allow_video=True) is None
    with pytest.raises(UnsupportedMediaError):
        decode(clip)


@pytest.mark.parametrize("box", [b"free", b"wide"])
def test_the_sound_of_a_film_without_a_brand_is_taken_where_a_video_is_allowed(box: bytes) -> None:
    clip = bytearray(encoded("mov", "aac", 44100, picture=True))
    clip[4:8] = box
    audio = decode_audio(bytes(clip), max_bytes=MAX_BYTES, max_s=600.0, allow_video=True)
    assert audio is not None
    assert audio.duration_s == pytest.approx(1.0, abs=0.15)
    with pytest.raises(UnsupportedMediaError):
        decode(bytes(clip))
