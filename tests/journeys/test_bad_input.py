"""Bad input through the command line: each its own error, nothing else harmed."""

import io
import json
import struct
import subprocess
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import soundfile

from assistant.types import Audio

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def code_of(done: "subprocess.CompletedProcess[bytes]") -> str:
    assert done.returncode == 1, (done.stdout + done.stderr).decode()
    assert b"Traceback" not in done.stderr
    code, _, _ = done.stderr.decode().partition(":")
    assert "hint: " in done.stderr.decode()
    return code


def png(width_px: int, height_px: int, rows: bytes = b"") -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def photo() -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def hours_of_silence(hours: float) -> bytes:
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", 1000, 1, format="FLAC") as file:  # the lowest rate that is accepted
        for _ in range(int(hours * 60)):
            file.write(np.zeros(1000 * 60, np.int16))
    return buffer.getvalue()


def wav() -> bytes:
    return Audio(np.zeros(16_000, np.float32), 16_000).to_wav()


RECORDINGS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.wav": (lambda: b"", "unreadable_media"),
    "truncated.flac": (lambda: hours_of_silence(0.1)[:60], "unreadable_media"),
    "picture.wav": (photo, "unsupported_media"),
    "playlist.mp3": (lambda: b"#EXTM3U\nfile:///etc/passwd\n", "unsupported_media"),
    "ten-hours.flac": (lambda: hours_of_silence(10), "media_too_large"),
    "too-many-bytes.wav": (lambda: wav() + bytes(26 * 2**20), "media_too_large"),
}
PICTURES: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.png": (lambda: b"", "unreadable_media"),
    "truncated.jpg": (lambda: photo()[:400], "unreadable_media"),
    "30000x30000.png": (lambda: png(30_000, 30_000), "media_too_large"),
    "bomb.png": (lambda: png(8000, 8000, bytes(8000 * 8000 * 3 + 8000)), "media_too_large"),
    "drawing.png": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "unsupported_media"),
    "sound.png": (wav, "unsupported_media"),
}


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_bad_recording_is_refused_with_its_own_error(assistant: Run, tmp_path: Path, name: str) -> None:
    make, code = RECORDINGS[name]
    (tmp_path / name).write_bytes(make())
    assert code_of(assistant("ask", "--audio", name, check=False)) == code
    assert assistant("sessions", "list").stdout == b""


@pytest.mark.parametrize("name", PICTURES)
def test_a_bad_picture_is_refused_with_its_own_error(assistant: Run, tmp_path: Path, name: str) -> None:
    make, code = PICTURES[name]
    (tmp_path / name).write_bytes(make())
    assert code_of(assistant("ask", "What is it?", "--image", name, check=False)) == code
    assert assistant("sessions", "list").stdout == b""


@pytest.mark.parametrize("name", ["$(touch harmed).jpg", "a; touch harmed.jpg", "../photo\n.jpg", "<script>alert(1)<!--.jpg"])
def test_a_picture_named_like_a_script_is_only_a_picture(assistant: Run, tmp_path: Path, name: str) -> None:
    place = tmp_path / "inner"
    place.mkdir()
    (place / name).write_bytes(photo())
    done = assistant("ask", "What is it?", "--image", place / name, "--json")
    assert json.loads(done.stdout)["text"] == "It is a cat."
    assert not list(tmp_path.rglob("harmed"))


@pytest.mark.parametrize(
    ("words", "stdin", "code"),
    [
        ((), b"\xc3\x28", "invalid_text"),
        ((), b"a" * 2**20, "text_too_long"),
        ((b"\xed\xa0\x80",), b"", "invalid_text"),
        ((), b"\x00\x01\x02", "empty_turn"),
    ],
    ids=["invalid UTF-8", "1 MB of text", "a lone surrogate", "control characters"],
)
def test_bad_text_is_refused_with_its_own_error(assistant: Run, words: tuple[bytes, ...], stdin: bytes, code: str) -> None:
    assert code_of(assistant("ask", *words, stdin=stdin, check=False)) == code
    assert assistant("sessions", "list").stdout == b""


@pytest.mark.weights
def test_a_silent_recording_is_an_empty_turn(assistant: Run, tmp_path: Path) -> None:
    (tmp_path / "silence.wav").write_bytes(wav())
    real = {"ASSISTANT_PROFILE": "tiny", "ASSISTANT_RECOGNIZER__ENGINE": "faster-whisper"}
    assert code_of(assistant("ask", "--audio", "silence.wav", **real, check=False)) == "empty_turn"


@pytest.mark.parametrize(("content", "code"), [(None, "weights_missing"), (b"GGUF" + bytes(100), "weights_corrupt")])
def test_weights_that_are_missing_changed_or_half_written_are_said(
    assistant: Run, tmp_path: Path, content: bytes | None, code: str
) -> None:
    folder = tmp_path / "cache" / "weights" / "smollm2-135m-instruct"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "model.gguf").write_bytes(content)
    real = {
        "ASSISTANT_PROFILE": "tiny",
        "ASSISTANT_LANGUAGE_MODEL__ENGINE": "embedded",
        "ASSISTANT_CACHE_DIR": str(tmp_path / "cache"),
    }
    done = assistant("ask", "Hello", check=False, **real)
    assert code_of(done) == code
    assert b"assistant models pull smollm2-135m-instruct" in done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_refuses_the_turn_and_keeps_the_earlier_ones(assistant: Run, small_disk: Path) -> None:
    data = {"ASSISTANT_DATA_DIR": str(small_disk)}
    assistant("ask", "Hello", "-s", "alice", **data)
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"")
    with ballast.open("ab", buffering=0) as file:
        for size in (4096, 64):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    assert code_of(assistant("ask", "x" * 30_000, "-s", "alice", **data, check=False)) == "storage_full"
    ballast.unlink()
    shown = assistant("sessions", "show", "alice", "--json", **data).stdout.splitlines()
    assert [json.loads(line)["status"] for line in shown] == ["done"]
    assistant("ask", "Again", "-s", "alice", **data)


def test_four_processes_on_one_session_lose_nothing(assistant_process: Run, assistant_here: Run) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda i: assistant_process("ask", f"question {i}", "-s", "alice"), range(4)))
    assert [process.returncode for process in done] == [0] * 4
    shown = [json.loads(line) for line in assistant_here("sessions", "show", "alice", "--json").stdout.splitlines()]
    assert sorted(turn["user_text"] for turn in shown) == [f"question {i}" for i in range(4)]
    assert {turn["status"] for turn in shown} == {"done"}
