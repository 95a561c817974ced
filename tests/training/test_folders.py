"""A user's own photos."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from assistant.errors import ConfigError
from assistant.training.folders import FolderSource
from assistant.training.sample import Sample

CAPTION = "A cat on a\n mat."


def samples(source: FolderSource) -> list[Sample]:
    return [source.sample(number, seed=0, split=split) for split in ("train", "held-out") for number in range(30)]


def test_flickr_captions(photos: Path) -> None:
    rows = "".join(f"{number:03}.jpg,A dog.\n{number:03}.jpg,A brown dog.\n" for number in range(12))
    (photos / "captions.txt").write_text("image,caption\n" + rows)
    source = FolderSource(photos)
    assert len(source) == 12
    assert {x.answer for sample in samples(source) for x in sample.exchanges} == {"A dog.", "A brown dog."}


def test_flickr_token_files(photos: Path) -> None:
    (photos / "Flickr8k.token.txt").write_text("".join(f"{number:03}.jpg#0\tA dog runs\n" for number in range(12)))
    assert {x.answer for sample in samples(FolderSource(photos)) for x in sample.exchanges} == {"A dog runs."}


def coco(photos: Path, *, crowd: int = 0) -> FolderSource:
    images = [{"id": n, "file_name": f"{n:03}.jpg", "width": 40, "height": 30} for n in range(12)]
    (photos / "annotations").mkdir()
    captions = {"images": images, "annotations": [{"image_id": n, "caption": CAPTION} for n in range(12)]}
    (photos / "annotations" / "captions_val.json").write_text(json.dumps(captions))
    boxes = [{"image_id": n, "category_id": 1, "bbox": [0, 0, 12, 10], "iscrowd": crowd} for n in range(12)]
    boxes += [{"image_id": n, "category_id": 1, "bbox": [28, 18, 12, 10], "iscrowd": 0} for n in range(12)]
    boxes += [{"image_id": n, "category_id": 2, "bbox": [0, 18, 10, 10], "iscrowd": 0} for n in range(12)]
    categories = [{"id": i, "name": name} for i, name in enumerate(("bus", "cat", "mouse"))]
    instances = {"images": images, "annotations": boxes, "categories": categories}
    (photos / "annotations" / "instances_val.json").write_text(json.dumps(instances))
    return FolderSource(photos)


def test_coco_captions_counts_and_places(photos: Path) -> None:
    asked = [x for sample in samples(coco(photos)) for x in sample.exchanges]
    assert {x.answer for x in asked if x.task == "caption"} == {"A cat on a mat."}
    assert "Two." in {x.answer for x in asked if x.task == "count" and "cats" in x.question}
    assert all(x.answer.startswith("No") for x in asked if x.task == "presence" and "bus" in x.question)
    assert all(x.answer.startswith("Yes") for x in asked if x.task == "presence" and "mouse" in x.question)
    assert {"count", "presence", "where", "caption"} <= {x.task for x in asked}


def test_a_crowd_is_not_counted_and_not_called_absent(photos: Path) -> None:
    asked = [x for sample in samples(coco(photos, crowd=1)) for x in sample.exchanges if x.task != "caption"]
    assert not any("cat" in x.question for x in asked)


def test_llava_conversations(photos: Path) -> None:
    rows = [
        {
            "id": str(n),
            "image": f"{n:03}.jpg",
            "conversations": [
                {"from": "human", "value": "<image>\nWhat is it?"},
                {"from": "gpt", "value": "A cat."},
                {"from": "human", "value": "Is it old?"},
                {"from": "gpt", "value": "I cannot tell."},
            ],
        }
        for n in range(12)
    ]
    (photos / "chat.json").write_text(json.dumps([*rows, {"id": "text", "conversations": []}]))
    made = samples(FolderSource(photos))
    assert all([x.question for x in sample.exchanges] == ["What is it?", "Is it old?"] for sample in made)


@pytest.mark.parametrize("absolute", [True, False])
def test_photos_outside_of_the_folder_are_refused(photos: Path, tmp_path_factory: pytest.TempPathFactory, absolute: bool) -> None:
    outside = Path(shutil.copy(photos / "000.jpg", tmp_path_factory.mktemp("outside")))
    name = str(outside) if absolute else os.path.relpath(outside, photos)
    rows = [{"image": name, "conversations": [{"from": "human", "value": "What?"}, {"from": "gpt", "value": "A cat."}]}]
    (photos / "chat.json").write_text(json.dumps(rows))
    with pytest.raises(ConfigError, match="outside of it"):
        FolderSource(photos)


def test_photos_are_held_out_by_their_names(photos: Path) -> None:
    (photos / "captions.txt").write_text("image,caption\n" + "".join(f"{number:03}.jpg,A dog.\n" for number in range(12)))
    source = FolderSource(photos)
    seen = {split: {source.sample(n, seed=0, split=split).key for n in range(20)} for split in ("train", "held-out")}
    assert not seen["train"] & seen["held-out"] and len(seen["train"] | seen["held-out"]) == 12


def test_a_folder_of_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no known layout"):
        FolderSource(tmp_path)
    (tmp_path / "captions.txt").write_text("image,caption\na.jpg,A dog.\n")
    with pytest.raises(ConfigError, match="too few on disk"):
        FolderSource(tmp_path)
    (tmp_path / "captions.txt").unlink()
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ConfigError, match="cannot read"):
        FolderSource(tmp_path)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("annotations/captions_train.json", {"images": [], "annotations": [{"image_id": 7, "caption": "A dog."}]}),
        ("annotations/captions_train.json", []),
        ("chat.json", [{"image": "000.jpg", "conversations": [{"from": "human"}]}]),
    ],
)
def test_lists_with_something_missing_are_refused(photos: Path, file: str, content: object) -> None:
    (photos / file).parent.mkdir(exist_ok=True)
    (photos / file).write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="not whole"):
        FolderSource(photos)
