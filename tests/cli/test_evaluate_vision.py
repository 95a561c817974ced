import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import PIL.Image

from assistant.vision.connector_file import describe, save_connector
from assistant.vision.connector_kinds import build_connector
from tests.vision.tiny_vision import TinyEncoder, TinyWords

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


def tiny_connector(path: Path, kind: str = "mlp") -> Path:
    """A file of a connector of no use."""
    connector = build_connector(kind, TinyEncoder(), TinyWords())
    save_connector(path, connector, describe(kind, {}, connector, TinyEncoder(), TinyWords()))
    return path


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


def test_the_untouched_model_is_asked_whatever_is_set_for_the_one_that_sees(assistant_here: Run) -> None:
    engine = "tests.evaluation.scripted_sight:language_model"
    for way in ("early", "hybrid"):
        ran = assistant_here(
            "eval",
            "vision",
            "--task",
            "text",
            "--limit",
            "2",
            ASSISTANT_LANGUAGE_MODEL__ENGINE=engine,
            ASSISTANT_VISION__FUSION=way,
        )
        assert b"text only (2)" in ran.stdout


def test_a_model_that_does_not_see_is_fused_late_only(assistant: Run, tmp_path: Path) -> None:
    rows = json.loads(assistant("eval", "fusion", "--limit", "6", "--json", "-").stdout)["rows"]
    assert {row["name"]: row["missing"] for row in rows} == {
        "early": "scripted takes no pictures",
        "late": "",
        "hybrid": "scripted takes no pictures",
        "cross_attention": "name a file that was trained for it, --connector cross_attention=FILE",
        "co_attention": "name a file that was trained for it, --connector co_attention=FILE",
    }
    assert "scenes" in rows[1]["right"]
    assert b"early is not available: scripted" in assistant("eval", "fusion", "--limit", "6").stdout


def test_a_file_that_is_no_connector_or_of_another_kind_is_refused_before_anything_is_measured(
    assistant: Run, tmp_path: Path
) -> None:
    file = tiny_connector(tmp_path / "mlp.safetensors")
    for named, told in (
        (f"co_attention={file}", b"does not serve vision.fusion 'co_attention'"),
        (f"early={tmp_path / 'none'}", b"there is no connector"),
        (f"late={file}", b"WAY=FILE"),
        (str(file), b"WAY=FILE"),
    ):
        refused = assistant("eval", "fusion", "--connector", named, check=False)
        assert refused.returncode and told in refused.stderr


def test_connectors_of_a_model_that_takes_none_are_not_available(assistant: Run, tmp_path: Path) -> None:
    files = [tiny_connector(tmp_path / f"{kind}.safetensors", kind) for kind in ("mlp", "co_attention")]
    told = assistant("eval", "connectors", *files, "--limit", "6").stdout
    assert b"mlp is not available: scripted takes no pictures" in told
    assert b"co_attention is not available" in told
