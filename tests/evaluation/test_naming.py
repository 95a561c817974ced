from __future__ import annotations

import json
from pathlib import Path

import PIL.Image
import pytest

from assistant.errors import ConfigError
from assistant.evaluation.naming import Photo, class_names, load_photos, naming, says
from assistant.evaluation.task import Said, Sampling
from assistant.training.data_store import DataStore
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


def figures(photos: list[Photo], names: list[tuple[str, ...]], replies: list[str]) -> dict[str, float]:
    return {x.name: x.value for x in naming(photos, names).judge([Said(reply) for reply in replies]).figures}


def test_synonyms_are_right_and_the_last_word_is_right_when_relaxed(tmp_path: Path) -> None:
    photos = load_photos(written(tmp_path, [0, 1, 2, 3]), TinyEncoder())
    names = [("cat", "house cat"), ("dog", "hound"), ("great white shark",), ("sea lion",)]
    got = figures(photos, names, ["A cat.", "Two hounds", "A shark", "A boat"])
    assert (got["right"], got["relaxed"]) == (0.5, 0.75)


def test_agreement_is_with_the_encoders_own_name_whatever_the_label(tmp_path: Path) -> None:
    encoder = TinyEncoder()
    photos = load_photos(written(tmp_path, [0, 1, 2, 3]), encoder)
    names = class_names(encoder, None)
    assert names == [(name,) for name in NAMES]
    got = figures(photos, names, [f"It is a {NAMES[photo.named]}" for photo in photos])
    assert (got["agrees"], got["where sure"]) == (1.0, 1.0 if any(x.posterior_K.max() > 0.5 for x in photos) else 0.0)
    assert got["right"] == got["encoder right"] == sum(photo.named == photo.label for photo in photos) / 4


def test_the_confidence_of_the_name_that_was_said_is_held_against_whether_it_is_right(tmp_path: Path) -> None:
    photos = load_photos(written(tmp_path, [0]), TinyEncoder())
    score = naming(photos, class_names(TinyEncoder(), None)).judge([Said("A dog")])
    assert [(x.cases, x.right) for x in score.bins] == [(1, 0.0)]
    assert score.figures[-1].value == pytest.approx(float(photos[0].posterior_K[1]))
    assert naming(photos, [("cat",)] * 4).judge([Said("I do not know")]).bins == ()


def test_some_photos_are_chosen_evenly(tmp_path: Path) -> None:
    photos = load_photos(written(tmp_path, [0, 1, 2, 3]), TinyEncoder(), Sampling(limit=2))
    assert [photo.path for photo in photos] == ["0.png", "2.png"]
    assert [x.right for x in naming(photos, class_names(TinyEncoder(), None)).questions] == [("cat",), ("great white shark",)]


def test_a_class_that_the_encoder_does_not_have_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="line 2 of .*class_index"):
        load_photos(written(tmp_path, [0, 4]), TinyEncoder())


def test_without_the_nouns_a_class_has_its_own_name_only(tmp_path: Path) -> None:
    assert class_names(TinyEncoder(), DataStore(tmp_path)) == [(name,) for name in NAMES]
