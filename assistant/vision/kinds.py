"""Which thing is a kind of which, and the words of a text as things are called: for who looks something up among what was seen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources

from assistant.vision.colour import COLOURS

SHAPES = (
    "circle",
    "oval",
    "ring",
    "square",
    "rectangle",
    "diamond",
    "triangle",
    "star",
    "heart",
    "cross",
    "arrow",
    "pentagon",
    "hexagon",
)
"""Every name that a plain drawn shape may be given."""

_SINGULARS = {"men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot", "mice": "mouse"}
_SINGULARS |= {
    "geese": "goose",
    "teeth": "tooth",
    "knives": "knife",
    "wolves": "wolf",
    "leaves": "leaf",
    "skis": "ski",
    "gray": "grey",
}
_HAN = "\u3040-\u30ff\u4e00-\u9fff"
_WORD = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_EMPTY = frozenset(
    _WORD.findall(
        "a an and any are as at be by can could do find for from had has have he her his how i image in is it its last me my of on"
        " or our out photo photograph picture pictures photos show she some that the their them there these they this those to up"
        " was we were what when where which who with you your"
    )
)
"""Words that say nothing of a picture."""


def broader(name: str) -> frozenset[str]:
    """What a thing of this name surely is too, other names for it included, as `plain` writes them (from WordNet's nouns)."""
    return _kinds().get(plain(name), frozenset())


def is_known(name: str) -> bool:
    """Whether all kinds of a name are known: then a "hot dog" is no dog."""
    return plain(name) in _kinds()


def terms(text: str) -> tuple[str, ...]:
    """What a text may look for, in `plain` words: names of several words as one, as a "teddy bear" is no bear."""
    words = plain(text).split()
    found: list[str] = []
    start = 0
    while start < len(words):
        length = next((n for n in (4, 3, 2) if " ".join(words[start : start + n]) in _phrases()), 1)
        found.append(" ".join(words[start : start + length]))
        start += length
    return tuple(dict.fromkeys(term for term in found if term not in _EMPTY))


def in_english(text: str) -> str:
    """A text in which the Chinese names of things, shapes and colours have become the English ones that experts use."""
    if not re.search(f"[{_HAN}]", text):
        return text
    names = _chinese()
    return re.sub("|".join(names), lambda found: f" {names[found.group()]} ", text).replace("的", " ")


@lru_cache(maxsize=1)
def _chinese() -> dict[str, str]:
    """English names by Chinese ones, the longest first."""
    lines = resources.files("assistant.vision").joinpath("kinds_zh.txt").read_text("utf-8").splitlines()
    pairs = [(word, name) for name, words in (line.split(": ") for line in lines) for word in words.split()]
    return dict(sorted(pairs, key=lambda pair: -len(pair[0])))


@lru_cache(maxsize=4096)
def plain(text: str) -> str:
    """The words of a text in lower case and in the singular."""
    return " ".join(_singular(word) for word in _words(text))


@lru_cache(maxsize=1)
def _kinds() -> dict[str, frozenset[str]]:
    lines = resources.files("assistant.vision").joinpath("kinds.txt").read_text("utf-8").splitlines()
    split = (line.split(": ") for line in lines)
    return {plain(name): frozenset(plain(kind) for kind in kinds.split(", ")) - {plain(name)} for name, kinds in split}


@lru_cache(maxsize=1)
def _phrases() -> frozenset[str]:
    kinds = _kinds()
    return frozenset(name for names in (kinds, *kinds.values(), COLOURS) for name in names if " " in name)


def _words(text: str) -> Iterator[str]:
    """Words in lower case; of Chinese and Japanese, which write no spaces, every two characters."""
    for run in _WORD.findall(text.lower()):
        if re.match(f"[{_HAN}]", run) and len(run) > 2:
            yield from (run[i : i + 2] for i in range(len(run) - 1))
        else:
            yield run


def _singular(word: str) -> str:
    if word in _SINGULARS or len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return _SINGULARS.get(word, word)
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("ches", "shes", "sses", "xes", "oes")) else word[:-1]
