import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import PIL.Image

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def show(assistant: Run, folder: Path, colour: str, words: str, session: str) -> None:
    PIL.Image.new("RGB", (8, 6), colour).save(folder / f"{colour}.png")
    assistant("ask", words, "-a", f"{colour}.png", "-s", session)


def test_pictures_are_found_by_words_with_the_turn_that_showed_them(assistant: Run, tmp_path: Path) -> None:
    show(assistant, tmp_path, "red", "What is this?", "alice")
    show(assistant, tmp_path, "blue", "My garden in spring.", "bob")
    lines = assistant("search", "animals", "--json").stdout.splitlines()
    assert {json.loads(line)["picture"]["session_id"] for line in lines} == {"alice", "bob"}
    (garden,) = [json.loads(line) for line in assistant("search", "the", "garden", "--json").stdout.splitlines()]
    assert garden["picture"]["session_id"] == "bob"
    assert Path(garden["picture"]["path"]).is_file()
    (turn,) = [json.loads(line) for line in assistant("sessions", "show", "bob", "--json").stdout.splitlines()]
    assert garden["picture"]["turn_id"] == turn["turn_id"]
    first = assistant("search", "cat", "-n", "1", "-s", "alice").stdout.decode().splitlines()[0]
    assert "alice" in first
    assert first.endswith("cat, said: What is this? It is a cat.")


def test_what_is_not_there_is_not_found(assistant: Run, tmp_path: Path) -> None:
    show(assistant, tmp_path, "red", "What is this?", "alice")
    nothing = assistant("search", "submarine")
    assert (nothing.stdout, nothing.stderr) == (b"", b"nothing was found\n")
    assert assistant("search", "cat", "-s", "nobody").stdout == b""


def test_nothing_cannot_be_searched_for(assistant: Run) -> None:
    refused = assistant("search", check=False)
    assert refused.returncode == 1
    assert b"invalid_input: nothing is searched for\nhint: give words or a picture" in refused.stderr
