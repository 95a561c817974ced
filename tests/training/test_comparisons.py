"""Two pictures."""

from __future__ import annotations

from collections import Counter

from assistant.training.backgrounds import Backgrounds
from assistant.training.comparisons import Pairs, compare
from assistant.training.composites import Composer
from assistant.training.cutouts import all_cutouts
from assistant.training.data_store import DataStore
from assistant.training.nouns import Noun
from assistant.training.sample import Language, chance
from assistant.training.scene import Scene, Thing
from assistant.training.wording import Wording

CAT, DOG = Noun("cat", "猫"), Noun("dog", "狗")


def scene_of(noun: Noun, n: int) -> Scene:
    return Scene(tuple(Thing(noun, 0.1 * i, 0.1, 0.1 * i + 0.05, 0.2) for i in range(n)))


def answers(one: Scene, other: Scene, word: str, language: Language = "en") -> set[str]:
    found = set()
    for number in range(60):
        rng = chance(number)
        found |= {x.answer for x in compare((one, other), Wording(language, rng, "train"), rng, at_most=5) if word in x.question}
    return found


def test_the_pictures_are_told_apart() -> None:
    cats, dog = scene_of(CAT, 2), scene_of(DOG, 1)
    assert answers(cats, dog, "second") == {"A dog."}
    assert answers(cats, dog, "Which picture shows a cat") == {"The first."}
    assert answers(cats, dog, "same thing") == {"No."}
    assert answers(cats, scene_of(CAT, 1), "more cats") == {"The first."}
    assert answers(cats, scene_of(CAT, 1), "Which picture shows") == set()


def test_things_of_one_chinese_name_are_not_called_different_in_chinese() -> None:
    crayfish, lobster = scene_of(Noun("crayfish", "龙虾"), 1), scene_of(Noun("lobster", "龙虾"), 1)
    assert answers(crayfish, lobster, "same thing") == {"No."}
    assert answers(crayfish, lobster, "一样", "zh") == answers(crayfish, lobster, "两张图里都有", "zh") == set()
    assert answers(crayfish, scene_of(DOG, 1), "一样", "zh") == {"不是。"}


def test_pairs_have_two_pictures_and_answers_of_both_kinds(store: DataStore) -> None:
    pairs = Pairs(Composer(all_cutouts(store), Backgrounds(store), "CC-BY-SA-3.0"), ("en",))
    made = [pairs.sample(number, seed=0, split="train") for number in range(60)]
    assert all(len(sample.images) == 2 for sample in made)
    words = Counter(x.answer.split()[0].strip(",.") for sample in made for x in sample.exchanges)
    assert 0.3 < words["Yes"] / (words["Yes"] + words["No"]) < 0.7
