from __future__ import annotations

import json
from pathlib import Path

import PIL.Image
import pytest

from assistant.errors import ConfigError
from assistant.evaluation.naming import evaluate_naming, load_photos, says
from tests.evaluation.scripted_sight import ScriptedSight
from tests.vision.tiny_vision import NAMES, TinyEncoder


def written(folder: Path, classes: list[object]) -> Path:
    for i in range(len(classes)):
        PIL.Image.new("RGB", (8, 8), (60 * i, 90, 255 - 60 * i)).save(folder / f"{i}.png")
    rows = [{"path": f"{i}.png", "class_index": index} for i, index in enumerate(classes)]
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


@pytest.mark.parametrize(
    ("reply", "name", "said"),
    [
        ("It is a Great White Shark!", "great white shark", True),
        ("Two sea-lions.", "sea lion", True),
        ("Three boxes", "box", True),
        ("a catalogue", "cat", False),
        ("a white shark", "great white shark", False),
        ("", "cat", False),
    ],
)
def test_a_reply_says_a_name_to_the_letter(reply: str, name: str, said: bool) -> None:
    assert says(reply, name) is said


async def test_what_is_right_blind_or_of_another_photo_stands_beside(tmp_path: Path) -> None:
    photos = load_photos(written(tmp_path, [0, 1, 2, 3]), TinyEncoder())
    labels = {photo.image.sha256: photo.label for photo in photos}
    result = await evaluate_naming(ScriptedSight(lambda shown, _: f"A {labels.get(shown, NAMES[0])}."), photos)
    right = {score.condition: score.right for score in result.scores}
    assert right == {"picture": 1.0, "blind": 0.25, "shuffled": 0.0}
    agreed = sum(photo.label == photo.named for photo in photos) / 4
    assert result.encoder_right == agreed == result.scores[0].agrees
    assert len(result.table().splitlines()) == 5


async def test_wrong_replies_are_listed_when_asked_for(tmp_path: Path) -> None:
    photos = load_photos(written(tmp_path, [1, 1]), TinyEncoder(), every=2)
    result = await evaluate_naming(ScriptedSight(lambda shown, question: "A boat."), photos, conditions=["picture"])
    assert "WRONG 0.png: dog" in result.table(verbose=True)
    assert len(photos) == 1


def test_a_class_that_the_encoder_does_not_have_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2 of .*class_index"):
        load_photos(written(tmp_path, [0, 4]), TinyEncoder())
