"""What training looks at pictures with: the product's own encoder and finders, out of the weight store."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from assistant import engines
from assistant.training.data_store import DataStore
from assistant.training.mixture import SHARES, Mixture, build_sources
from assistant.training.prepared import PreparedSamples
from assistant.training.sample import Language, Split
from assistant.vision.detector import ObjectDetector
from assistant.vision.encoder_efficientnet import EfficientNetEncoder
from assistant.vision.region_finder import RegionFinder
from assistant.weights import WeightStore

ENCODER, DETECTOR = "efficientnet-lite2", "ssd-mobilenet-v2-coco"
_FOUND = 2
"""To be raised when the region finder finds other things in the same pictures."""


class _Finder(RegionFinder):
    """The product's, with a name for what it finds."""

    def __init__(self, store: WeightStore) -> None:
        super().__init__(ObjectDetector(store.folder(DETECTOR) / "model.pb"))
        self.fingerprint = f"{DETECTOR}-{store.model(DETECTOR).files[0].sha256[:8]}-{_FOUND}"


def load_encoder(store: WeightStore) -> EfficientNetEncoder:
    """The product's, whatever the settings name.

    Raises:
        WeightsError: It is missing or damaged.
    """
    return engines.load_encoder(store, ENCODER)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Which pictures to train on."""

    languages: tuple[Language, ...] = ("en",)
    sources: tuple[str, ...] = ()
    """By name; empty is all."""
    folder: Path | None = None
    """A user's own photos."""
    seed: int = 0


def prepared_samples(cache_dir: Path, pictures: Pictures, split: Split, encoder: EfficientNetEncoder) -> PreparedSamples:
    """The samples of these pictures.

    Raises:
        WeightsError: Data, encoder or detector are missing.
        NotFoundError: A source does not exist.
        ConfigError: The folder has no known layout.
    """
    store = DataStore(cache_dir)
    sources = build_sources(store, languages=pictures.languages, names=pictures.sources, folder=pictures.folder)
    mixture = Mixture(sources, seed=pictures.seed, split=split, augment=split == "train")
    description = {
        "shares": {source.name: SHARES[source.name] for source in sources},
        "languages": pictures.languages,
        "data": {data.name: data.package.sha256 for data in store.table.values() if store.has(data.name)},  # samples differ with it
        "folder": _listing(pictures.folder) if pictures.folder else "",
        "seed": pictures.seed,
        "split": split,
    }
    root = cache_dir / "training" / "prepared"
    return PreparedSamples(root, mixture, description, encoder, _Finder(WeightStore(cache_dir)))


def _listing(folder: Path) -> str:
    """Tells apart what lies in a folder of photos at different times."""
    files = sorted((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()
