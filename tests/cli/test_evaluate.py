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
