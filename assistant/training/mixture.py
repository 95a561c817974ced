"""Many sources as one stream, in fixed shares, whose every sample is known by its number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from assistant.errors import NotFoundError
from assistant.training.augmentation import augmented
from assistant.training.backgrounds import Backgrounds
from assistant.training.comparisons import Pairs
from assistant.training.composites import Composer, groups, portraits
from assistant.training.cutouts import all_cutouts
from assistant.training.data_store import DataStore
from assistant.training.folders import FolderSource
from assistant.training.mislabelled import Mislabelled
from assistant.training.nothing import Nothing
from assistant.training.sample import Language, Sample, Source, Split, chance
from assistant.training.shapes import Shapes
from assistant.training.signs import Signs

SHARES: Mapping[str, float] = {
    "shapes": 0.32,
    "portraits": 0.18,
    "groups": 0.22,
    "pairs": 0.04,
    "signs": 0.08,
    "mislabelled": 0.03,
    "nothing": 0.03,
    "replay": 0.13,
    "virtual": 0.1,
    "folder": 0.3,
}
"""How often each source comes, before those that are not there are left out (the study's stage 3, and its folder of photos)."""

_BLOCK = 100


class Mixture:
    """In every hundred samples each source comes as often as its share says, in an order of chance.

    A sample depends on the seed and its number only: a training that stopped after sample n goes on with n + 1, and several
    processes can each take every so-manieth.
    """

    def __init__(
        self, sources: Sequence[Source], *, seed: int, split: Split, shares: Mapping[str, float] = SHARES, augment: bool = True
    ) -> None:
        """Divide a block among the sources.

        Args:
            sources: With different names.
            seed: Of all chance.
            split: Which side of every source.
            shares: By the sources' names; they need not add up to one.
            augment: Whether pictures are changed; meant for training only.

        Raises:
            ValueError: A source has no share, two have one name, or there are more than fit into a block.
        """
        self.sources = {source.name: source for source in sources}
        if len(self.sources) != len(sources) or not all(shares.get(name, 0) > 0 for name in self.sources):
            raise ValueError("every source needs a name and a share of its own")
        self._slots = _slots({name: shares[name] for name in self.sources})
        self._seed = seed
        self._split: Split = split
        self._augment = augment

    def sample(self, number: int) -> Sample:
        """The sample of a number from 0."""
        block, place = divmod(number, _BLOCK)
        order = _order(tuple(self._slots.items()), self._seed, block)
        name = order[place]
        inner = block * self._slots[name] + order[:place].count(name)
        sample = self.sources[name].sample(inner, seed=self._seed, split=self._split)
        return augmented(sample, chance(self._seed, "augment", number)) if self._augment else sample


@lru_cache(maxsize=8)
def _order(slots: tuple[tuple[str, int], ...], seed: int, block: int) -> Sequence[str]:
    names = [name for name, n in slots for _ in range(n)]
    return chance("mixture", seed, block).sample(names, len(names))


def _slots(shares: Mapping[str, float]) -> dict[str, int]:
    """Places in a block, at least one each; largest remainders get what is left over."""
    total = sum(shares.values())
    exact = {name: share / total * _BLOCK for name, share in shares.items()}
    slots = {name: max(1, int(value)) for name, value in exact.items()}
    while (left := _BLOCK - sum(slots.values())) != 0:
        towards = 1 if left > 0 else -1
        candidates = [name for name in slots if slots[name] + towards >= 1]
        if not candidates:
            raise ValueError(f"more than {_BLOCK} sources do not fit into a block")
        slots[max(candidates, key=lambda name: towards * (exact[name] - slots[name]))] += towards
    return slots


def build_sources(
    store: DataStore, *, languages: Sequence[Language], names: Sequence[str] = (), folder: Path | None = None
) -> list[Source]:
    """The sources of pictures.

    Args:
        store: Of the training data.
        languages: Of the conversations.
        names: Which to build; empty for all.
        folder: A user's own photos.

    Raises:
        NotFoundError: No source has a name.
        WeightsMissingError: Data that a source needs was not fetched.
        ConfigError: The folder has no known layout.
    """
    known = ("shapes", "portraits", "groups", "pairs", "signs", "mislabelled", "nothing", *(("folder",) if folder else ()))
    for name in names:
        if name not in known:
            raise NotFoundError(f"there is no source {name!r}", hint=f"known: {', '.join(known)}")
    wanted = tuple(names) or known
    built: list[Source] = [Shapes(languages)] if "shapes" in wanted else []
    if {"portraits", "groups", "pairs", "mislabelled", "nothing"} & set(wanted):
        cutouts = all_cutouts(store)
        composer = Composer(cutouts, Backgrounds(store), store.data("backgrounds").licence)
        composed: list[Source] = [
            portraits(composer, languages),
            groups(composer, languages),
            Pairs(composer, languages),
            Nothing(cutouts, languages),
        ]
        if "mislabelled" in wanted:
            composed.append(Mislabelled(composer, store, languages))
        built += [source for source in composed if source.name in wanted]
    if "signs" in wanted:
        built.append(Signs(store, languages))
    if folder is not None and "folder" in wanted:
        built.append(FolderSource(folder))
    return built
