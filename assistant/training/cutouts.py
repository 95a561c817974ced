"""Pictures of single things without anything around them, and what they are called."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from assistant.training.data_store import DataStore
from assistant.training.nouns import Noun, WordNet
from assistant.training.word_lists import words
from assistant.training.wording import countable
from assistant.vision.colour import COLOURS, colour_indices_P

_SIDE_PX = 256
_MAX_PIXELS = 4_000_000
_REMEMBERED = 256
"""Decoded cut-outs, at most 256 KB each."""
_ONE_COLOUR_SHARE = 0.6
_SAMPLE_SIDE_PX = 40

_EVERYDAY_COLOUR: Mapping[str, str] = {
    "dark red": "red",
    "olive": "green",
    "dark green": "green",
    "light blue": "blue",
    "dark blue": "blue",
}


@dataclass(frozen=True, slots=True)
class CutOut:
    """A picture file with a transparent surrounding."""

    noun: Noun
    path: Path
    licence: str
    plain: bool = True
    """Nothing but the thing is drawn, so that its colour can be told."""

    def pixels_HW4(self) -> NDArray[np.uint8]:
        """RGB and opacity, cut to what is not transparent; the longer side at most 256 pixels."""
        return _decoded(self.path)

    def colour(self) -> str | None:
        """The colour of at least 60 % of it, by the same names that the colour expert gives; None where no colour has so much.

        What is between black, grey and white has no name here, as people would disagree.
        """
        colour = _main_colour(self.path) if self.plain else None
        return None if colour in ("dark grey", "light grey") else colour


@lru_cache(maxsize=_REMEMBERED)
def _decoded(path: Path) -> NDArray[np.uint8]:
    with Pillow.open(path, formats=["PNG", "WEBP"]) as opened:
        picture = opened.convert("RGBA")
    box = picture.getchannel("A").point(lambda alpha: 255 if alpha > 32 else 0).getbbox()
    picture = picture.crop(box) if box else picture
    picture.thumbnail((_SIDE_PX, _SIDE_PX), Pillow.Resampling.BICUBIC, reducing_gap=2.0)
    return np.asarray(picture)


@cache
def _main_colour(path: Path) -> str | None:
    picture = Pillow.fromarray(_decoded(path))
    picture.thumbnail((_SAMPLE_SIDE_PX, _SAMPLE_SIDE_PX))
    pixels_P4 = np.asarray(picture).reshape(-1, 4)
    opaque_P3 = pixels_P4[pixels_P4[:, 3] > 200][:, :3]
    if len(opaque_P3) < 50:
        return None
    shares: dict[str, float] = {}
    for index, n in enumerate(np.bincount(colour_indices_P(opaque_P3), minlength=len(COLOURS)).tolist()):
        colour = _EVERYDAY_COLOUR.get(COLOURS[index], COLOURS[index])
        shares[colour] = shares.get(colour, 0.0) + n / len(opaque_P3)
    best = max(shares, key=lambda colour: shares[colour])
    return best if shares[best] >= _ONE_COLOUR_SHARE else None


_STAMP_KINDS: Mapping[str, str] = {
    "animals/birds": "bird",
    "animals": "animal",
    "clothes": "piece of clothing",
    "food/fruit": "fruit",
    "food/vegetables": "vegetable",
    "food": "food",
    "hobbies/music": "musical instrument",
    "plants/flowers": "flower",
    "plants": "plant",
    "vehicles": "vehicle",
    "military/vehicles": "vehicle",
    "town/houses": "building",
    "household": "",
    "sports": "",
    "seasonal": "",
    "medical": "",
}
"""Folders that are used, and the kind of all that lies there; the first that fits counts. Letters, coins and signs are not used."""

_EMOJI_KINDS: Mapping[int, str] = {
    **dict.fromkeys(
        (
            34,
            36,
            37,
            38,
            39,
        ),
        "animal",
    ),
    **dict.fromkeys((35,), "bird"),
    **dict.fromkeys((40,), "flower"),
    **dict.fromkeys((41,), "plant"),
    **dict.fromkeys((42,), "fruit"),
    **dict.fromkeys((43,), "vegetable"),
    **dict.fromkeys(
        (
            44,
            45,
            46,
        ),
        "food",
    ),
    **dict.fromkeys(
        (
            47,
            48,
            60,
            61,
            62,
            63,
            64,
            65,
            67,
            69,
            70,
            71,
            72,
            75,
            76,
            77,
            78,
            79,
            80,
            81,
        ),
        "",
    ),
    **dict.fromkeys(
        (
            51,
            52,
        ),
        "building",
    ),
    **dict.fromkeys(
        (
            54,
            55,
            56,
        ),
        "vehicle",
    ),
    **dict.fromkeys((68,), "musical instrument"),
}
"""Subgroups of emojibase that are used, and the kind of all that is in them."""

_CLIP_ART_KINDS: Mapping[str, str] = {
    "animals": "animal",
    "food": "food",
    "plants": "plant",
    "transportation": "vehicle",
    "recreation/music": "musical instrument",
}

_IMPLIED: Mapping[str, frozenset[str]] = {
    "bird": frozenset({"animal"}),
    "fruit": frozenset({"food"}),
    "vegetable": frozenset({"food"}),
    "flower": frozenset({"plant"}),
}

_NOT_ONE_THING = re.compile(
    rf"\b(?:{'|'.join(words('not_one_thing'))}|\w+ing(?! (?:pole|glove|shoe|boot|horn|pan|hat|ball|cart)))\b", re.IGNORECASE
)
"""Names of more or less than one thing, of what it does, or such as nobody would use."""

_NOT_CLIP_ART = frozenset(words("not_clip_art"))

_WRONG_CHINESE = frozenset(words("wrong_chinese"))
"""Stamps whose Chinese names are another thing's."""

_SENTENCE = re.compile(r"An? ([a-z][\w '’-]*)[.!]?$", re.IGNORECASE)
_COUNTED_ZH = re.compile(r"^一[只个条头匹辆朵棵把颗架艘支张台座片根双件顶位名串粒枚块株尾口]")


def stamps(store: DataStore, nouns: WordNet) -> Iterator[CutOut]:
    """Tux Paint's photos and drawings that have a plain name."""
    folder, licence = store.folder("stamps"), store.data("stamps").licence
    for path in sorted(folder.rglob("*.png")):
        inner = path.relative_to(folder).as_posix()
        kind = next((kind for start, kind in _STAMP_KINDS.items() if inner.startswith(start + "/")), None)
        texts = path.with_suffix(".txt")
        if kind is None or not texts.is_file():
            continue
        sentence, *others = texts.read_text(encoding="utf-8").splitlines()
        name = stamp_name(sentence)
        if name is not None:
            chinese = next((line.partition("=")[2] for line in others if line.startswith("zh_CN")), "")
            noun = Noun(name, None if name in _WRONG_CHINESE else _chinese_name(chinese), _kinds(name, kind, nouns))
            yield CutOut(noun, path, licence)


def stamp_name(sentence: str) -> str | None:
    """What a stamp's sentence calls it, if it is no more than a name: "A Magellanic penguin." is one."""
    match = _SENTENCE.match(re.split(r"(?<=[.!])\s", sentence.strip())[0])
    name = match[1].strip().replace("’", "'") if match else ""
    return name if _is_name(name) else None


def emoji(store: DataStore, nouns: WordNet) -> Iterator[CutOut]:
    """Emoji that are single things, in their plain form."""
    pictures, names, licence = store.folder("emoji"), store.folder("emoji-names"), store.data("emoji").licence
    chinese = {row["hexcode"]: row["label"] for row in json.loads((names / "zh/data.json").read_text(encoding="utf-8"))}
    for row in json.loads((names / "en/data.json").read_text(encoding="utf-8")):
        kind, path = _EMOJI_KINDS.get(row.get("subgroup", -1)), pictures / f"{row['hexcode'].lower()}.webp"
        name = row["label"].replace("’", "'")
        if kind is not None and _is_name(name) and path.is_file():
            yield CutOut(Noun(name, chinese.get(row["hexcode"]), _kinds(name, kind, nouns)), path, licence)


def clip_art(store: DataStore, nouns: WordNet) -> Iterator[CutOut]:
    """Drawings whose file names begin with an English noun of the folder's kind: "ladybug_jonathan_01.png"."""
    folder, licence = store.folder("clip-art"), store.data("clip-art").licence
    for path in sorted(folder.rglob("*.png")):
        inner = path.relative_to(folder).as_posix()
        kind = next((kind for start, kind in _CLIP_ART_KINDS.items() if inner.startswith(start)), "")
        first = [word for word in re.split(r"[^a-z]+", path.stem.lower()) if word][:2]
        for name in (" ".join(first), first[0] if first else ""):
            if any(kind in nouns.kinds_of_sense(sense) for sense in nouns.senses(name)):
                if _is_name(name) and not set(name.split()) & _NOT_CLIP_ART and _is_small(path):
                    yield CutOut(Noun(name, None, _kinds(name, kind, nouns)), path, licence, plain=False)
                break


def all_cutouts(store: DataStore) -> list[CutOut]:
    """Of all the data that is here. Chinese names are taken over to things of the same English name, from emoji first.

    Raises:
        WeightsMissingError: The nouns are not here, or nothing to cut out is.
    """
    nouns = WordNet(store.folder("nouns"))
    found: list[CutOut] = []
    for make, *needed in ((emoji, "emoji", "emoji-names"), (stamps, "stamps"), (clip_art, "clip-art")):
        if store.has(*needed):
            found += make(store, nouns)
    if not found:
        store.folder("stamps")
    chinese: dict[str, str] = {}
    for cutout in found:
        if cutout.noun.zh is not None:
            chinese.setdefault(cutout.noun.en.lower(), cutout.noun.zh)
    return [replace(cutout, noun=replace(cutout.noun, zh=chinese.get(cutout.noun.en.lower()))) for cutout in found]


def _is_small(path: Path) -> bool:
    """Some drawings were rendered at the size of a poster."""
    with path.open("rb") as stream:
        header = stream.read(24)  # signature, length and "IHDR", then width and height (PNG, section 11.2.2)
    return int.from_bytes(header[16:20], "big") * int.from_bytes(header[20:24], "big") <= _MAX_PIXELS


def _is_name(name: str) -> bool:
    """Of one thing that one can count."""
    return len(name) > 2 and len(name.split()) <= 3 and not _NOT_ONE_THING.search(name) and countable(name)


def _kinds(name: str, kind: str, nouns: WordNet) -> frozenset[str]:
    """What all of a folder is, and what the name says beyond that."""
    if not kind:
        return frozenset()
    found = nouns.kinds(name, within=[kind]) | {kind} | _IMPLIED.get(kind, frozenset())
    return found - {"fish"} if "dolphin" in name else found  # WordNet's first dolphin is a fish of that name


def _chinese_name(sentence: str) -> str | None:
    name = _COUNTED_ZH.sub("", sentence.strip().rstrip("。！. "))
    return name if name and len(name) <= 8 and not re.search(r"[，。！!、A-Za-zＡ-Ｚａ-ｚ“的]", name) else None
