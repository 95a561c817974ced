import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import PIL.Image

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def written(folder: Path) -> Path:
    """Questions about one picture."""
    (folder / "vqa").mkdir(parents=True)
    PIL.Image.new("RGB", (8, 8)).save(folder / "vqa" / "a.png")
    rows = [
        {"path": "a.png", "question": "Is there a cat?", "answer": "yes", "type": "presence"},
        {"path": "a.png", "question": "what is it", "answers": ["cat"]},
    ]
    (folder / "vqa" / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_ones_own_questions_are_asked_and_what_is_missing_is_said(assistant: Run, tmp_path: Path) -> None:
    data = written(tmp_path / "data")
    tasks = [word for name in ("vqa", "ocr", "count", "text") for word in ("--task", name)]
    ran = assistant("eval", "vision", "--data", data, *tasks, "--json", "-", "--replies", tmp_path / "replies.jsonl")
    report = json.loads(ran.stdout)
    first = {result["condition"]: result["score"]["figures"][0] for result in report["results"]}
    assert {name: figure["value"] for name, figure in first.items()} == {"evidence": 1.0, "blind": 1.0, "shuffled": 1.0}
    assert report["text"] is None
    assert len((tmp_path / "replies.jsonl").read_text().splitlines()) == 3
    for line in (b"ocr is left out: there is no folder", b"tokens is left out: scripted has no connector", b"text is left out"):
        assert line in ran.stderr


def test_a_table_is_printed_beside_files_of_json_and_plots(assistant: Run, tmp_path: Path) -> None:
    words = (
        "--task",
        "scenes",
        "--limit",
        "6",
        "--condition",
        "blind",
        "--json",
        tmp_path / "r.json",
        "--plots",
        tmp_path / "plots",
    )
    table = assistant("eval", "vision", *words).stdout.decode()
    assert "scenes (6)" in table
    assert json.loads((tmp_path / "r.json").read_text())["results"][0]["condition"] == "blind"
    assert (tmp_path / "plots" / "scenes-colour-answers.png").is_file()


def test_a_model_that_does_not_see_is_fused_late_only(assistant: Run, tmp_path: Path) -> None:
    rows = json.loads(assistant("eval", "fusion", "--limit", "6", "--json", "-").stdout)["rows"]
    assert {row["name"]: row["available"] for row in rows} == {
        "early": False,
        "late": True,
        "hybrid": False,
        "cross_attention": False,
        "co_attention": False,
    }
    assert "scenes" in rows[1]["right"]
    assert b"not available" in assistant("eval", "fusion", "--limit", "6").stdout


def test_connectors_of_a_model_that_takes_none_are_not_available(assistant: Run, tmp_path: Path) -> None:
    (tmp_path / "mlp.safetensors").write_bytes(b"")
    assert b"not available" in assistant("eval", "connectors", tmp_path / "mlp.safetensors", "--limit", "6").stdout
