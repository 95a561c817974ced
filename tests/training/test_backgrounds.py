"""What things stand on."""

from __future__ import annotations

from pathlib import Path

from assistant.training.backgrounds import Backgrounds, surface
from assistant.training.data_store import DataStore
from assistant.training.sample import chance


def test_places_are_named_and_kept_apart_between_the_splits(store: DataStore) -> None:
    backgrounds = Backgrounds(store, places_share=1.0)
    seen = {}
    for split in ("train", "held-out"):
        chosen = [backgrounds.choose(chance(n), (64, 48), split) for n in range(60)]
        assert all(background.pixels_HWC.shape == (48, 64, 3) for background in chosen)
        seen[split] = {background.place.en for background in chosen if background.place}
    assert seen["train"] and not seen["train"] & seen["held-out"]


def test_without_places_surfaces_are_plain(tmp_path: Path) -> None:
    backgrounds = Backgrounds(DataStore(tmp_path))
    assert all(backgrounds.choose(chance(n), (32, 32), "train").place is None for n in range(20))


def test_surfaces_are_dull() -> None:
    for number in range(40):
        pixels_HWC = surface(chance(number), (40, 30)).astype(int)
        assert pixels_HWC.shape == (30, 40, 3)
        assert (pixels_HWC.max(axis=2) - pixels_HWC.min(axis=2)).max() <= 60
