from __future__ import annotations

import json
from pathlib import Path

import PIL.Image
import pytest

from assistant.errors import ConfigError, FileMissingError
from assistant.evaluation.vision import evaluate_vision
from assistant.testing import ScriptedVision

TENCH, GOLDFISH = 0, 1


def written(folder: Path, classes: list[object]) -> Path:
    """A manifest of pictures of these classes, each of another colour."""
    for number in range(len(classes)):
        PIL.Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    rows = [{"path": f"{number}.png", "class_index": index} for number, index in enumerate(classes)]
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


async def test_the_shares_stand_beside_the_commonest_name(tmp_path: Path) -> None:
    result = await evaluate_vision(ScriptedVision("tench"), written(tmp_path, [TENCH, GOLDFISH, GOLDFISH, GOLDFISH]))
    assert (result.named, result.first_right, result.any_right, result.right_of_named) == (1.0, 0.25, 0.25, 0.25)
    assert result.baseline == 0.75
    assert "WRONG 1.png: goldfish -> tench" in result.table(verbose=True)
    assert "WRONG" not in result.table()


async def test_a_folder_without_a_manifest_or_its_photos_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match=r"manifest\.jsonl"):
        await evaluate_vision(ScriptedVision(), tmp_path)
    (written(tmp_path, [TENCH]) / "0.png").unlink()
    with pytest.raises(FileMissingError, match=r"0\.png"):
        await evaluate_vision(ScriptedVision(), tmp_path)


@pytest.mark.parametrize("index", [-1, 1000, "tench", None])
async def test_a_class_that_imagenet_does_not_have_is_named_with_its_line(tmp_path: Path, index: object) -> None:
    with pytest.raises(ConfigError, match="line 2 of .*class_index"):
        await evaluate_vision(ScriptedVision(), written(tmp_path, [TENCH, index]))
