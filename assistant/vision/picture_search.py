"""Finds pictures by words, or by another picture, in what the experts reported of them.

Words are weighed as BM25 weighs them (Robertson and Zaragoza, 2009): a rare word tells more. How often a word occurs in a text
is replaced by how sure the experts are that it is true of the picture.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.types import Evidence, FoundPicture, RememberedPicture
from assistant.vision.colour import COLOURS
from assistant.vision.kinds import broader, in_english, is_known, plain, terms

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
        text: Any words: "red car", "an animal in snow", "红色汽车", words that are written in the picture or were said about it.
        pictures: To look among.
    """
    facts = [_facts(picture) for picture in pictures]
    asked = terms(in_english(text))
    weights_PT = np.array([[_weight(term, each) for term in asked] for each in facts]).reshape(len(pictures), len(asked))
    known_T = weights_PT.sum(axis=0)
    rarity_T = np.log(1 + (len(pictures) - known_T + 0.5) / (known_T + 0.5))
    found = []
    for picture, each, weights_T in zip(pictures, facts, weights_PT, strict=True):
        score = float((weights_T * rarity_T).sum() / max(rarity_T.sum(), 1e-9))
        if score > 0:
            together = _TOGETHER * _together(asked, picture.evidence)
            found.append(FoundPicture(picture, score * (1 + together), _because(asked, each)))
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
    if fact.source in ("text", "said"):
        return float(f" {term} " in f" {plain(in_english(fact.words))} ")
    words = plain(fact.words)
    colour = next((x for x in COLOURS if words.startswith(f"{x} ")), "")
    if colour and not is_known(words):  # "red car"
        return max(_match_name(term, words.removeprefix(f"{colour} ")), _match_name(term, colour))
    return _match_name(term, words)


def _match_name(term: str, name: str) -> float:
    if term == name or term in broader(name):
        return 1.0
    if name in broader(term):
        return _NARROWER
    *others, last = name.partition(" of ")[0].split()
    if term == last:
        return float(not is_known(name))
    return _OTHER_WORD * (term in others)


def _together(asked: Sequence[str], evidence: Evidence | None) -> bool:
    titles = (_Fact(region.title, 1.0, "region") for region in evidence.regions) if evidence else ()
    return any(sum(_match(term, title) == 1 for term in asked) > 1 for title in titles)


def _because(asked: Sequence[str], facts: Sequence[_Fact]) -> tuple[str, ...]:
    """The facts that speak for the picture, the strongest first."""
    strong = sorted(((max(_match(term, fact) for term in asked) * fact.weight, fact) for fact in facts), key=lambda x: -x[0])
    told = [fact.words if fact.source != "said" else f"said: {_one_line(fact.words)}" for weight, fact in strong if weight > 0]
    return tuple(dict.fromkeys(told))[:_TOLD]


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LINE_CHARACTERS else f"{line[: _LINE_CHARACTERS - 1]}…"
