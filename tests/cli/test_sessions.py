import json
import subprocess
from collections.abc import Callable

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def test_sessions_are_listed_shown_and_forgotten(assistant: Run) -> None:
    assistant("ask", "Hello", "-s", "alice")
    (row,) = [json.loads(line) for line in assistant("sessions", "list", "--json").stdout.splitlines()]
    assert (row["session_id"], row["turns"], row["title"]) == ("alice", 1, "Hello")
    assert assistant("sessions", "show", "alice").stdout.decode().splitlines() == ["> Hello", "It is a cat."]
    assert b"forgot alice" in assistant("sessions", "delete", "-y", "alice").stdout
    assert assistant("sessions", "list").stdout == b""


def test_nothing_is_forgotten_without_a_yes(assistant: Run) -> None:
    assistant("ask", "Hello", "-s", "alice")
    assert assistant("sessions", "delete", "alice", stdin=b"n\n", check=False).returncode == 130
    assert b"alice" in assistant("sessions", "list").stdout
