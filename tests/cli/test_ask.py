import errno
import json
import os
import subprocess
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest

from assistant.cli.ask import save
from assistant.errors import AssistantError, FileMissingError, StorageFullError
from assistant.types import Audio

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def question(tmp_path: Path) -> Path:
    return Audio(np.zeros(16_000, np.float32), 16_000).save(tmp_path / "question.wav")


def test_one_object_holds_all_there_is_to_know_of_a_turn(assistant: Run, question: Path, tmp_path: Path) -> None:
    done = assistant("ask", "--audio", question, "--session", "alice", "--speak", tmp_path / "reply.wav", "--json")
    answer = json.loads(done.stdout)
    assert list(answer) == [
        "session_id",
        "turn_id",
        "transcript",
        "text",
        "language",
        "audio_path",
        "evidence",
        "usage",
        "timings_ms",
    ]
    assert (answer["session_id"], answer["transcript"], answer["text"]) == ("alice", "What is this?", "It is a cat.")
    assert set(answer["timings_ms"]) == {"transcribe", "first_token", "first_audio", "total"}
    with wave.open(answer["audio_path"]) as reader:
        assert reader.getnframes() > 1000


def test_what_is_piped_in_goes_before_what_is_typed(assistant: Run) -> None:
    assistant("ask", "-s", "alice", "What is it?", stdin=b"A letter.\n")
    shown = assistant("sessions", "show", "alice", "--json")
    assert json.loads(shown.stdout)["user_text"] == "A letter.\nWhat is it?"


def test_a_session_goes_on(assistant: Run) -> None:
    assistant("ask", "one", "-s", "alice")
    assert b"It is a cat." in assistant("ask", "-c", "two").stdout
    assert len(assistant("sessions", "show", "alice", "--json").stdout.splitlines()) == 2


def test_details_are_printed_for_people(assistant: Run, question: Path) -> None:
    text = assistant("ask", "--details", "--audio", question).stdout.decode()
    assert all(word in text for word in ("transcript", "reply", "tokens", "timings"))


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        (("ask",), b"", 1, b"empty_turn"),
        (("ask",), b"\xff\xfe", 1, b"invalid_text: standard input is not UTF-8 at byte 0"),
        (("ask", b"\xff"), b"", 1, b"invalid_text"),
        (("ask", "-a", "no-such.png", "hi"), b"", 1, b"file_not_found"),
        (("ask", "-a", "what.xyz", "hi"), b"", 1, b"unsupported_media"),
        (("ask", "--no-such-option"), b"", 2, b"No such option"),
        (("ask", "hi", "--speak", "/no/such/folder/x.wav"), b"", 1, b"file_not_found"),
        (("ask", "hi", "--speak", "/"), b"", 1, b"file_not_found"),
        (("ask",), b"x" * (4 * 32_768 + 1), 1, b"text_too_long"),
        (("transcribe", "no-such.wav"), b"", 1, b"file_not_found"),
        (("say", "..."), b"", 1, b"invalid_input"),
        (("sessions", "show", "nobody"), b"", 1, b"not_found"),
    ],
)
def test_an_error_is_one_line_with_a_code_and_no_traceback(
    assistant: Run, arguments: tuple[str, ...], stdin: bytes, code: int, message: bytes
) -> None:
    done = assistant(*arguments, stdin=stdin, check=False)
    assert done.returncode == code
    assert message in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_recording_that_cannot_be_read_does_not_stop_the_others(assistant: Run, question: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    done = assistant("transcribe", broken, question, "--json", check=False)
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == 1
    assert first["error"]["code"] in ("unreadable_media", "unsupported_media")
    assert second == {"path": str(question), "text": "What is this?", "language": "en", "duration_s": 1.0, "segments": []}


def test_a_text_is_spoken_to_a_file(assistant: Run, tmp_path: Path) -> None:
    done = assistant("say", "Hello there", "-o", tmp_path / "hello.wav", "--json")
    assert json.loads(done.stdout)["duration_s"] > 0.3
    assert (tmp_path / "hello.wav").exists()


def test_python_dash_m_is_the_same_program(assistant_process: Run) -> None:
    assert assistant_process("--version").stdout.startswith(b"assistant, version ")
    assert assistant_process("ask", stdin="¿Qué es?\n".encode()).stdout == b"It is a cat.\n"
    refused = assistant_process("ask", b"\xff", check=False)
    assert (refused.returncode, refused.stdout, refused.stderr.splitlines()[0].split(b":")[0]) == (1, b"", b"invalid_text")
    assert b"Traceback" not in refused.stderr


SILENCE = Audio(np.zeros(1600, np.float32), 16_000)


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, StorageFullError), (errno.EDQUOT, StorageFullError), (errno.EIO, FileMissingError)]
)
def test_an_old_file_stays_as_it_was_when_the_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[AssistantError]
) -> None:
    old = tmp_path / "old.wav"
    old.write_bytes(b"old")

    def fail(path: Path, data: bytes) -> int:
        path.open("wb").close()
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(kind, match=r"old\.wav"):
        save(SILENCE, str(old))
    assert old.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [old]


def test_a_folder_or_a_write_protected_file_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileMissingError, match="cannot write"):
        save(SILENCE, str(tmp_path))
    kept = tmp_path / "kept.wav"
    kept.write_bytes(b"kept")
    kept.chmod(0o444)
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # whoever runs the tests as root may write anything
    with pytest.raises(FileMissingError, match="write-protected"):
        save(SILENCE, str(kept))
    assert kept.read_bytes() == b"kept"


def test_a_file_is_replaced_and_keeps_its_rights(tmp_path: Path) -> None:
    old = tmp_path / "old.wav"
    old.write_bytes(b"old")
    old.chmod(0o640)
    assert save(SILENCE, str(old)) == old
    assert (old.stat().st_mode & 0o777, old.read_bytes()[:4]) == (0o640, b"RIFF")
    assert list(tmp_path.iterdir()) == [old]


def test_a_file_whose_name_is_not_utf8_is_transcribed(assistant: Run, tmp_path: Path) -> None:
    name = os.path.join(os.fsencode(tmp_path), b"\xff.wav")
    with open(name, "wb") as file:
        file.write(SILENCE.to_wav())
    done = assistant("transcribe", name, "--json")
    assert json.loads(done.stdout)["path"].endswith("?.wav")


def test_more_sound_than_is_accepted_is_not_read_from_the_pipe(assistant: Run, tmp_path: Path) -> None:
    (tmp_path / "assistant.toml").write_text("[limits]\naudio_bytes = 100\n")
    done = assistant("transcribe", "-", stdin=SILENCE.to_wav(), check=False)
    assert (done.returncode, b"media_too_large" in done.stderr) == (1, True)


@pytest.mark.parametrize(("name", "codec"), [("note.webm", "libopus"), ("note.mp4", "aac")])
def test_a_recording_in_a_container_of_clips_is_a_recording(assistant: Run, tmp_path: Path, name: str, codec: str) -> None:
    with av.open(tmp_path / name, "w") as container:
        stream = cast(Any, container.add_stream(codec, rate=48_000, layout="mono"))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 48_000
        for part in (frame, None):
            container.mux(stream.encode(part))
    answer = json.loads(assistant("ask", "-a", name, "--json").stdout)
    assert (answer["transcript"], answer["evidence"]) == ("What is this?", [])


def test_a_clip_that_is_attached_is_watched(assistant: Run, tmp_path: Path) -> None:
    with av.open(tmp_path / "clip.mp4", "w") as container:
        stream = cast(Any, container.add_stream("mpeg4", rate=5))
        stream.width = stream.height = 32
        for still in (av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8)), None):
            container.mux(stream.encode(still))
    answer = json.loads(assistant("ask", "-a", "clip.mp4", "What is it?", "--json").stdout)
    assert len(answer["evidence"]) == 1
