"""Where weights lie on this machine, and whether they are what was pinned."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from assistant.config import Profile
from assistant.errors import NotFoundError, StorageError, WeightsCorruptError, WeightsMissingError
from assistant.weights.catalogue import CATALOGUE, File, Model, Role
from assistant.weights.shelf import Shelf

MANIFEST = "verified.json"
"""In each model's folder: the sha256, size and modification time of every file when it was last hashed."""

_EVERY = ("whisper-base", "silero-vad", "efficientnet-lite2", "ssd-mobilenet-v2-coco")
_REQUIRED: Mapping[Profile, tuple[str, ...]] = {
    "tiny": ("smollm2-135m-instruct", "whisper-tiny.en", "silero-vad", "efficientnet-lite2", "ssd-mobilenet-v2-coco"),
    "fast": ("qwen2.5-coder-0.5b-instruct", *_EVERY),
    "cpu": ("qwen2.5-coder-1.5b-instruct", *_EVERY),
    "gpu": _EVERY,
    "remote": _EVERY,
}
_OPTIONAL: Mapping[Profile, tuple[str, ...]] = {"fast": ("kokoro",), "cpu": ("kokoro",), "gpu": ("kokoro",), "remote": ("kokoro",)}
"""Kokoro speaks Mandarin; without it the replies in Mandarin stay text."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A line of `list`. `profiles` use the model; `present` says its files are here at their pinned sizes."""

    name: str
    role: Role
    size_bytes: int
    licence: str
    upstream: str
    present: bool
    profiles: tuple[str, ...]


class WeightStore(Shelf):
    """The folder `<cache_dir>/weights`, one subfolder for each model of the catalogue."""

    def __init__(self, cache_dir: Path, *, catalogue: Mapping[str, Model] = CATALOGUE) -> None:
        super().__init__(cache_dir / "weights")
        self.catalogue = catalogue

    def model(self, name: str) -> Model:
        """The catalogue's entry.

        Raises:
            NotFoundError: No model has the name.
        """
        if name not in self.catalogue:
            raise NotFoundError(f"there is no model {name!r}", hint=f"known: {', '.join(self.catalogue)}")
        return self.catalogue[name]

    def required(self, profile: Profile, *, optional: bool = False) -> tuple[str, ...]:
        """Names of the models a profile loads; with `optional`, also those it can do without."""
        return _REQUIRED[profile] + (_OPTIONAL.get(profile, ()) if optional else ())

    def folder(self, name: str) -> Path:
        """The folder of a model whose files match their pins.

        A file is hashed again only when its size or modification time is not the one noted when it last matched, so that
        a start does not read a gigabyte twice.

        Raises:
            NotFoundError: No model has the name.
            WeightsMissingError: The model, or a file of it, is not here.
            WeightsCorruptError: A file differs from its pinned sha256.
        """
        return self._checked(self.model(name), trust_manifest=True)

    def verify(self, names: Iterable[str]) -> None:
        """Hash every file of the models, whatever was noted before.

        Raises:
            NotFoundError: No model has a name; nothing was hashed.
            WeightsMissingError: A file is not here.
            WeightsCorruptError: A file differs from its pinned sha256.
        """
        for model in [self.model(name) for name in names]:
            self._checked(model, trust_manifest=False)

    def list(self) -> tuple[ModelStatus, ...]:
        """Every model of the catalogue. Nothing is hashed."""
        return tuple(
            ModelStatus(
                name=model.name,
                role=model.role,
                size_bytes=model.size_bytes,
                licence=model.licence,
                upstream=model.upstream,
                present=all(_size(self.root / model.name / file.path) == file.size_bytes for file in model.files),
                profiles=tuple(profile for profile in _REQUIRED if model.name in self.required(profile, optional=True)),
            )
            for model in self.catalogue.values()
        )

    def remove(self, names: Iterable[str]) -> None:
        """Delete models and what an unfinished pull left. A model that is not here is no error.

        Raises:
            NotFoundError: No model has a name; nothing was removed.
            StorageError: Another process is pulling or removing the model, or the folder cannot be written.
        """
        for model in [self.model(name) for name in names]:
            with self.changing(model.name, wait=False) as work:
                self.discard(model.name)
                shutil.rmtree(work)

    def _checked(self, model: Model, *, trust_manifest: bool) -> Path:
        folder = self.root / model.name
        noted = _read_manifest(folder) if trust_manifest else {}
        found: dict[str, Stamp] = {}
        for file in model.files:
            path = folder / file.path
            try:
                found[file.path] = stamp(path, file)
                actual = file.sha256 if noted.get(file.path) == found[file.path] else sha256_of(path)
            except FileNotFoundError as error:
                what = f"{file.path} of the weights {model.name!r} is" if folder.exists() else f"the weights {model.name!r} are"
                raise WeightsMissingError(f"{what} not in {folder}", hint=f"run `assistant models pull {model.name}`") from error
            except OSError as error:
                raise StorageError(
                    f"cannot read {path}: {error}", hint="check the disk and the rights of the cache folder"
                ) from error
            if actual != file.sha256:
                _forget_manifest(folder)
                raise WeightsCorruptError(
                    f"{path} has sha256 {actual}, pinned is {file.sha256}",
                    hint=f"run `assistant models remove {model.name}`, then `assistant models pull {model.name}`",
                )
        if found != noted:
            write_manifest(folder, found)
        return folder


Stamp: TypeAlias = tuple[str, int, int]
"""Pinned sha256, size in bytes, modification time in nanoseconds."""


def stamp(path: Path, file: File) -> Stamp:
    """Of a file as it is now, noted in the manifest if its bytes match the pin."""
    status = path.stat()
    return file.sha256, status.st_size, status.st_mtime_ns


def sha256_of(path: Path) -> str:
    """Of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_manifest(folder: Path, stamps: Mapping[str, Stamp]) -> None:
    """Note that the files matched their pins when they had these stamps."""
    draft = folder / f".{MANIFEST}-{os.getpid()}"
    try:
        draft.write_text(json.dumps(stamps, indent=1), encoding="utf-8")
        draft.replace(folder / MANIFEST)
    except OSError:
        # A read-only or full cache still serves: its files are hashed at every start instead.
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _forget_manifest(folder: Path) -> None:
    with suppress(OSError):  # a read-only cache
        (folder / MANIFEST).unlink(missing_ok=True)


def _read_manifest(folder: Path) -> dict[str, Stamp]:
    """What was noted, or nothing when the note is missing or unreadable: the files are then hashed."""
    try:
        notes = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {path: (str(sha256), int(size), int(time)) for path, (sha256, size, time) in notes.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
