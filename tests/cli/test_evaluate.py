import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import PIL.Image

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def test_ones_own_cases_are_judged(assistant: Run, tmp_path: Path) -> None:
    cases = [
        {"name": "cat", "category": "context", "turns": ["What is it?"], "must": ["cat"]},
        {"name": "dog", "category": "unknown", "turns": ["Who?"], "must": ["dog"]},
    ]
    (tmp_path / "cases.jsonl").write_text("\n".join(map(json.dumps, cases)))
    result = json.loads(assistant("eval", "chat", "--data", tmp_path / "cases.jsonl", "--json").stdout)
    assert [answer["passed"] for answer in result["answers"]] == [True, False]
    assert b"WRONG" in assistant("eval", "chat", "--data", tmp_path / "cases.jsonl", "--verbose").stdout
    assert not (tmp_path / "data").exists()


def test_a_folder_of_data_holds_the_cases_or_the_sentences(assistant: Run, tmp_path: Path) -> None:
    (tmp_path / "chat.jsonl").write_text('{"name": "cat", "category": "context", "turns": ["What?"], "must": ["cat"]}')
    result = json.loads(assistant("eval", "chat", "--data", tmp_path, "--json").stdout)
    assert [answer["passed"] for answer in result["answers"]] == [True]
    rows = [{"text": text, "heard": "What is this?", "language": "en"} for text in ("What is this?", "What is that?")]
    (tmp_path / "sentences.jsonl").write_text("\n".join(map(json.dumps, rows)))
    voice = json.loads(assistant("eval", "voice", "--data", tmp_path, "--json").stdout)
    assert (voice["error_rate"], len(voice["sentences"])) == (0.0, 2)


def test_ones_own_photos_are_named(assistant: Run, tmp_path: Path) -> None:
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "tench.png")
    (tmp_path / "manifest.jsonl").write_text('{"path": "tench.png", "class_index": 0}')
    result = json.loads(assistant("eval", "vision", "--data", tmp_path, "--json").stdout)
    assert result["photos"] == [{"path": "tench.png", "name": "tench", "reported": ["cat"]}]
    assert (result["named"], result["first_right"], result["baseline"]) == (1.0, 0.0, 1.0)
    assert b"WRONG tench.png: tench -> cat" in assistant("eval", "vision", "--data", tmp_path, "--verbose").stdout
