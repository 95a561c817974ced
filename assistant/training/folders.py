"""A user's own data, in the layouts it is published in: COCO, Flickr8k, and LLaVA's conversations."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assistant.config import LimitSettings
from assistant.errors import ConfigError
from assistant.training import questions
from assistant.training.nouns import Noun
from assistant.training.order import item_of
from assistant.training.questions import Family, ask
from assistant.training.sample import Exchange, Sample, Split, chance, split_of
from assistant.training.scene import Scene, Thing
from assistant.training.wording import Wording
from assistant.types import Image
from assistant.vision.image import decode_image

_SMALLEST = 0.005
"""Of the picture: an object that covers less is hard to see for people too."""
_MOST_OF_ONE = 5
_FAMILIES: Mapping[Family, float] = {
    questions.presence: 3.0,
    questions.count: 2.0,
    questions.where: 1.0,
    questions.relation: 1.0,
    questions.bigger: 0.5,
    questions.false_premise: 0.5,
}
"""That annotated boxes can prove: they say nothing of colours, nor of what is beside them."""


@dataclass(slots=True)
class _Item:
    path: Path
    captions: list[str] = field(default_factory=list)
    scene: Scene | None = None
    conversation: tuple[Exchange, ...] = ()


class FolderSource:
    """Photos with captions, with counted and placed objects, or with conversations."""

    licence = "your own data"

    def __init__(self, folder: Path, *, name: str = "folder") -> None:
        """Read what is said of the photos; each photo is read when its turn comes.

        Args:
            folder: With `annotations/captions_*.json` (COCO; `instances_*.json` beside it is used), with `captions.txt` or
                `*.token.txt` (Flickr8k, Flickr30k), or with a `*.json` of conversations (LLaVA).
            name: In a mixture.

        Raises:
            ConfigError: The folder has none of these layouts, names photos outside of it, or has too few.
        """
        self.name = name
        readers: Sequence[Callable[[Path], list[_Item] | None]] = (_coco, _flickr, _llava)
        try:
            items = next((found for read in readers if (found := read(folder)) is not None), None)
        except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
            raise ConfigError(
                f"what {folder} says of its photos is not whole: {error!r}", hint="check that it was copied whole"
            ) from error
        if items is None:
            raise ConfigError(
                f"{folder} is in no known layout",
                hint="known: annotations/captions_*.json (COCO), captions.txt (Flickr8k), *.json with conversations (LLaVA)",
            )
        self._items: dict[Split, list[_Item]] = {"train": [], "held-out": []}
        for item in items:
            if not item.path.is_relative_to(folder) or ".." in item.path.relative_to(folder).parts:
                raise ConfigError(
                    f"{folder} names a photo outside of it: {item.path}", hint="name photos by their place in the folder"
                )
            if item.path.is_file():
                self._items[split_of(f"photo/{item.path.name}")].append(item)
        if not all(self._items.values()):
            raise ConfigError(f"{folder} has {len(items)} photos in its lists and too few on disk", hint="check where they lie")

    def __len__(self) -> int:
        return sum(map(len, self._items.values()))

    def sample(self, number: int, *, seed: int, split: Split) -> Sample:
        """See `Source.sample`.

        Raises:
            InputError: The photo cannot be read.
        """
        rng = chance(seed, self.name, split, number)
        item = item_of(self._items[split], number, seed=seed)
        wording = Wording("en", rng, split)
        asked = list(item.conversation)
        if item.captions:
            asked.append(wording.exchange("caption", "caption", rng.choice(item.captions), None))
        if item.scene is not None:
            asked += ask(item.scene, wording, rng, at_most=5, families=_FAMILIES)
        if not item.conversation:
            asked = rng.sample(asked, len(asked))
        return Sample(self.name, self.licence, str(item.path), tuple(asked), (_photo(item.path),))


def _photo(path: Path) -> Image:
    limits = LimitSettings()
    return decode_image(path, max_bytes=limits.image_bytes, max_pixels=limits.image_pixels, max_side_px=limits.image_side_px)


def _coco(folder: Path) -> list[_Item] | None:
    items: dict[Path, _Item] = {}
    for path in sorted((folder / "annotations").glob("captions_*.json")):
        subset = path.stem.removeprefix("captions_")
        photos = _photo_folder(folder, subset, f"images/{subset}", "images")
        captions = _read(path)
        named = {row["id"]: photos / row["file_name"] for row in captions["images"]}
        for row in captions["annotations"]:
            place = named[row["image_id"]]
            items.setdefault(place, _Item(place)).captions.append(_one_line(row["caption"]))
        instances = path.with_name(f"instances_{subset}.json")
        if instances.is_file():
            for place, scene in _coco_scenes(_read(instances), named).items():
                items.setdefault(place, _Item(place)).scene = scene
    return list(items.values()) or None


def _coco_scenes(instances: Mapping[str, Any], named: Mapping[int, Path]) -> dict[Path, Scene]:
    nouns = {row["id"]: Noun(row["name"]) for row in instances["categories"]}
    sizes = {row["id"]: (row["width"], row["height"]) for row in instances["images"]}
    boxes: dict[int, list[tuple[Thing, bool]]] = {}
    for row in instances["annotations"]:
        width_px, height_px = sizes[row["image_id"]]
        left, top, width, height = row["bbox"]
        edges = (left / width_px, top / height_px, (left + width) / width_px, (top + height) / height_px)
        boxes.setdefault(row["image_id"], []).append((Thing(nouns[row["category_id"]], *edges), bool(row.get("iscrowd"))))
    scenes = {}
    for image_id, found in boxes.items():
        present = {thing.noun.en for thing, _ in found}
        clear = {name for name in present if _is_clear([(x, crowd) for x, crowd in found if x.noun.en == name])}
        things = tuple(thing for thing, _ in found if thing.noun.en in clear)
        if things and image_id in named:
            absent = tuple(noun for noun in nouns.values() if noun.en not in present)
            scenes[named[image_id]] = Scene(things, absent=absent, complete=False)
    return scenes


def _is_clear(found: Sequence[tuple[Thing, bool]]) -> bool:
    """Whether things of one name can be counted and pointed at."""
    return len(found) <= _MOST_OF_ONE and all(thing.area >= _SMALLEST and not crowd for thing, crowd in found)


def _flickr(folder: Path) -> list[_Item] | None:
    photos = _photo_folder(folder, "Images", "images", "Flicker8k_Dataset", "Flickr8k_Dataset", "flickr30k_images")
    items: dict[str, _Item] = {}
    listed = folder / "captions.txt"
    if listed.is_file():
        with listed.open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows):
                if row.get("image") and row.get("caption"):
                    items.setdefault(row["image"], _Item(photos / row["image"])).captions.append(_one_line(row["caption"]))
    for path in sorted(folder.glob("*.token*")):
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, caption = line.partition("\t")
            name = name.partition("#")[0]
            if caption:
                items.setdefault(name, _Item(photos / name)).captions.append(_one_line(caption))
    return list(items.values()) or None


def _llava(folder: Path) -> list[_Item] | None:
    items = []
    for path in sorted(folder.glob("*.json")):
        rows = _read(path)
        if not isinstance(rows, list) or not all(isinstance(row, dict) and "conversations" in row for row in rows[:1]):
            continue
        for row in rows:
            if "image" not in row:
                continue
            place = next((base / row["image"] for base in (folder, folder / "images") if (base / row["image"]).is_file()), None)
            turns = [(turn["from"], turn["value"].replace("<image>", "").strip()) for turn in row["conversations"]]
            exchanges = tuple(
                Exchange(question, answer, "chat")
                for (asker, question), (answerer, answer) in zip(turns[::2], turns[1::2], strict=False)
                if asker == "human" and answerer == "gpt" and question and answer
            )
            if place is not None and exchanges:
                items.append(_Item(place, conversation=exchanges))
    return items or None


def _photo_folder(folder: Path, *names: str) -> Path:
    return next((folder / name for name in names if (folder / name).is_dir()), folder)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}: {error}", hint="check that it was copied whole") from error


def _one_line(caption: str) -> str:
    return " ".join(caption.split())
