from __future__ import annotations

import json
from pathlib import Path

from PIL import Image as Pillow

from assistant.training.curves import draw_curves, read_log


def test_a_log_becomes_a_picture_and_what_was_cut_off_is_left_out(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"step": step, "loss": 2 / step} for step in range(1, 60)]
    rows += [{"step": 59, "scores": {"count": 0.5, "macro": 0.4}}]
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(map(json.dumps, rows)) + '\n{"step": 60, "lo')
    assert len(read_log(log)) == 60
    draw_curves(log, tmp_path / "curves.png")
    with Pillow.open(tmp_path / "curves.png") as both:
        assert both.size == (960, 640) and len(both.getcolors(1 << 16) or []) > 5
    log.write_text("")
    draw_curves(log, tmp_path / "curves.png")
    with Pillow.open(tmp_path / "curves.png") as empty:
        assert empty.size == (960, 320)
