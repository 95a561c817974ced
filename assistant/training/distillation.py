"""Questions about what the experts see in a picture, whatever its maker meant it to show.

A composite is known to show a jellyfish; that the encoder takes it for a candle, its record does not say. A model that learns to
answer "jellyfish" learns that a candle's tokens mean a jellyfish, and misnames photos from then on (see LOG.md). What is asked
of composites is therefore what their evidence says: a language model learns to read visual tokens, an encoder to see.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from types import MappingProxyType

from assistant.training.nouns import KINDS, Noun
from assistant.training.prepared import PreparedSample
from assistant.training.questions import (
    Family,
    ask,
    bigger,
    caption,
    colour,
    count,
    is_it,
    kind,
    more,
    name,
    presence,
    presence_of_kind,
    relation,
    where,
)
from assistant.training.sample import chance
from assistant.training.scene import Scene, Thing
from assistant.training.wording import Wording, with_article
from assistant.types import Evidence, Region
from assistant.vision.asked import detected, is_a
from assistant.vision.kinds import SHAPES, broader, plain

_COMPOSITES = frozenset({"portraits", "groups", "pairs", "mislabelled"})
"""Whose things experts may not know. Drawn shapes and signs are read off the picture itself."""
_GLIMPSE = 0.15
_ABSENT = 12
_NOWHERE = (0.0, 0.0, 0.76, 0.76)
"""A box whose middle lies between two places, so that nobody is told where the thing is."""
_NAMING: Mapping[Family, float] = MappingProxyType({name: 6.0, is_it: 2.0, kind: 1.0, caption: 1.0})
_PRESENCE: Mapping[Family, float] = MappingProxyType({presence: 3.0, presence_of_kind: 1.0})
_PLACED: Mapping[Family, float] = MappingProxyType({count: 2.0, where: 2.0, relation: 2.0, colour: 1.0, more: 0.5, bigger: 0.5})


def distilled(sample: PreparedSample, names: Sequence[str], *, seed: int) -> PreparedSample:
    """The sample with what is asked of composites asked of their evidence; several pictures at once are left without a question.

    Args:
        sample: Of any source; those of other languages than English stay as they are.
        names: That the encoder gives.
        seed: Of all chance.
    """
    if sample.source not in _COMPOSITES or not all(x.question.isascii() for x in sample.exchanges):
        return sample
    if len(sample.evidence) != 1 or sample.features is None:
        return replace(sample, exchanges=())
    (evidence,) = sample.evidence
    rng = chance(seed, "distillation", sample.key)
    wording = Wording("en", rng, "held-out" if "/held-out/" in sample.key else "train")
    absent = _absent(evidence, names, rng)
    exchanges = [exchange for exchange in sample.exchanges if exchange.task == "read"]
    seen = tuple(_thing(region) for region in evidence.regions)
    if evidence.labels:
        named = Scene((Thing(_noun(evidence.labels[0].name), *_NOWHERE),), absent=absent, complete=False)
        exchanges += ask(named, wording, rng, at_most=2, families=_NAMING)
    elif not seen:
        (exchange,) = ask(Scene((Thing(_noun("thing"), *_NOWHERE),)), wording, rng, at_most=1, families={name: 1.0})
        doubtful = names[int(sample.features.logits_BK[0].argmax())]
        exchanges.append(replace(exchange, answer=f"I am not sure. It may be {with_article(doubtful)}."))
    glimpsed = tuple(Thing(_noun(x.name), *_NOWHERE) for x in evidence.glimpses if x.confidence >= _GLIMPSE)
    if there := seen + glimpsed:
        exchanges += ask(Scene(there, absent=absent, complete=False), wording, rng, at_most=2, families=_PRESENCE)
    if seen:
        # what it shows is asked for in the words that ask for its name: beside a name, regions are no answer
        families = _PLACED if evidence.labels else {**_PLACED, caption: 2.0}
        exchanges += ask(Scene(seen, absent=absent, complete=False), wording, rng, at_most=3, families=families)
    return replace(sample, exchanges=tuple(rng.sample(exchanges, len(exchanges))))


def _thing(region: Region) -> Thing:
    told = region.colour if region.name in SHAPES else ""
    return Thing(_noun(region.name), region.left, region.top, region.right, region.bottom, told or None)


@cache
def _noun(name: str) -> Noun:
    return Noun(name, kinds=frozenset(KINDS) & broader(name))


def _absent(evidence: Evidence, names: Sequence[str], rng: random.Random) -> tuple[Noun, ...]:
    """Names of which no expert says anything, half of them of things that a detector would have found."""
    seen = [*(x.name for x in (*evidence.labels, *evidence.glimpses)), *(region.name for region in evidence.regions)]
    known = sorted(detected())
    candidates = [
        one for pair in zip(rng.sample(names, min(_ABSENT, len(names))), rng.sample(known, _ABSENT), strict=False) for one in pair
    ]
    surely = [x for x in candidates if not any(is_a(one, plain(x)) or is_a(x, plain(one)) for one in seen)]
    return tuple(noun for noun in map(_noun, surely) if not any(noun.overlaps(_noun(one)) for one in seen))
