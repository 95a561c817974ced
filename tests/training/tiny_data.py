"""Training data in miniature, laid out as the data store unpacks it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from assistant.training.data_store import MANIFEST, DataStore
from assistant.training.nouns import _SENSES

ANIMALS = [
    "tiger",
    "lion",
    "owl",
    "frog",
    "zebra",
    "camel",
    "horse",
    "rabbit",
    "mouse",
    "whale",
    "shark",
    "eagle",
    "crow",
    "beetle",
    "snail",
    "otter",
    "badger",
    "beaver",
    "koala",
    "panda",
    "gorilla",
    "lizard",
    "turtle",
    "goose",
    "swan",
    "duck",
    "parrot",
    "penguin",
    "seal",
    "crab",
    "lobster",
    "ant",
    "moth",
    "bee",
    "wasp",
    "goat",
    "pig",
    "cow",
]
FRUITS = ["apple", "pear", "peach", "plum", "mango", "banana", "lemon", "melon", "fig", "cherry", "orange", "apricot"]
KINDS_OF = dict.fromkeys(ANIMALS, "animal") | dict.fromkeys(FRUITS, "edible_fruit")
COLOURS = {"red": (220, 30, 30), "blue": (30, 60, 210), "green": (30, 150, 40), "yellow": (246, 220, 40)}


def write_wordnet(folder: Path, above: Mapping[str, str]) -> None:
    """Files with the senses that kinds are made of, and words that are kinds of them."""
    folder.mkdir(parents=True, exist_ok=True)
    places: dict[tuple[str, int], int] = {}
    text = "  1 A licence.  \n"
    wanted = [(word, int(n)) for names in _SENSES.values() for word, n in (name.split(".") for name in names)]
    filled = sorted({(word, sense) for word, n in wanted for sense in range(1, n + 1)})
    parents = {("fruit", 1): ("food", 2), ("edible_fruit", 1): ("food", 2), ("bird", 1): ("animal", 1), ("dog", 1): ("animal", 1)}
    order = sorted(filled, key=lambda entry: entry in parents) + [(word, 1) for word in above if (word, 1) not in filled]
    for entry in order:
        parent = parents.get(entry) or ((above[entry[0]], 1) if entry[0] in above else None)
        places[entry] = len(text)
        pointer = f"001 @ {places[parent]:08} n 0000" if parent else "000"
        text += f"{len(text):08} 03 n 01 {entry[0]} 0 {pointer} | a thing  \n"
    (folder / "data.noun").write_text(text, encoding="ascii")
    index = "  1 A licence.  \n"
    for word in sorted({word for word, _ in places}):
        senses = [places[word, n] for n in range(1, 10) if (word, n) in places]
        index += f"{word} n {len(senses)} 1 @ {len(senses)} 0 {' '.join(f'{place:08}' for place in senses)}  \n"
    (folder / "index.noun").write_text(index, encoding="ascii")


def tiny_store(cache: Path) -> DataStore:
    """Stamps of 50 things, a photo of a kitchen, WordNet, dialogues, and a font for both languages."""
    root = cache / "training"
    stamps = root / "stamps"
    for number, name in enumerate((*ANIMALS, *FRUITS)):
        place = stamps / ("animals" if name in ANIMALS else "food/fruit") / f"{name}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        picture = Pillow.new("RGBA", (60, 48), (0, 0, 0, 0))
        colour = list(COLOURS.values())[number % len(COLOURS)]
        ImageDraw.Draw(picture).ellipse((6, 4, 54, 44), fill=(*colour, 255))
        picture.save(place)
        article = "An" if name[0] in "aeio" else "A"
        place.with_suffix(".txt").write_text(
            f"{article} {name}.\nfr.utf8=Un.\nzh_CN.utf8=一只{chr(0x4E00 + number)}兽。\n", "utf-8"
        )
    (stamps / "animals" / "story.png").write_bytes((stamps / "animals" / "tiger.png").read_bytes())
    (stamps / "animals" / "story.txt").write_text("Once upon a time there was a tiger.\n")
    kitchen = root / "backgrounds" / "Indoors"
    kitchen.mkdir(parents=True)
    for name in ("kitchen", "lake", "castle", "pool", "moon", "hall", "mansion", "village", "hill"):
        Pillow.linear_gradient("L").convert("RGB").resize((120, 90)).save(kitchen / f"{name}.jpg")
    write_wordnet(root / "nouns", KINDS_OF)
    english = root / "dialogues" / "english"
    english.mkdir(parents=True)
    (english / "trivia.yml").write_text(
        "conversations:\n- - Who wrote\n    Hamlet?\n  - Shakespeare\n- - What is 'iron'?\n  - A metal\n"
    )
    (english / "gossip.yml").write_text("conversations:\n- - Do you know Ann?\n  - No\n")
    letters = ImageFont.load_default(10)
    assert isinstance(letters, ImageFont.FreeTypeFont)
    for name, file in (("fonts-sans", "letters.ttf"), ("fonts-han", "letters.ttc")):
        (root / name).mkdir()
        (root / name / file).write_bytes(letters.font_bytes)
    store = DataStore(cache)
    for folder in root.iterdir():
        sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
        manifest = {"sha256": store.data(folder.name).package.sha256, "files": sizes}
        (folder / MANIFEST).write_text(json.dumps(manifest))
    return store
