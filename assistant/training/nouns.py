"""What things are called, and which thing is a kind of which (WordNet 3.0)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Noun:
    """A name for one thing. Two nouns are the same when their English is."""

    en: str
    """In the singular, without an article: "tiger"."""
    zh: str | None = None
    kinds: frozenset[str] = frozenset()
    """Names of `KINDS` that the thing surely is."""

    @property
    def head(self) -> str:
        """The word that says most what it is; things that share it are kept on one side of the split."""
        return self.en.partition(" of ")[0].split()[-1].lower()

    def overlaps(self, other: Noun) -> bool:
        """Whether a thing of one name could be called by the other: a "sports car" is a "car"."""
        mine, theirs = set(self.en.lower().replace("-", " ").split()), set(other.en.lower().replace("-", " ").split())
        return bool(mine & theirs) or other.en in self.kinds or self.en in other.kinds


_SENSES: Mapping[str, tuple[str, ...]] = {
    "animal": ("animal.1",),
    "bird": ("bird.1",),
    "fish": ("fish.1",),
    "insect": ("insect.1",),
    "dog": ("dog.1",),
    "cat": ("cat.1",),
    "bear": ("bear.1",),
    "monkey": ("monkey.1",),
    "snake": ("snake.1",),
    "lizard": ("lizard.1",),
    "frog": ("frog.1",),
    "spider": ("spider.1",),
    "plant": ("plant.2",),
    "flower": ("flower.1",),
    "tree": ("tree.1",),
    "fruit": ("fruit.1", "edible_fruit.1"),
    "vegetable": ("vegetable.1",),
    "food": ("food.1", "food.2"),
    "vehicle": ("vehicle.1",),
    "car": ("car.1",),
    "truck": ("truck.1",),
    "boat": ("boat.1",),
    "ship": ("ship.1",),
    "aircraft": ("aircraft.1",),
    "musical instrument": ("musical_instrument.1",),
    "piece of furniture": ("furniture.1",),
    "tool": ("tool.1",),
    "weapon": ("weapon.1",),
    "piece of clothing": ("clothing.1",),
    "hat": ("hat.1",),
    "shoe": ("shoe.1",),
    "building": ("building.1",),
    "toy": ("plaything.1",),
    "computer": ("computer.1",),
}
"""Each kind by the senses that mean it: a word of WordNet and which of its meanings, counted from 1."""

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "animal": "动物",
        "bird": "鸟",
        "fish": "鱼",
        "insect": "昆虫",
        "dog": "狗",
        "cat": "猫",
        "bear": "熊",
        "monkey": "猴子",
        "snake": "蛇",
        "lizard": "蜥蜴",
        "frog": "青蛙",
        "spider": "蜘蛛",
        "plant": "植物",
        "flower": "花",
        "tree": "树",
        "fruit": "水果",
        "vegetable": "蔬菜",
        "food": "食物",
        "vehicle": "交通工具",
        "car": "汽车",
        "truck": "卡车",
        "boat": "小船",
        "ship": "轮船",
        "aircraft": "飞机",
        "musical instrument": "乐器",
        "piece of furniture": "家具",
        "tool": "工具",
        "weapon": "武器",
        "piece of clothing": "衣物",
        "hat": "帽子",
        "shoe": "鞋",
        "building": "建筑物",
        "toy": "玩具",
        "computer": "电脑",
    }
)
"""What one calls things in everyday speech when one does not call them by their name, in English and Chinese."""

_BROAD: Mapping[str, frozenset[str]] = {
    "animal": frozenset({"food"}),
    "plant": frozenset({"food"}),
    "food": frozenset({"animal", "plant"}),
    "vehicle": frozenset(),
    "musical instrument": frozenset(),
    "piece of clothing": frozenset(),
    "building": frozenset(),
}
"""Kinds of which a thing is one at most, save those after them."""


def surely_not(kinds: frozenset[str]) -> tuple[str, ...]:
    """The kinds that a thing of these kinds is certainly none of; none where that cannot be told."""
    broad = [kind for kind in _BROAD if kind in kinds]
    return tuple(kind for kind in _BROAD if broad and kind not in kinds and not any(kind in _BROAD[one] for one in broad))


class WordNet:
    """The nouns, read where they lie: a word's entry holds the places of its meanings in the file of meanings."""

    def __init__(self, folder: Path) -> None:
        """Open `index.noun` and `data.noun`.

        Args:
            folder: That holds them, version 3.0.
        """
        self._meanings = (folder / "data.noun").read_bytes()
        self._index = folder / "index.noun"

    @cached_property
    def _senses(self) -> dict[str, tuple[int, ...]]:
        senses = {}
        with self._index.open(encoding="ascii") as lines:
            for line in lines:
                if not line.startswith(" "):  # the licence
                    lemma, _, meanings, *rest = line.split()
                    senses[lemma] = tuple(map(int, rest[-int(meanings) :]))
        return senses

    @cached_property
    def _kinds(self) -> dict[int, str]:
        return {
            self.senses(word)[int(n) - 1]: kind
            for kind, names in _SENSES.items()
            for word, n in (name.split(".") for name in names)
        }

    def senses(self, noun: str) -> tuple[int, ...]:
        """The places of a noun's meanings, the commonest first; none where it is not known."""
        return self._senses.get(noun.lower().replace(" ", "_"), ())

    def names(self, sense: int) -> tuple[str, ...]:
        """All that a meaning is called."""
        fields = self._line(sense).split()
        return tuple(fields[4 + 2 * i].replace("_", " ") for i in range(int(fields[3], 16)))

    def above(self, sense: int) -> frozenset[int]:
        """The meaning itself and every one that it is a kind of."""
        found, waiting = set[int](), [sense]
        while waiting:
            if (place := waiting.pop()) not in found:
                found.add(place)
                waiting += self._parents(place)
        return frozenset(found)

    def kinds(self, noun: str, *, within: Iterable[str] = ()) -> frozenset[str]:
        """The kinds that a noun is, in its commonest meaning that is one of `within`.

        The last word is taken where the whole is not known: a "baby elephant" is an elephant. Empty where nothing is known.
        """
        wanted = frozenset(within)
        for name in _shortened(noun):
            for sense in self.senses(name):
                kinds = self.kinds_of_sense(sense)
                if kinds & wanted or (not wanted and kinds):
                    return kinds
        return wanted

    def kinds_of_sense(self, sense: int) -> frozenset[str]:
        """The kinds that a meaning is."""
        return frozenset(self._kinds[place] for place in self.above(sense) if place in self._kinds)

    def _line(self, sense: int) -> str:
        return self._meanings[sense : self._meanings.index(b"\n", sense)].decode("ascii")

    def _parents(self, sense: int) -> Iterator[int]:
        fields = self._line(sense).partition("|")[0].split()
        pointers = fields[5 + 2 * int(fields[3], 16) :]
        return (int(pointers[i + 1]) for i in range(0, len(pointers) - 3, 4) if pointers[i] in ("@", "@i"))


def _shortened(noun: str) -> Iterator[str]:
    """A name, then the same without what stands before its last words; before an "of" first."""
    words = noun.partition(" of ")[0].split()
    yield noun
    for start in range(len(words)):
        yield " ".join(words[start:])
