"""Cut-outs pasted on backgrounds: pictures of things of the world, of which everything is known."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow
from PIL import ImageFilter, ImageStat

from assistant.training.backgrounds import Background, Backgrounds
from assistant.training.cutouts import CutOut
from assistant.training.nouns import Noun
from assistant.training.picture import CANVASES_PX, Box, free_boxes, image_of
from assistant.training.questions import FAMILIES, Family, ask, caption, count, count_all, is_it, kind, name
from assistant.training.sample import Language, Sample, Split, chance, split_of
from assistant.training.scene import Scene, Thing
from assistant.training.wording import Wording
from assistant.types import Image

_ABSENT = 12
_ON_PLACES = frozenset({"animal", "food", "musical instrument", "piece of clothing"})
"""Kinds of things that no place of ours holds of itself, so that what was pasted is all there is of them."""
_HARDLY_SEEN = 60.0
"""Between the mean colours of a thing and of what is behind it, in levels of 256."""
_LONGER_SIDE = {1: (0.45, 0.85), 2: (0.32, 0.5), 3: (0.28, 0.42), 4: (0.24, 0.36), 5: (0.2, 0.32), 6: (0.2, 0.3)}
"""Of a thing, as a share of the picture's shorter side, by how many things there are."""


@dataclass(frozen=True, slots=True)
class Composition:
    """A picture and what is in it."""

    image: Image
    scene: Scene
    licence: str


class Composer:
    """Makes compositions; what several sources share."""

    def __init__(self, cutouts: Sequence[CutOut], backgrounds: Backgrounds, background_licence: str) -> None:
        """Group the cut-outs by what they are called.

        Args:
            cutouts: Of any data.
            backgrounds: What they are pasted on.
            background_licence: Of the places among them.

        Raises:
            ValueError: One side of the split has fewer than 10 names.
        """
        self._backgrounds = backgrounds
        self._background_licence = background_licence
        self.licence = " AND ".join(sorted({background_licence, *(cutout.licence for cutout in cutouts)}))
        self._by_name: dict[Split, dict[str, list[CutOut]]] = {"train": {}, "held-out": {}}
        for cutout in cutouts:
            self._by_name[split_of(f"noun/{cutout.noun.head}")].setdefault(cutout.noun.en, []).append(cutout)
        if any(len(names) < 10 for names in self._by_name.values()):
            raise ValueError("composites need at least ten names on each side of the split")

    def compose(
        self, rng: random.Random, *, counts: Sequence[int], language: Language, split: Split, noun: Noun | None = None
    ) -> Composition:
        """Put things into a picture.

        Args:
            rng: Source of chance.
            counts: How many things of each name.
            language: Names are chosen that it has.
            split: Whose names and backgrounds are used.
            noun: What the first name is to be; None for any.
        """
        size_px = rng.choice(CANVASES_PX)
        background = self._backgrounds.choose(rng, size_px, split)
        nouns = self._nouns(rng, len(counts), language, split, background, noun)
        boxes = free_boxes(rng, size_px, _LONGER_SIDE[sum(counts)], sum(counts))
        names = [one for one, n in zip(nouns, counts, strict=True) for _ in range(n)][: len(boxes)]
        canvas = Pillow.fromarray(background.pixels_HWC)
        things, licences = [], set[str]()
        chosen: dict[str, CutOut] = {}
        for one, box in zip(names, boxes, strict=True):
            cutout = rng.choice(self._by_name[split][one.en])
            if one.en in chosen and rng.random() < 0.7:  # a flock looks alike, more often than not
                cutout = chosen[one.en]
            chosen[one.en] = cutout
            licences.add(cutout.licence)
            things.append(_paste(canvas, cutout, box))
        if background.place is not None:
            licences.add(self._background_licence)
        scene = Scene(
            tuple(things),
            absent=self._absent(rng, nouns, language, split, background),
            place=background.place,
            complete=background.place is None,
        )
        return Composition(image_of(np.asarray(canvas)), scene, " AND ".join(sorted(licences)))

    def _usable(self, language: Language, split: Split, background: Background) -> list[Noun]:
        nouns = [cutouts[0].noun for cutouts in self._by_name[split].values()]
        return [
            noun
            for noun in nouns
            if (language == "en" or noun.zh is not None) and (background.place is None or noun.kinds & _ON_PLACES)
        ]

    def _nouns(
        self, rng: random.Random, n: int, language: Language, split: Split, background: Background, first: Noun | None
    ) -> list[Noun]:
        nouns = [first] if first else []
        for candidate in rng.sample(usable := self._usable(language, split, background), len(usable)):
            if len(nouns) == n:
                break
            if not any(candidate.overlaps(noun) or _same_chinese(candidate, noun) for noun in nouns):
                nouns.append(candidate)
        return nouns

    def _absent(
        self, rng: random.Random, present: Sequence[Noun], language: Language, split: Split, background: Background
    ) -> tuple[Noun, ...]:
        usable = self._usable(language, split, background)
        some = rng.sample(usable, min(3 * _ABSENT, len(usable)))
        distinct = [x for x in some if not any(x.overlaps(noun) or _same_chinese(x, noun) for noun in present)]
        return tuple(distinct[:_ABSENT])


def _same_chinese(one: Noun, other: Noun) -> bool:
    return bool(one.zh and other.zh and (one.zh in other.zh or other.zh in one.zh))


def _paste(canvas: Pillow.Image, cutout: CutOut, box: Box) -> Thing:
    """Into the middle of a box, as large as fits; with a halo where it would hardly be seen."""
    picture = Pillow.fromarray(cutout.pixels_HW4())
    scale = min(box.width / picture.width, box.height / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    picture = picture.resize(size, Pillow.Resampling.BICUBIC, reducing_gap=2.0)
    left, top = round(box.left + (box.width - size[0]) / 2), round(box.top + (box.height - size[1]) / 2)
    opacity = picture.getchannel("A")
    behind = ImageStat.Stat(canvas.crop((left, top, left + size[0], top + size[1]))).mean
    thing = ImageStat.Stat(picture.convert("RGB"), mask=opacity.point(lambda alpha: 255 if alpha > 128 else 0)).mean
    if math.dist(behind, thing) < _HARDLY_SEEN:
        halo = Pillow.new("L", canvas.size, 0)
        halo.paste(opacity, (left, top))
        canvas.paste("white" if sum(behind) < 3 * 128 else "black", mask=halo.filter(ImageFilter.GaussianBlur(5)))
    canvas.paste(picture, (left, top), picture)
    return Thing(
        cutout.noun,
        left / canvas.width,
        top / canvas.height,
        (left + size[0]) / canvas.width,
        (top + size[1]) / canvas.height,
        cutout.colour(),
    )


_ONE = ((1,),)
_SEVERAL = (
    (1, 1),
    (2,),
    (1, 1, 1),
    (3,),
    (2, 1),
    (1, 2, 1),
    (4,),
    (3, 1),
    (2, 2),
    (5,),
    (4, 1),
    (3, 2),
    (1, 1, 2),
    (6,),
    (1, 3, 2),
)
"""Things of each name; every total from two to six."""


class Composites:
    """Questions about compositions."""

    def __init__(
        self,
        name: str,
        composer: Composer,
        *,
        counts: Sequence[Sequence[int]],
        families: Mapping[Family, float],
        languages: Sequence[Language],
        at_most: int,
    ) -> None:
        """Say what kind of compositions.

        Args:
            name: Of the source.
            composer: Makes them.
            counts: How many things of each name there may be.
            families: What is asked, and how often.
            languages: Of the conversations, each as often.
            at_most: Questions about one picture.
        """
        self.name = name
        self.licence = composer.licence
        self._composer = composer
        self._counts = counts
        self._families = families
        self._languages = tuple(languages)
        self._at_most = at_most

    def sample(self, number: int, *, seed: int, split: Split) -> Sample:
        """See `Source.sample`."""
        rng = chance(seed, self.name, split, number)
        language = rng.choice(self._languages)
        made = self._composer.compose(rng, counts=rng.choice(self._counts), language=language, split=split)
        asked = ask(made.scene, Wording(language, rng, split), rng, at_most=self._at_most, families=self._families)
        return Sample(self.name, made.licence, f"{self.name}/{split}/{seed}/{number}", asked, (made.image,))


def portraits(composer: Composer, languages: Sequence[Language]) -> Composites:
    """One thing, large: what it is called, what kind of thing it is, and what it is not."""
    families = {**FAMILIES, name: 6.0, kind: 1.0, is_it: 3.0, caption: 1.0, count: 0.2, count_all: 0.1}
    return Composites("portraits", composer, counts=_ONE, families=families, languages=languages, at_most=4)


def groups(composer: Composer, languages: Sequence[Language]) -> Composites:
    """Two to six things of up to three names: how many, where, of what colour, and which is where."""
    return Composites("groups", composer, counts=_SEVERAL, families=FAMILIES, languages=languages, at_most=6)
