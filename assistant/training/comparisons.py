"""Questions about two pictures at once."""

from __future__ import annotations

import random
from collections.abc import Sequence

from assistant.training.composites import Composer
from assistant.training.nouns import Noun
from assistant.training.phrases import ORDINALS
from assistant.training.sample import Exchange, Language, Sample, Split, chance
from assistant.training.scene import Scene
from assistant.training.wording import Wording


class Pairs:
    """Two compositions of one name each: which shows what, whether both do, and which has more."""

    name = "pairs"

    def __init__(self, composer: Composer, languages: Sequence[Language]) -> None:
        """Draw on a composer, in each of the languages as often."""
        self.licence = composer.licence
        self._composer = composer
        self._languages = tuple(languages)

    def sample(self, number: int, *, seed: int, split: Split) -> Sample:
        """See `Source.sample`."""
        rng = chance(seed, self.name, split, number)
        language = rng.choice(self._languages)
        first = self._composer.compose(rng, counts=(rng.randint(1, 3),), language=language, split=split)
        noun = first.scene.things[0].noun if rng.random() < 0.5 else None
        second = self._composer.compose(rng, counts=(rng.randint(1, 3),), language=language, split=split, noun=noun)
        asked = compare((first.scene, second.scene), Wording(language, rng, split), rng, at_most=4)
        licence = " AND ".join(sorted({*first.licence.split(" AND "), *second.licence.split(" AND ")}))
        return Sample(self.name, licence, f"{self.name}/{split}/{seed}/{number}", asked, (first.image, second.image))


def compare(scenes: tuple[Scene, Scene], wording: Wording, rng: random.Random, *, at_most: int) -> tuple[Exchange, ...]:
    """Questions about two scenes that each hold things of one name."""
    asked = [exchange for family in rng.sample(_FAMILIES, len(_FAMILIES)) if (exchange := family(scenes, wording, rng)) is not None]
    return tuple(asked[:at_most])


def _in_picture(scenes: tuple[Scene, Scene], wording: Wording, rng: random.Random) -> Exchange | None:
    index = rng.randrange(2)
    things = scenes[index].things
    answer = wording.some(len(things), things[0].noun)
    return wording.exchange("name", "in_picture", answer, None, ordinal=ORDINALS[wording.language][index])


def _which_picture(scenes: tuple[Scene, Scene], wording: Wording, rng: random.Random) -> Exchange | None:
    one, other = (scene.things[0].noun for scene in scenes)
    if one.overlaps(other) or one.zh == other.zh is not None:
        return None
    index = rng.randrange(2)
    answer = _picture(index, wording)
    return wording.exchange("compare", "which_picture", answer, None, a_thing=wording.one(scenes[index].things[0].noun))


def _both(scenes: tuple[Scene, Scene], wording: Wording, rng: random.Random) -> Exchange | None:
    one, other = (scene.things[0].noun for scene in scenes)
    if _confusable(one, other, wording):
        return None
    asked = rng.choice((one, other))
    return wording.yes_no("compare", "both", one.en == other.en, a_thing=wording.one(asked))


def _same_thing(scenes: tuple[Scene, Scene], wording: Wording, rng: random.Random) -> Exchange | None:
    one, other = (scene.things[0].noun for scene in scenes)
    if _confusable(one, other, wording):
        return None
    return wording.yes_no("compare", "same_thing", one.en == other.en)


def _more_in(scenes: tuple[Scene, Scene], wording: Wording, rng: random.Random) -> Exchange | None:
    one, other = (scene.things for scene in scenes)
    if one[0].noun.en != other[0].noun.en or len(one) == len(other):
        return None
    answer = _picture(0 if len(one) > len(other) else 1, wording)
    return wording.exchange("compare", "more_in", answer, None, things=wording.many(one[0].noun))


def _confusable(one: Noun, other: Noun, wording: Wording) -> bool:
    """Whether two names could be for one thing in this language."""
    return one.en != other.en and (one.overlaps(other) or (wording.language == "zh" and one.zh == other.zh))


def _picture(index: int, wording: Wording) -> str:
    ordinal = ORDINALS[wording.language][index]
    return f"{ordinal}张" if wording.language == "zh" else f"the {ordinal}"


_FAMILIES = (_in_picture, _which_picture, _both, _same_thing, _more_in)
