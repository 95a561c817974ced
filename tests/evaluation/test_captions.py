from __future__ import annotations

import json
from pathlib import Path

import PIL.Image
import pytest

from assistant.errors import ConfigError
from assistant.evaluation.captions import captions, objects_named
from assistant.evaluation.task import Said


def written(folder: Path, **change: object) -> Path:
    PIL.Image.new("RGB", (8, 8)).save(folder / "a.png")
    row = {"path": "a.png", "captions": ["A man and his dog"], "objects": {"person": 1, "dog": 1}, "crowd": ["chair"]} | change
    (folder / "manifest.jsonl").write_text(json.dumps(row))
    return folder


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Two women on a sofa watch television.", {"person", "couch", "tv"}),
        ("A hot dog and a teddy bear", {"hot dog", "teddy bear"}),
        ("A hot dog for the dogs", {"hot dog", "dog"}),
        ("Dining tables", {"dining table"}),
        ("A catalogue", set()),
    ],
)
def test_the_kinds_that_a_caption_speaks_of(text: str, kinds: set[str]) -> None:
    assert objects_named(text) == kinds


def test_objects_that_are_there_are_true_and_crowds_need_not_be_named(tmp_path: Path) -> None:
    score = captions(written(tmp_path)).judge([Said("A man, a chair and a car")])
    got = {figure.name: figure for figure in score.figures}
    assert got["objects true"].value == pytest.approx(2 / 3)
    assert got["objects true"].cases == 3
    assert (got["objects found"].value, got["objects found"].cases) == (0.5, 2)
    assert got["ROUGE-L"].value > 0


@pytest.mark.parametrize("change", [{"captions": []}, {"captions": "A dog"}, {"objects": {"unicorn": 1}}, {"path": None}])
def test_a_row_that_is_no_described_photo_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="line 1 of"):
        captions(written(tmp_path, **change))
