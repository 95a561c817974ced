import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import PIL.Image

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def test_a_stored_turn_is_explained_and_drawn(assistant: Run, tmp_path: Path) -> None:
    PIL.Image.new("RGB", (40, 30), "red").save(tmp_path / "photo.png")
    asked = json.loads(assistant("ask", "What is this?", "-a", "photo.png", "-s", "alice", "--json").stdout)
    told = assistant("explain", asked["turn_id"][:8], "-o", "why.png").stdout.decode().splitlines()
    assert told[:2] == ["> What is this?", "It is a cat."]
    assert told[-1] == "drawn: why.png"
    with PIL.Image.open(tmp_path / "why.png") as drawn:
        assert drawn.width > 1000
    numbers = json.loads(assistant("explain", asked["turn_id"], "--grid", "2", "--json").stdout)
    assert numbers["turn"]["session_id"] == "alice"
    assert numbers["occlusion"] == [[[0.0, 0.0], [0.0, 0.0]]]
    assert numbers["without"] == {"notes": 0.0}


def test_a_turn_without_a_picture_says_so(assistant: Run) -> None:
    asked = json.loads(assistant("ask", "Hello", "--json").stdout)
    assert "The turn has no picture." in assistant("explain", asked["turn_id"]).stdout.decode()


def test_what_cannot_be_explained_or_written_is_told(assistant: Run, tmp_path: Path) -> None:
    unknown = assistant("explain", "nothing", check=False)
    assert unknown.returncode == 1
    assert b"not_found: there is no turn that begins with 'nothing'" in unknown.stderr
    asked = json.loads(assistant("ask", "Hello", "--json").stdout)
    unwritable = assistant("explain", asked["turn_id"], "-o", tmp_path / "no" / "why.png", check=False)
    assert b"file_not_found" in unwritable.stderr
