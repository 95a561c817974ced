"""How often a caption finds its picture among the others, beside chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.errors import ConfigError
from assistant.evaluation.pictures import Pictures
from assistant.evaluation.rows import read_rows, text_field
from assistant.protocols import VisionEncoder
from assistant.types import RememberedPicture
from assistant.vision.picture_search import search_by_words

_AMONG = 5


@dataclass(frozen=True, slots=True)
class FoundCaption:
    """Where a caption's picture came among all; pictures that were not found share the places behind those that were."""

    caption: str
    path: str
    place: float
    """From 1."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """All captions."""

    pictures: int
    captions: tuple[FoundCaption, ...]

    def table(self, *, verbose: bool = False) -> str:
        """Recall among the first one and the first five, beside chance."""
        lines = [f"{len(self.captions)} captions, {self.pictures} pictures", f"{'':10}{'found':>8}{'chance':>8}"]
        for among in (1, _AMONG):
            right = sum(found.place <= among for found in self.captions) / len(self.captions)
            lines.append(f"recall@{among:<3}{right:>8.1%}{min(1.0, among / self.pictures):>8.1%}")
        if verbose:
            lines += [f"PLACE {x.place:g} {x.path}: {x.caption}" for x in self.captions if x.place > 1]
        return "\n".join(lines)


def load_captions(path: Path) -> list[tuple[str, str]]:
    """Captions with the paths of their pictures.

    Args:
        path: A `.jsonl` whose rows hold `path` and a list of `captions`, or `path`, `text` and whether they `match`; or a folder
            with such a `manifest.jsonl`.

    Raises:
        FileMissingError: It cannot be read.
        ConfigError: A line is no such row, or no row has a caption that matches.
    """

    def row(fields: dict[str, Any]) -> list[tuple[str, str]]:
        place, captions = text_field(fields, "path"), fields.get("captions")
        if captions is None:
            return [(text_field(fields, "text"), place)] if fields.get("match", True) else []
        if not isinstance(captions, list) or not all(isinstance(caption, str) for caption in captions):
            raise ValueError(f"captions must be a list of texts, got {captions!r}")
        return [(caption, place) for caption in captions]

    file = path / "manifest.jsonl" if path.is_dir() else path
    found = [pair for pairs in read_rows(file, row, fields="path, captions; or path, text, match") for pair in pairs]
    if not found:
        raise ConfigError(f"{file} holds no caption that matches its picture", hint="fields: path, captions; or path, text, match")
    return found


async def evaluate_search(vision: VisionEncoder, captions: Sequence[tuple[str, str]], folder: Path) -> SearchResult:
    """Search for every caption among all pictures.

    Args:
        vision: Looks at them.
        captions: With the paths of their pictures, in `folder`.
        folder: Where the pictures lie.

    Raises:
        FileMissingError: A picture is not there.
        VisionError: A picture could not be looked at.
    """
    images = Pictures(folder)
    pictures = []
    for path in dict.fromkeys(path for _, path in captions):
        evidence = (await vision.encode(images[path])).evidence
        pictures.append(RememberedPicture(path, "", "", "", evidence=evidence))
    found = [FoundCaption(caption, path, _place(caption, path, pictures)) for caption, path in captions]
    return SearchResult(len(pictures), tuple(found))


def _place(caption: str, path: str, pictures: Sequence[RememberedPicture]) -> float:
    order = [one.picture.sha256 for one in search_by_words(caption, pictures)]
    return order.index(path) + 1 if path in order else (len(order) + 1 + len(pictures)) / 2
