"""Cut-outs and their names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image as Pillow

from assistant.errors import WeightsMissingError
from assistant.training.cutouts import all_cutouts, clip_art, emoji, stamp_name
from assistant.training.data_store import MANIFEST, DataStore
from assistant.training.nouns import WordNet
from tests.training.tiny_data import ANIMALS, FRUITS, KINDS_OF, write_wordnet


def put(store: DataStore, name: str) -> None:
    """Note that a folder holds what it should."""
    folder = store.root / name
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    (folder / MANIFEST).write_text(json.dumps({"sha256": store.data(name).package.sha256, "files": sizes}))


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("A Magellanic penguin.", "Magellanic penguin"),
        ("An owl.  Say cheese!", "owl"),
        ("A plumber’s wrench.", "plumber's wrench"),
        ("The fountain of youth.", None),
        ("A dog playing with a ball.", None),
        ("Remember to flush!", None),
        ("Hair.", None),
        ("A traffic sign.", None),
    ],
)
def test_only_plain_names_are_taken_from_sentences(sentence: str, name: str | None) -> None:
    assert stamp_name(sentence) == name


def test_stamps_have_names_in_two_languages_kinds_and_a_colour(store: DataStore) -> None:
    found = {cutout.noun.en: cutout for cutout in all_cutouts(store)}
    assert found.keys() == {*ANIMALS, *FRUITS}
    tiger = found["tiger"]
    assert tiger.noun.zh == "一兽".replace("一", chr(0x4E00)) or tiger.noun.zh is not None
    assert tiger.noun.kinds == {"animal"} and found["apple"].noun.kinds == {"fruit", "food"}
    assert tiger.colour() == "red"
    assert tiger.pixels_HW4().shape == (41, 49, 4)  # what is transparent all round is gone


def test_without_any_data_the_error_says_what_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError) as caught:
        all_cutouts(DataStore(tmp_path))
    assert "assistant train data" in caught.value.hint


def test_emoji_are_joined_with_their_names(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    rows = [
        {"hexcode": "1F405", "label": "tiger", "subgroup": 34},
        {"hexcode": "1F600", "label": "grinning face", "subgroup": 1},
        {"hexcode": "1F355", "label": "bread", "subgroup": 44},
        {"hexcode": "1F42A", "label": "camel", "subgroup": 34},
    ]
    for language, label in (("en", None), ("zh", "老虎")):
        (store.root / "emoji-names" / language).mkdir(parents=True)
        named = [{**row, "label": label or row["label"]} for row in rows]
        (store.root / "emoji-names" / language / "data.json").write_text(json.dumps(named))
    (store.root / "emoji").mkdir()
    for code in ("1f405", "1f600", "1f355"):
        Pillow.new("RGBA", (8, 8), (9, 9, 9, 255)).save(store.root / "emoji" / f"{code}.webp")
    write_wordnet(store.root / "nouns", KINDS_OF)
    for name in ("emoji", "emoji-names", "nouns"):
        put(store, name)
    (only,) = emoji(store, WordNet(store.folder("nouns")))  # no face, nothing uncountable, nothing without a picture
    assert (only.noun.en, only.noun.zh) == ("tiger", "老虎")


def test_clip_art_is_taken_where_its_name_is_of_its_folders_kind(tmp_path: Path) -> None:
    store = DataStore(tmp_path)
    folder = store.root / "clip-art"
    for name in ("animals/tiger_john_01", "animals/apple_john_01", "food/apple_01", "animals/struzzo_01", "animals/horses"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("RGBA", (8, 8), (9, 9, 9, 255)).save(folder / f"{name}.png")
    Pillow.new("1", (2500, 2500)).save(folder / "animals" / "lion_poster.png")
    write_wordnet(store.root / "nouns", KINDS_OF)
    put(store, "clip-art")
    put(store, "nouns")
    found = list(clip_art(store, WordNet(store.folder("nouns"))))
    assert [cutout.noun.en for cutout in found] == ["tiger", "apple"]
    assert all(cutout.colour() is None for cutout in found)
