import json
import subprocess
from collections.abc import Callable
from pathlib import Path

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
