"""The one audio decoder: a file becomes 16 kHz mono float32.

The kind is told by the first bytes, from a short list, and the demuxer is forced to it: nothing is probed, so a playlist or a
file that names other files is never opened. FFmpeg runs inside PyAV's wheel (PyAV is BSD-3; the FFmpeg libraries that its wheel
carries are LGPL, linked dynamically). Bytes, seconds and memory are bounded while decoding, whatever the header claims.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Literal, overload

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from numpy.typing import NDArray

from assistant.errors import FileMissingError, MediaTooLargeError, UnreadableMediaError, UnsupportedMediaError
from assistant.types import Audio

SAMPLE_RATE_HZ = 16_000
"""What every recognizer and detector here listens to."""

ACCEPTED = "WAV, FLAC, Ogg, MP3, M4A or WebM"
_RATES_HZ = range(1_000, 384_001)
_MAX_CHANNELS = 8
_DEMUXERS = {
    "wav": "wav",
    "flac": "flac",
    "ogg": "ogg",
    "mp3": "mp3",
    "mp4": "mov,mp4,m4a,3gp,3g2,mj2",
    "webm": "matroska,webm",
    "avi": "avi",
}
_MP4_BOXES = (b"moov", b"mdat", b"wide", b"free")
"""What a film of the MP4 family may begin with instead of `ftyp`, as cameras and old QuickTime write it."""
_CODECS = frozenset(
    {"flac", "alac", "vorbis", "opus", "libopus", "mp1float", "mp2float", "mp3", "mp3float", "aac", "adpcm_ms", "adpcm_ima_wav"}
)
_DURATION_DOUBT = {"flac": 1.0, "ogg": 1.0, "mp4": 1.0, "webm": 1.0, "avi": 1.0, "mp3": 2.0}
"""By what factor a container may overstate its length: an MP3's is a guess from its first frames. A WAV's counts for nothing."""


@overload
def decode_audio(source: bytes | Path | BinaryIO, *, max_bytes: int, max_s: float) -> Audio: ...
@overload
def decode_audio(source: bytes | Path | BinaryIO, *, max_bytes: int, max_s: float, allow_video: Literal[True]) -> Audio | None: ...
def decode_audio(source: bytes | Path | BinaryIO, *, max_bytes: int, max_s: float, allow_video: bool = False) -> Audio | None:
    """The sound of a file, 16 kHz mono.

    Args:
        source: The file's bytes, its path, or an object to read it from.
        max_bytes: Larger files are refused after reading that much.
        max_s: Longer sound is refused as soon as that much is decoded.
        allow_video: Take the sound track of a video too; None when it has none.

    Raises:
        FileMissingError: The path names no readable file.
        UnsupportedMediaError: Not an accepted kind or codec, or a video where none is allowed.
        UnreadableMediaError: The bytes promise an accepted kind and hold no sound that can be decoded.
        MediaTooLargeError: More bytes or seconds than allowed.
    """
    data = _read(source, max_bytes)
    kind = _kind(data, allow_video=allow_video)
    pcm = bytearray()
    try:
        with av.open(BytesIO(data), "r", format=_DEMUXERS[kind], container_options={"protocol_whitelist": "none"}) as container:
            stream = _audio_stream(container, allow_video=allow_video)
            if stream is None:
                return None
            if _claimed_s(container, kind, len(data)) > max_s + 1.0:
                raise _too_long(max_s)
            for block_T in _resampled(_mono_blocks(container, stream)):
                pcm += block_T.tobytes()
                if len(pcm) > max_s * SAMPLE_RATE_HZ * 4:
                    raise _too_long(max_s)
    except (FFmpegError, ValueError, MemoryError, OverflowError, EOFError, UnicodeError) as error:
        raise _unreadable(f"the {kind} file cannot be decoded") from error
    if not pcm:
        raise _unreadable(f"the {kind} file holds no sound")
    samples_T = np.frombuffer(pcm, np.float32)
    return Audio(np.clip(samples_T, -1.0, 1.0, out=samples_T), SAMPLE_RATE_HZ)


def resample(audio: Audio, sample_rate_hz: int) -> Audio:
    """The same sound at another rate."""
    if audio.sample_rate_hz == sample_rate_hz or not len(audio.samples_T):
        return Audio(audio.samples_T, sample_rate_hz)
    blocks = _resampled(iter([(np.ascontiguousarray(audio.samples_T, np.float32), audio.sample_rate_hz)]), sample_rate_hz)
    return Audio(np.concatenate([np.zeros(0, np.float32), *blocks]), sample_rate_hz)


def _read(source: bytes | Path | BinaryIO, max_bytes: int) -> bytes:
    if isinstance(source, bytes):
        data = source
    elif isinstance(source, Path):
        if not source.is_file():
            raise FileMissingError(f"there is no file {source}", hint="check the path")
        try:
            with source.open("rb") as file:
                data = file.read(max_bytes + 1)
        except OSError as error:
            raise FileMissingError(f"{source} cannot be read: {error.strerror}", hint="check the file's permissions") from error
    else:
        data = source.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise MediaTooLargeError(f"the sound file is larger than {max_bytes} bytes", hint="send a shorter or compressed recording")
    if not data:
        raise _unreadable("the sound file is empty")
    return data


def _kind(data: bytes, *, allow_video: bool) -> str:
    """The kind by its first bytes; an ID3 tag is looked behind, because other kinds carry one too."""
    head = data[:16]
    if allow_video and head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if allow_video and head[4:8] in _MP4_BOXES:
        return "mp4"
    if head[:3] == b"ID3" and len(data) >= 10:
        size = (data[6] & 127) << 21 | (data[7] & 127) << 14 | (data[8] & 127) << 7 | data[9] & 127
        tagged = data[10 + size : 26 + size].lstrip(b"\0")
        return "mp3" if not tagged or _is_mpeg_frame(tagged) else _unsupported()
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"OggS":
        return "ogg"
    if head[4:8] == b"ftyp":
        return "mp4"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "webm"
    return "mp3" if _is_mpeg_frame(head) else _unsupported()


def _is_mpeg_frame(head: bytes) -> bool:
    """Frame sync with no reserved value; layer 0 would be AAC."""
    return (
        len(head) >= 4
        and head[0] == 0xFF
        and head[1] & 0xE0 == 0xE0
        and head[1] >> 3 & 3 != 1
        and head[1] >> 1 & 3 != 0
        and head[2] >> 4 != 15
        and head[2] >> 2 & 3 != 3
    )


def _claimed_s(container: InputContainer, kind: str, size_bytes: int) -> float:
    """The least length that the header admits, to refuse a long recording before decoding it."""
    if kind == "wav":
        return size_bytes * 8 / container.bit_rate if container.bit_rate else 0.0
    return (container.duration or 0) / 1e6 / _DURATION_DOUBT[kind]


def _audio_stream(container: InputContainer, *, allow_video: bool) -> AudioStream | None:
    pictures = [x for x in container.streams.video if not x.disposition & Disposition.attached_pic]
    if pictures and not allow_video:
        raise UnsupportedMediaError("the file is a video, not a sound recording", hint="send it as a video")
    if not container.streams.audio:
        if pictures:
            return None
        raise _unreadable("the file holds no sound")
    stream = container.streams.audio[0]
    codec = stream.codec_context.name if stream.codec_context else "unknown"
    if codec not in _CODECS and not codec.startswith("pcm_"):
        raise UnsupportedMediaError(f"the sound is coded as {codec}, which is not accepted", hint=f"send {ACCEPTED}")
    stream.codec_context.thread_count = 1
    return stream


def _mono_blocks(container: InputContainer, stream: AudioStream) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Blocks of finite mono samples with their rate; packets that are damaged are left out."""
    to_float: AudioResampler | None = None
    shape: tuple[str, str, int] | None = None
    for frame in _frames(container, stream):
        channels = frame.layout.nb_channels
        if frame.sample_rate not in _RATES_HZ or not 1 <= channels <= _MAX_CHANNELS:
            raise _unreadable(f"sound of {channels} channels at {frame.sample_rate} Hz is out of range")
        if to_float is None or shape != (frame.format.name, frame.layout.name, frame.sample_rate):
            shape = (frame.format.name, frame.layout.name, frame.sample_rate)
            to_float = AudioResampler(format="fltp", layout=frame.layout, rate=frame.sample_rate)
        for planar in to_float.resample(frame):
            block_CT = np.nan_to_num(planar.to_ndarray(), nan=0.0, posinf=1.0, neginf=-1.0)
            yield np.clip(block_CT, -4.0, 4.0).mean(axis=0, dtype=np.float32), frame.sample_rate


def _frames(container: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:
            return  # the rest of the file is cut off
        if packet is None:
            return
        try:
            frames = packet.decode()
        except FFmpegError:
            continue
        for frame in frames:
            if isinstance(frame, AudioFrame) and frame.samples:
                frame.pts = None
                yield frame


def _resampled(
    blocks: Iterator[tuple[NDArray[np.float32], int]], sample_rate_hz: int = SAMPLE_RATE_HZ
) -> Iterator[NDArray[np.float32]]:
    """The blocks at one rate; their own rate may change on the way, as in chained Ogg."""
    resampler: AudioResampler | None = None
    from_hz = sample_rate_hz

    def rest() -> Iterator[NDArray[np.float32]]:
        for frame in resampler.resample(None) if resampler else ():
            yield frame.to_ndarray()[0]

    for block_T, rate_hz in blocks:
        if rate_hz != from_hz:
            yield from rest()
            from_hz = rate_hz
            resampler = None if rate_hz == sample_rate_hz else AudioResampler(format="fltp", layout="mono", rate=sample_rate_hz)
        if resampler is None:
            yield block_T
            continue
        frame = AudioFrame.from_ndarray(block_T[None], format="fltp", layout="mono")
        frame.sample_rate = rate_hz
        for done in resampler.resample(frame):
            yield done.to_ndarray()[0]
    yield from rest()


def _unsupported() -> str:
    raise UnsupportedMediaError("the file is no sound of an accepted kind", hint=f"send {ACCEPTED}")


def _unreadable(message: str) -> UnreadableMediaError:
    return UnreadableMediaError(message, hint="check that the recording plays, then send it again")


def _too_long(max_s: float) -> MediaTooLargeError:
    return MediaTooLargeError(f"the recording is longer than {max_s:g} s", hint="send it in shorter parts")
