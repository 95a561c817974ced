import json
from pathlib import Path

import PIL.Image
import pytest

from assistant.errors import ConfigError
from assistant.evaluation.search import evaluate_search, load_captions
from assistant.testing import ScriptedVision
from assistant.types import Evidence, Image, Label, Sight


class Colours(ScriptedVision):
    """Tells red from blue."""

    async def encode(self, image: Image) -> Sight:
        name = "red" if image.pixels_HWC[0, 0, 0] > 128 else "blue"
        return Sight(Evidence(image.width_px, image.height_px, colours=(Label(name, 1.0),)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = []
    for colour in ("red", "blue"):
        PIL.Image.new("RGB", (4, 4), colour).save(tmp_path / f"{colour}.png")
        rows.append({"path": f"{colour}.png", "captions": [f"something {colour}", "nothing that is known"]})
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


async def test_a_captions_picture_is_looked_for_among_all(folder: Path) -> None:
    result = await evaluate_search(Colours(), load_captions(folder), folder)
    assert [(found.caption, found.place) for found in result.captions] == [
        ("something red", 1),
        ("nothing that is known", 1.5),
        ("something blue", 1),
        ("nothing that is known", 1.5),
    ]
    assert result.table().splitlines() == [
        "4 captions, 2 pictures",
        "             found  chance",
        "recall@1     50.0%   50.0%",
        "recall@5    100.0%  100.0%",
    ]
    assert result.table(verbose=True).count("PLACE 1.5") == 2


def test_pairs_that_do_not_match_are_left_out(tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"path": "a.jpg", "text": "A dog.", "match": true}\n{"path": "a.jpg", "text": "A cat.", "match": false}\n')
    assert load_captions(pairs) == [("A dog.", "a.jpg")]
    pairs.write_text('{"path": "a.jpg", "text": "A cat.", "match": false}\n')
    with pytest.raises(ConfigError, match="no caption"):
        load_captions(pairs)
    pairs.write_text('{"path": "a.jpg", "captions": "A dog."}\n')
    with pytest.raises(ConfigError, match="line 1"):
        load_captions(pairs)
