"""Samples whose pictures were looked at once, kept in blocks on disk: every training of every connector and model reads them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import filelock
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from assistant.training.mixture import Mixture
from assistant.training.sample import Exchange, Sample
from assistant.types import Evidence, Label, Region
from assistant.vision.colour import main_colours
from assistant.vision.encoder import FeatureEncoder, Features
from assistant.vision.experts import labels_of
from assistant.vision.region_finder import Found

BLOCK = 100
"""Samples of a file."""
VERSION = 1
"""To be raised when samples of the same numbers become others."""
_BATCH = 4


class Finder(Protocol):
    """Finds things in pictures. Its fingerprint is part of a file's name."""

    @property
    def fingerprint(self) -> str:
        """Tells finders apart that may find different things."""
        ...

    def find(self, pictures: Sequence[NDArray[np.uint8]]) -> tuple[Found, ...]:
        """What is where in each picture."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class PreparedSample:
    """A conversation, and what encoder and experts make of its pictures."""

    source: str
    key: str
    exchanges: tuple[Exchange, ...]
    features: Features | None = None
    """Of all its pictures; of none that was drawn where the features are virtual. None for a conversation without pictures."""
    evidence: tuple[Evidence, ...] = ()
    """Of each picture; none where the features are virtual."""


class PreparedSamples:
    """The samples of a mixture by number; what nobody has prepared yet is prepared when it is asked for."""

    def __init__(
        self,
        root: Path,
        mixture: Mixture,
        description: Mapping[str, object],
        encoder: FeatureEncoder,
        finder: Finder,
    ) -> None:
        """Choose the folder.

        Args:
            root: Holds a folder for each mixture and encoder.
            mixture: Of sources of pictures.
            description: All that decides which samples the mixture makes.
            encoder: That looks.
            finder: Of the regions. What it finds lies in a file of its own, so that a better one costs no second encoding.
        """
        self._mixture, self._encoder, self._finder = mixture, encoder, finder
        # the coarse copy of the head's grid is left out: no connector reads it by default
        self.levels = tuple(name for name in encoder.levels if name != "stride32")
        facts = {**description, "encoder": encoder.sha256, "normalisation": encoder.normalisation, "version": VERSION}
        self.folder = root / hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
        self._block = lru_cache(maxsize=4)(self._loaded)

    def __getitem__(self, number: int) -> PreparedSample:
        """The sample of a number from 0."""
        block, place = divmod(number, BLOCK)
        return self._block(block)[place]

    def has(self, block: int) -> bool:
        """Whether a block is on disk."""
        return self._notes(block).exists() and self._found(block).exists()

    def prepare(self, block: int, *, wait: bool = True) -> bool:
        """Bring a block to disk, unless it is there; where another process is at it, that is waited for.

        Args:
            block: Of `BLOCK` samples.
            wait: Wait for another process; else leave the block to it.

        Returns:
            Whether the block is on disk.
        """
        if self.has(block):
            return True
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(self.folder / f"{block:05}.lock", timeout=-1 if wait else 0):
                self._prepare(block)
        except filelock.Timeout:
            return False
        return True

    def _prepare(self, block: int) -> None:
        if not self.has(block):
            samples = [self._mixture.sample(number) for number in range(block * BLOCK, (block + 1) * BLOCK)]
            pictures = [image.pixels_HWC for sample in samples for image in sample.images]
            if not self._notes(block).exists():
                _write_tensors(self._tensors(block), self._encoded(pictures))
                _write_json(self._notes(block), [_notes(sample) for sample in samples])
            found = [each for batch in _batches(pictures) for each in self._finder.find(batch)]
            _write_json(self._found(block), [asdict(each) for each in found])

    def _encoded(self, pictures: Sequence[NDArray[np.uint8]]) -> dict[str, Tensor]:
        looks = [self._encoder.encode(batch) for batch in _batches(pictures)]
        tensors = {"logits": torch.cat([x.logits_BK for x in looks]), "pooled": torch.cat([x.pooled_BV for x in looks])}
        tensors |= {f"level.{name}": torch.cat([x.levels[name] for x in looks]) for name in self.levels}
        return {name: tensor.cpu().half().contiguous() for name, tensor in tensors.items()}

    def _loaded(self, block: int) -> tuple[PreparedSample, ...]:
        self.prepare(block)
        try:
            notes = json.loads(self._notes(block).read_text(encoding="utf-8"))
            found = [_found(each) for each in json.loads(self._found(block).read_text(encoding="utf-8"))]
            with safe_open(self._tensors(block), framework="pt") as file:
                wanted = ["logits", "pooled", *(f"level.{name}" for name in self.levels)]
                tensors = {name: file.get_tensor(name).float() for name in wanted}
        except (OSError, ValueError, SafetensorError):
            self._notes(block).unlink(missing_ok=True)  # damaged: made again
            return self._loaded(block)
        samples, first = [], 0
        for note in notes:
            end = first + len(note["pictures"])
            samples.append(self._sample(note, {name: tensor[first:end] for name, tensor in tensors.items()}, found[first:end]))
            first = end
        return tuple(samples)

    def _sample(self, note: Any, tensors: Mapping[str, Tensor], found: Sequence[Found]) -> PreparedSample:
        exchanges = tuple(Exchange(*exchange) for exchange in note["exchanges"])
        if not found:
            return PreparedSample(note["source"], note["key"], exchanges)
        levels = {name.removeprefix("level."): tensor for name, tensor in tensors.items() if name.startswith("level.")}
        evidence = tuple(
            Evidence(
                picture["width_px"],
                picture["height_px"],
                labels=labels_of(self._encoder.names, logits_K),
                text_lines=tuple(picture["text_lines"]),
                colours=tuple(Label(*colour) for colour in picture["colours"]),
                regions=each.regions,
                glimpses=each.glimpses,
            )
            for picture, logits_K, each in zip(note["pictures"], tensors["logits"], found, strict=True)
        )
        features = Features(tensors["logits"], tensors["pooled"], levels, tuple(each.regions for each in found))
        return PreparedSample(note["source"], note["key"], exchanges, features, evidence)

    def _tensors(self, block: int) -> Path:
        return self.folder / f"{block:05}.safetensors"

    def _notes(self, block: int) -> Path:
        return self.folder / f"{block:05}.json"

    def _found(self, block: int) -> Path:
        return self.folder / f"{block:05}.{self._finder.fingerprint}.json"


def _notes(sample: Sample) -> dict[str, object]:
    """What is to be kept of a sample but its pictures; writing is what the sample says, nothing else reads it here."""
    texts = [item.text_lines for item in sample.evidence] if sample.evidence is not None else [()] * len(sample.images)
    return {
        "source": sample.source,
        "key": sample.key,
        "exchanges": [[exchange.question, exchange.answer, exchange.task] for exchange in sample.exchanges],
        "pictures": [
            {
                "width_px": image.width_px,
                "height_px": image.height_px,
                "text_lines": text,
                "colours": [[colour.name, colour.confidence] for colour in main_colours(image.pixels_HWC)],
            }
            for image, text in zip(sample.images, texts, strict=True)
        ],
    }


def _found(stored: Any) -> Found:
    return Found(tuple(Region(**region) for region in stored["regions"]), tuple(Label(**label) for label in stored["glimpses"]))


def _batches(pictures: Sequence[NDArray[np.uint8]]) -> Iterable[Sequence[NDArray[np.uint8]]]:
    return (pictures[first : first + _BATCH] for first in range(0, len(pictures), _BATCH))


def _write_json(path: Path, value: object) -> None:
    _atomically(path, lambda draft: draft.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8"))


def _write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    _atomically(path, lambda draft: save_file(dict(tensors), draft))


def _atomically(path: Path, write: Callable[[Path], object]) -> None:
    draft = path.with_suffix(f"{path.suffix}.{os.getpid()}.part")
    write(draft)
    draft.replace(path)
