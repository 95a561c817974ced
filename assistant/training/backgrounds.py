"""What composites stand on: photos and drawings of places, and plain surfaces that hold nothing one could name."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageFilter

from assistant.training.data_store import DataStore
from assistant.training.nouns import Noun
from assistant.training.sample import Split, split_of

_PLACES: Mapping[str, tuple[str, str]] = {
    "bedroom": ("bedroom", "卧室"),
    "clothing-store": ("clothing shop", "服装店"),
    "hall": ("hallway", "走廊"),
    "kitchen": ("kitchen", "厨房"),
    "room": ("room", "房间"),
    "spotlight-stage": ("stage", "舞台"),
    "the-movies-inside": ("cinema", "电影院"),
    "beach-malibu": ("beach", "海滩"),
    "canyon": ("canyon", "峡谷"),
    "grand-canyon": ("canyon", "峡谷"),
    "desert": ("desert", "沙漠"),
    "gravel-desert": ("desert", "沙漠"),
    "flower-bed": ("flower bed", "花坛"),
    "forest": ("forest", "森林"),
    "woods": ("forest", "森林"),
    "garden-rock": ("garden", "花园"),
    "pathway": ("garden", "花园"),
    "hill": ("hill", "小山"),
    "lake": ("lake", "湖"),
    "moon": ("landscape on the moon", "月球表面"),
    "stars": ("starry sky", "星空"),
    "water-and-rocks": ("stream", "小溪"),
    "woods-and-bench": ("park", "公园"),
    "atom-playground": ("playground", "游乐场"),
    "boardwalk": ("wooden deck by the sea", "海边的木栈道"),
    "brick-wall": ("brick wall", "砖墙"),
    "brick-wall-and-stairs": ("brick wall", "砖墙"),
    "building-at-mit": ("modern building", "现代建筑"),
    "building-fireproof": ("brick building", "砖楼"),
    "castle": ("castle", "城堡"),
    "city-with-water": ("city by the water", "水边的城市"),
    "hallway_outdoors": ("hallway", "走廊"),
    "hay_field": ("field", "田野"),
    "mansion": ("mansion", "豪宅"),
    "night-city": ("city at night", "夜晚的城市"),
    "night-city-with-street": ("city at night", "夜晚的城市"),
    "parking-ramp": ("parking garage", "停车场"),
    "pool": ("swimming pool", "游泳池"),
    "route": ("road", "公路"),
    "school": ("school", "学校"),
    "train-tracks": ("railway track", "铁轨"),
    "village": ("village", "村庄"),
    "wooden-house": ("wooden house", "木屋"),
    "baseball-field": ("baseball field", "棒球场"),
    "basketball-court": ("basketball court", "篮球场"),
    "basketball-court1-a": ("basketball court", "篮球场"),
    "basketball-court1-b": ("basketball court", "篮球场"),
    "football-field": ("football field", "橄榄球场"),
    "playing-field": ("playing field", "运动场"),
    "tennis-backboard": ("tennis court", "网球场"),
    "underwater": ("sea floor", "海底"),
    "wave": ("wave in the sea", "海浪"),
}
"""By file name without its number, seen by eye. The rest shows murals, people or nothing that has a name."""


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """What is behind the things. A place holds things of its own, which nobody has counted."""

    pixels_HWC: NDArray[np.uint8]
    place: Noun | None = None


class Backgrounds:
    """Places, where the data is here, and plain surfaces."""

    def __init__(self, store: DataStore, *, places_share: float = 0.5) -> None:
        """Look up what is there.

        Args:
            store: Of the training data; without its backgrounds all surfaces are plain.
            places_share: How often a place is chosen.
        """
        folder = store.folder("backgrounds") if store.has("backgrounds") else None
        paths = sorted(folder.rglob("*.*")) if folder else []
        named = [(path, name) for path in paths if (name := _place(path)) is not None]
        self._places: dict[Split, list[tuple[Path, Noun]]] = {"train": [], "held-out": []}
        for path, noun in named:
            self._places[split_of(f"background/{path.stem}")].append((path, noun))
        self._share = places_share

    def choose(self, rng: random.Random, size_px: tuple[int, int], split: Split) -> Background:
        """One of the split's places, cut anywhere, or a surface; width and height as given."""
        places = self._places[split]
        if places and rng.random() < self._share:
            path, noun = rng.choice(places)
            return Background(_cut(_decoded(path), size_px, rng), noun)
        return Background(surface(rng, size_px))


def surface(rng: random.Random, size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """One colour, a gradient, soft blotches or grain: dull enough that a bright thing stands out."""
    width_px, height_px = size_px
    ends = np.array([_dull_colour(rng), _dull_colour(rng)], np.float32)
    style = rng.random()
    if style < 0.3:
        field_HW1: NDArray[np.float32] = np.zeros((height_px, width_px, 1), np.float32)
    elif style < 0.6:
        across, down = np.linspace(0, 1, width_px, dtype=np.float32), np.linspace(0, 1, height_px, dtype=np.float32)
        slant = rng.random()
        field_HW1 = np.float32(slant) * across[None, :, None] + np.float32(1 - slant) * down[:, None, None]
    else:
        cells = rng.choice((3, 5, 9, 40))
        noise = np.frombuffer(rng.randbytes(cells * cells), np.uint8).reshape(cells, cells)
        field_HW1 = np.asarray(Pillow.fromarray(noise).resize(size_px, Pillow.Resampling.BICUBIC), np.float32)[
            ..., None
        ] / np.float32(255)
    pixels_HWC: NDArray[np.float32] = np.clip(ends[0] + (ends[1] - ends[0]) * field_HW1, 0, 255)
    return pixels_HWC.astype(np.uint8)


def _dull_colour(rng: random.Random) -> tuple[float, float, float]:
    grey = rng.uniform(60, 235)
    return grey + rng.uniform(-22, 22), grey + rng.uniform(-22, 22), grey + rng.uniform(-22, 22)


def _place(path: Path) -> Noun | None:
    name = _PLACES.get(path.stem) or _PLACES.get(path.stem.rstrip("0123456789"))
    return Noun(*name) if name and path.suffix in (".jpg", ".png", ".gif") else None


@cache
def _decoded(path: Path) -> Pillow.Image:
    with Pillow.open(path, formats=["JPEG", "PNG", "GIF"]) as opened:
        return opened.convert("RGB")


def _cut(picture: Pillow.Image, size_px: tuple[int, int], rng: random.Random) -> NDArray[np.uint8]:
    """A part with the right proportions, not less than two thirds of what fits."""
    scale = min(picture.width / size_px[0], picture.height / size_px[1]) * rng.uniform(0.67, 1.0)
    width, height = size_px[0] * scale, size_px[1] * scale
    left, top = rng.uniform(0, picture.width - width), rng.uniform(0, picture.height - height)
    cut = picture.resize(size_px, Pillow.Resampling.BICUBIC, box=(left, top, left + width, top + height))
    return np.asarray(cut.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.2))) if rng.random() < 0.3 else cut)
