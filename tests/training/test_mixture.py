"""Many sources as one stream."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from assistant.errors import NotFoundError
from assistant.training.data_store import DataStore
from assistant.training.mixture import Mixture, build_sources
from assistant.training.sample import Exchange, Sample, Split, samples


class Numbers:
    """Samples that say their number."""

    licence = "MIT"

    def __init__(self, name: str) -> None:
        self.name = name

    def sample(self, number: int, *, seed: int, split: Split) -> Sample:
        return Sample(self.name, "MIT", f"{split}/{seed}/{number}", (Exchange("?", str(number), "chat"),))


SOURCES = (Numbers("a"), Numbers("b"), Numbers("c"))
SHARES = {"a": 6.0, "b": 3.0, "c": 0.01}


def test_shares_are_kept_in_every_hundred_and_each_source_is_gone_through_in_order() -> None:
    mixture = Mixture(SOURCES, seed=1, split="train", shares=SHARES)
    made = [mixture.sample(number) for number in range(300)]
    for start in (0, 100, 200):
        counts = Counter(sample.source for sample in made[start : start + 100])
        assert counts == {"a": 66, "b": 33, "c": 1}
    for name in "abc":
        numbers = [int(sample.exchanges[0].answer) for sample in made if sample.source == name]
        assert numbers == list(range(len(numbers)))


def test_a_sample_is_known_by_its_number_whoever_asks_and_in_whatever_order() -> None:
    def drawn(seed: int, numbers: Iterable[int]) -> list[tuple[str, str]]:
        mixture = Mixture(SOURCES, seed=seed, split="train", shares=SHARES)
        return [(sample.source, sample.key) for sample in map(mixture.sample, numbers)]

    whole = drawn(1, range(250))
    assert drawn(1, range(249, 136, -1)) == whole[:136:-1]
    assert drawn(2, range(250)) != whole


def test_a_source_without_a_share_or_with_anothers_name_is_refused() -> None:
    with pytest.raises(ValueError, match="share of its own"):
        Mixture(SOURCES, seed=0, split="train", shares={"a": 1.0})
    with pytest.raises(ValueError, match="share of its own"):
        Mixture((SOURCES[0], SOURCES[0]), seed=0, split="train", shares=SHARES)


@pytest.mark.parametrize("split", ["train", "held-out"])
def test_all_sources_give_samples_in_both_splits(store: DataStore, photos: Path, split: Split) -> None:
    (photos / "captions.txt").write_text("image,caption\n" + "".join(f"{number:03}.jpg,A dog.\n" for number in range(12)))
    sources = build_sources(store, languages=("en", "zh"), folder=photos)
    assert len(sources) == 8
    mixture = Mixture(sources, seed=0, split=split)
    made = [mixture.sample(number) for number in range(100)]
    assert {sample.source for sample in made} == {source.name for source in sources}
    again = Mixture(sources, seed=0, split=split).sample(42)
    assert [image.sha256 for image in again.images] == [image.sha256 for image in made[42].images]
    for source in sources:
        one = next(samples(source, seed=3, split=split, start=5))
        assert one.licence and one.exchanges == source.sample(5, seed=3, split=split).exchanges


def test_an_unknown_source_names_the_known(store: DataStore) -> None:
    with pytest.raises(NotFoundError) as caught:
        build_sources(store, languages=("en",), names=("imagenet",))
    assert "shapes" in caught.value.hint
    assert [source.name for source in build_sources(store, languages=("en",), names=("shapes", "signs"))] == ["shapes", "signs"]
