"""Finds pictures by words, or by another picture, in what the experts reported of them.

Words are weighed as BM25 weighs them (Robertson and Zaragoza, 2009): a rare word tells more. How often a word occurs in a text
is replaced by how sure the experts are that it is true of the picture.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from assistant.types import Evidence, FoundPicture, RememberedPicture
from assistant.vision.colour import COLOURS

_NARROWER = 0.5
"""Of a thing that is only known to be of the kind that was asked for: a "person" where a "man" is."""
_READ = 0.9
_SAID = 0.4
"""Of words in the turn; they may be about something else."""
_TOGETHER = 0.5
"""Added when one region is all of two words: "red car"."""
_OTHER_WORD = 0.3
"""Of a name that has the word, but not as its last."""
_TOLD, _LINE_CHARACTERS = 3, 80

_SINGULARS = {"men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot", "mice": "mouse"}
_SINGULARS |= {"geese": "goose", "teeth": "tooth", "knives": "knife", "wolves": "wolf", "leaves": "leaf", "gray": "grey"}
_HAN = "\u3040-\u30ff\u4e00-\u9fff"
_WORD = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
_EMPTY = frozenset(
    _WORD.findall(
        "a an and any are as at be by can could do find for from had has have he her his how i image in is it its last me my of on"
        " or our out photo photograph picture pictures photos show she some that the their them there these they this those to up"
        " was we were what when where which who with you your"
    )
)
"""Words of a question that say nothing of a picture."""


@dataclass(frozen=True, slots=True)
class _Fact:
    """Something that is true of a picture, and how surely."""

    words: str
    weight: float
    source: str
    """The expert; of names from one classifier only one is true, so that their weights add up."""


def search_by_words(text: str, pictures: Sequence[RememberedPicture]) -> tuple[FoundPicture, ...]:
    """The pictures that anything in the text is true of, the best first. The score is the share of the text's weight found.

    Args:
        text: Any words: "red car", "the animal in the snow", words that are written in the picture or were said about it.
        pictures: To look among.
    """
    facts = [_facts(picture) for picture in pictures]
    terms = _terms(text)
    weights_PT = np.array([[_weight(term, each) for term in terms] for each in facts]).reshape(len(pictures), len(terms))
    known_T = weights_PT.sum(axis=0)
    rarity_T = np.log(1 + (len(pictures) - known_T + 0.5) / (known_T + 0.5))
    found = []
    for picture, each, weights_T in zip(pictures, facts, weights_PT, strict=True):
        score = float((weights_T * rarity_T).sum() / max(rarity_T.sum(), 1e-9))
        if score > 0:
            together = _TOGETHER * _together(terms, picture.evidence)
            found.append(FoundPicture(picture, score * (1 + together), _because(terms, each)))
    return tuple(sorted(found, key=lambda one: -one.score))


def search_by_picture(
    vector_V: NDArray[np.float32], pictures: Sequence[RememberedPicture], vectors: Mapping[str, NDArray[np.float32]]
) -> tuple[FoundPicture, ...]:
    """The pictures by the cosine of their vectors with the given one, the most alike first.

    Args:
        vector_V: Of the picture that is shown.
        pictures: To look among; one without a vector is left out.
        vectors: By sha256.
    """
    found = []
    for picture in pictures:
        if picture.sha256 in vectors:
            other_V = vectors[picture.sha256]
            size = float(np.linalg.norm(vector_V) * np.linalg.norm(other_V))
            names = tuple(label.name for label in picture.evidence.labels) if picture.evidence else ()
            found.append(FoundPicture(picture, float(vector_V @ other_V) / max(size, 1e-9), names[:_TOLD]))
    return tuple(sorted(found, key=lambda one: -one.score))


def broader(name: str) -> frozenset[str]:
    """What a thing of this name surely is too, other names for it included; from WordNet's nouns."""
    return _kinds().get(_plain(name), frozenset())


@lru_cache(maxsize=1)
def _kinds() -> dict[str, frozenset[str]]:
    lines = resources.files("assistant.vision").joinpath("kinds.txt").read_text("utf-8").splitlines()
    split = (line.split(": ") for line in lines)
    return {_plain(name): frozenset(_plain(kind) for kind in kinds.split(", ")) - {_plain(name)} for name, kinds in split}


@lru_cache(maxsize=1)
def _phrases() -> frozenset[str]:
    """Names and kinds of several words, which are looked for as one: a "teddy bear" is no bear."""
    kinds = _kinds()
    return frozenset(name for names in (kinds, *kinds.values(), COLOURS) for name in names if " " in name)


def _terms(text: str) -> tuple[str, ...]:
    words = _plain(text).split()
    terms: list[str] = []
    start = 0
    while start < len(words):
        length = next((n for n in (4, 3, 2) if " ".join(words[start : start + n]) in _phrases()), 1)
        terms.append(" ".join(words[start : start + length]))
        start += length
    return tuple(dict.fromkeys(term for term in terms if term not in _EMPTY))


def _words(text: str) -> Iterator[str]:
    """Words in lower case; of Chinese and Japanese, which write no spaces, every two characters."""
    for run in _WORD.findall(text.lower()):
        if re.match(f"[{_HAN}]", run) and len(run) > 2:
            yield from (run[i : i + 2] for i in range(len(run) - 1))
        else:
            yield run


@lru_cache(maxsize=4096)
def _plain(text: str) -> str:
    """Its words in lower case and in the singular."""
    return " ".join(_singular(word) for word in _words(text))


def _singular(word: str) -> str:
    if word in _SINGULARS or len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us")):
        return _SINGULARS.get(word, word)
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("ches", "shes", "sses", "xes", "oes")) else word[:-1]


def _facts(picture: RememberedPicture) -> tuple[_Fact, ...]:
    said = [_Fact(picture.said, _SAID, "said")] if picture.said else []
    if picture.evidence is None:
        return tuple(said)
    seen = picture.evidence
    found = [_Fact(region.title, region.confidence, f"region {i}") for i, region in enumerate(seen.regions)]
    named = [_Fact(label.name, label.confidence, "classifier") for label in (*seen.labels, *seen.glimpses)]
    read = [_Fact(line, _READ, "text") for line in seen.text_lines]
    colours = [_Fact(colour.name, colour.confidence, "colours") for colour in seen.colours]
    return (*found, *named, *read, *colours, *said)


def _weight(term: str, facts: Sequence[_Fact]) -> float:
    """How surely the term is true of the picture, each expert judging for itself."""
    by_source: dict[str, float] = {}
    for fact in facts:
        match = _match(term, fact) * fact.weight
        exclusive = fact.source in ("classifier", "colours")
        before = by_source.get(fact.source, 0.0)
        by_source[fact.source] = min(1.0, before + match) if exclusive else max(before, match)
    return 1 - math.prod(1 - weight for weight in by_source.values())


def _match(term: str, fact: _Fact) -> float:
    """How far the fact is what the term asks for."""
    plain = _plain(fact.words)
    if fact.source in ("text", "said"):
        return float(f" {term} " in f" {plain} ")
    colour = next((x for x in COLOURS if plain.startswith(f"{x} ")), "")
    if colour and plain not in _kinds():  # "red car"
        return max(_match_name(term, plain.removeprefix(f"{colour} ")), _match_name(term, colour))
    return _match_name(term, plain)


def _match_name(term: str, name: str) -> float:
    if term == name or term in broader(name):
        return 1.0
    if name in broader(term):
        return _NARROWER
    *others, last = name.partition(" of ")[0].split()
    if term == last:  # where WordNet knows the name, it knows that a hot dog is no dog
        return float(name not in _kinds())
    return _OTHER_WORD * (term in others)


def _together(terms: Sequence[str], evidence: Evidence | None) -> bool:
    titles = (_Fact(region.title, 1.0, "region") for region in evidence.regions) if evidence else ()
    return any(sum(_match(term, title) == 1 for term in terms) > 1 for title in titles)


def _because(terms: Sequence[str], facts: Sequence[_Fact]) -> tuple[str, ...]:
    """The facts that speak for the picture, the strongest first."""
    strong = sorted(((max(_match(term, fact) for term in terms) * fact.weight, fact) for fact in facts), key=lambda x: -x[0])
    told = [fact.words if fact.source != "said" else f"said: {_one_line(fact.words)}" for weight, fact in strong if weight > 0]
    return tuple(dict.fromkeys(told))[:_TOLD]


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LINE_CHARACTERS else f"{line[: _LINE_CHARACTERS - 1]}…"
