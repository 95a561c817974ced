"""How often a picture engine names what a photo shows, beside always saying the commonest name."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.config import LimitSettings
from assistant.evaluation.rows import read_rows, text_field
from assistant.protocols import VisionEncoder
from assistant.vision.efficientnet import class_names
from assistant.vision.image import decode_image


@dataclass(frozen=True, slots=True)
class NamedPhoto:
    """One photo and the names that the engine reports with confidence, the likeliest first."""

    path: str
    name: str
    reported: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VisionResult:
    """All photos. A name is right when it is ImageNet's own for the class, to the letter; no name is wrong."""

    photos: tuple[NamedPhoto, ...]
    named: float
    """Share of the photos for which anything is reported."""
    first_right: float
    """Share of all photos whose likeliest name is right."""
    any_right: float
    """Share of all photos of whose names, three at most, one is right."""
    right_of_named: float
    """Share of the named photos whose likeliest name is right."""
    baseline: float
    """Share that is right for who always says the commonest name."""
    seconds_per_photo: float

    def table(self, *, verbose: bool = False) -> str:
        """The shares, one line."""
        columns = ("photos", "named", "first right", "any of 3", "right if named", "baseline", "s/photo")
        shares = (self.named, self.first_right, self.any_right, self.right_of_named, self.baseline)
        values = (str(len(self.photos)), *(f"{share:.1%}" for share in shares), f"{self.seconds_per_photo:.3f}")
        lines = ["".join(f"{cell:>16}" for cell in row) for row in (columns, values)]
        if verbose:
            wrong = (x for x in self.photos if x.reported[:1] != (x.name,))
            lines += [f"WRONG {x.path}: {x.name} -> {', '.join(x.reported) or 'nothing'}" for x in wrong]
        return "\n".join(lines)


async def evaluate_vision(engine: VisionEncoder, data: Path) -> VisionResult:
    """Show the engine each photo of a `manifest.jsonl`, whose rows hold `path` and `class_index`, from 0 to 999.

    Raises:
        FileMissingError: There is no manifest, or a photo is not there.
        ConfigError: A line of it is not a photo.
        InputError: A photo cannot be used.
    """
    names, limits = class_names(), LimitSettings()

    def photo(row: dict[str, Any]) -> tuple[str, str]:
        index = row.get("class_index")
        if not isinstance(index, int) or not 0 <= index < len(names):
            raise ValueError(f"class_index must be a number from 0 to {len(names) - 1}, got {index!r}")
        return text_field(row, "path"), names[index]

    photos, wall_s = [], 0.0
    for path, name in read_rows(data / "manifest.jsonl", photo, fields="path, class_index"):
        image = decode_image(
            data / path, max_bytes=limits.image_bytes, max_pixels=limits.image_pixels, max_side_px=limits.image_side_px
        )
        start = time.perf_counter()
        sight = await engine.encode(image)
        wall_s += time.perf_counter() - start
        photos.append(NamedPhoto(path, name, tuple(label.name for label in sight.evidence.labels[:3])))
    named = sum(bool(x.reported) for x in photos)
    first_right = sum(x.reported[:1] == (x.name,) for x in photos)
    return VisionResult(
        tuple(photos),
        named=named / len(photos),
        first_right=first_right / len(photos),
        any_right=sum(x.name in x.reported for x in photos) / len(photos),
        right_of_named=first_right / max(1, named),
        baseline=max(Counter(x.name for x in photos).values()) / len(photos),
        seconds_per_photo=wall_s / len(photos),
    )
