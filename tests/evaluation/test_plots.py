from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image

from assistant.evaluation.plots import draw_plots
from assistant.evaluation.score import Bin, Figure, Score, share
from assistant.evaluation.vision import TaskResult, VisionReport


def report() -> VisionReport:
    named = Score((share("right", [True, False]), Figure("ECE", 0.1)), bins=(Bin(3, 0.4, 0.5), Bin(2, 0.9, 1.0)))
    closed = Score((share("accuracy", [True]),), {"presence": {"yes": {"yes": 3, "?": 1}, "no": {}}})
    free = Score((Figure("CIDEr-D", 1.7),))
    results = [
        TaskResult(task, x, 2, score) for task, score in (("naming", named), ("presence", closed), ("captions", free)) for x in "ab"
    ]
    return VisionReport("model", tuple(results), (), 1.0)


def test_there_is_a_picture_of_the_tasks_of_reliability_and_of_closed_answers(tmp_path: Path) -> None:
    drawn = draw_plots(report(), tmp_path / "plots")
    assert [path.name for path in drawn] == ["tasks.png", "naming-reliability.png", "presence-answers.png"]
    for path in drawn:
        with PIL.Image.open(path) as picture:
            assert picture.format == "PNG"
            assert len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 5
    with PIL.Image.open(drawn[0]) as all_tasks, PIL.Image.open(drawn[1]) as two_conditions:
        assert all_tasks.width * 2 == two_conditions.width * 3
