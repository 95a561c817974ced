"""Compositions: the record and the pixels agree."""

from __future__ import annotations

import numpy as np
import pytest

from assistant.training.backgrounds import Backgrounds
from assistant.training.composites import Composer, groups, portraits
from assistant.training.cutouts import all_cutouts
from assistant.training.data_store import DataStore
from assistant.training.sample import Split, chance, split_of


@pytest.fixture(scope="module")
def composer(store: DataStore) -> Composer:
    return Composer(all_cutouts(store), Backgrounds(store, places_share=0.3), "CC-BY-SA-3.0")


def test_as_many_things_as_asked_lie_where_the_scene_says(composer: Composer) -> None:
    colours = {"red": (220, 30, 30), "blue": (30, 60, 210), "green": (30, 150, 40), "yellow": (246, 220, 40)}
    for number in range(20):
        made = composer.compose(chance(number), counts=(2, 1), language="en", split="train")
        assert len(made.scene.things) == 3 and len({thing.noun.en for thing in made.scene.things}) == 2
        for thing in made.scene.things:
            row, column = int(thing.down * made.image.height_px), int(thing.across * made.image.width_px)
            assert thing.colour is not None
            assert np.abs(made.image.pixels_HWC[row, column].astype(int) - colours[thing.colour]).max() < 12


@pytest.mark.parametrize("split", ["train", "held-out"])
def test_names_of_one_split_never_meet_the_other(composer: Composer, split: Split) -> None:
    for number in range(20):
        scene = composer.compose(chance(number), counts=(1, 1), language="zh", split=split).scene
        nouns = [*(thing.noun for thing in scene.things), *scene.absent]
        assert all(split_of(f"noun/{noun.head}") == split and noun.zh for noun in nouns)


def test_what_is_absent_could_not_be_called_by_what_is_there(composer: Composer) -> None:
    for number in range(30):
        scene = composer.compose(chance(number), counts=(1, 2), language="en", split="train").scene
        assert scene.absent and not any(noun.overlaps(thing.noun) for noun in scene.absent for thing in scene.things)


def test_a_place_brings_its_name_and_its_licence(composer: Composer) -> None:
    made = [composer.compose(chance(n), counts=(1,), language="en", split="train") for n in range(40)]
    placed = [x for x in made if x.scene.place]
    assert placed and all("CC-BY-SA-3.0" in x.licence and not x.scene.complete for x in placed)
    assert all(x.licence == "GPL-2.0-or-later" and x.scene.complete for x in made if not x.scene.place)


def test_too_few_names_are_refused(store: DataStore) -> None:
    with pytest.raises(ValueError, match="ten names"):
        Composer(all_cutouts(store)[:12], Backgrounds(store), "MIT")


@pytest.mark.parametrize("make", [portraits, groups])
def test_a_sample_is_the_same_for_its_number_and_seed(composer: Composer, make: object) -> None:
    source = (portraits if make is portraits else groups)(composer, ("en", "zh"))
    first, again, other = (source.sample(7, seed=seed, split="train") for seed in (1, 1, 2))
    assert first.exchanges == again.exchanges and first.images[0].sha256 == again.images[0].sha256
    assert first.images[0].sha256 != other.images[0].sha256
    assert len(first.exchanges) >= 2
