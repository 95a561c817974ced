import json
import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def test_lines_are_answered_in_one_session(assistant: Run) -> None:
    done = assistant("chat", "-s", "alice", stdin=b"Hello\nAnd now?\n")
    assert done.stdout.decode().splitlines() == ["It is a cat.", "A cat, as I said."]
    assert len(assistant("sessions", "show", "alice", "--json").stdout.splitlines()) == 2


def test_a_line_that_cannot_be_answered_does_not_end_the_chat(assistant: Run) -> None:
    done = assistant("chat", stdin=b"/image no-such.png\n\xff\n/nonsense\nHello\n/quit\nnever read\n")
    assert done.stdout.decode().splitlines() == ["It is a cat."]
    assert done.stderr.count(b"\n") >= 3
    assert b"file_not_found" in done.stderr
    assert b"invalid_text" in done.stderr
    assert b"there is no command /nonsense" in done.stderr


def test_pictures_stay_when_the_turn_fails(assistant: Run, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    (tmp_path / "x.wav").write_bytes(b"RIFF")
    done = assistant("chat", "-s", "alice", stdin=b"/image x.png\n/audio x.wav\nWhat is it?\nAnd now?\n")
    assert b"the pictures stay" in done.stderr
    assert done.stderr.count(b"seen: ") == 1
    turns = map(json.loads, assistant("sessions", "show", "alice", "--json").stdout.splitlines())
    assert [len(turn["evidence"]) for turn in turns] == [1, 0]


def test_a_new_session_is_another_one(assistant: Run) -> None:
    assistant("chat", stdin=b"Hello\nAgain\n/new\nHello\n")
    rows = [json.loads(line) for line in assistant("sessions", "list", "--json").stdout.splitlines()]
    assert [row["turns"] for row in rows] == [1, 2]


def test_spoken_replies_are_written_where_they_are_named(assistant: Run) -> None:
    done = assistant("chat", stdin=b"/speak\nHello\n")
    path = Path(done.stderr.decode().split("spoken reply: ")[1].splitlines()[0])
    assert path.stat().st_size > 1000
    path.unlink()


def test_ctrl_c_stops_the_reply_and_not_the_chat_or_its_session(assistant_here: Run, tmp_path: Path) -> None:
    engines = {
        "ASSISTANT_VISION__ENGINE": "assistant.testing:vision",
        "ASSISTANT_RECOGNIZER__ENGINE": "none:such",
        "ASSISTANT_SYNTHESIZER__ENGINE": "none:such",
        "ASSISTANT_LANGUAGE_MODEL__ENGINE": "slow_model:build",
        "ASSISTANT_DATA_DIR": str(tmp_path / "data"),
        "PYTHONPATH": str(tmp_path),
    }
    (tmp_path / "slow_model.py").write_text(
        "from assistant.testing import ScriptedLanguageModel\n"
        "def build(settings):\n"
        "    return ScriptedLanguageModel(['one two three ' * 200, 'Fine.'], pause_s=0.05)\n"
    )
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "assistant", "chat"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, **engines, "TERM": "dumb"},
        start_new_session=True,
    )
    os.close(terminal)
    seen = b""

    def read_until(words: bytes) -> None:
        nonlocal seen
        while words not in seen:
            assert select.select([controller], [], [], 30)[0], f"{words!r} did not come; the end was {seen[-200:]!r}"
            seen += os.read(controller, 4096)
        seen = seen.split(words, 1)[1]

    try:
        read_until(b"> ")
        os.write(controller, b"Count\n")
        read_until(b"two three")
        process.send_signal(signal.SIGINT)
        read_until(b"(stopped)")
        read_until(b"> ")
        os.write(controller, b"Are you there?\n")
        read_until(b"Fine.")
        os.write(controller, b"/quit\n")
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(controller)
    (row,) = map(json.loads, assistant_here("sessions", "list", "--json").stdout.splitlines())
    assert row["turns"] == 2
