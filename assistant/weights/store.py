"""Where weights lie on this machine, and whether they are what was pinned."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from assistant.config import Profile
from assistant.errors import NotFoundError, StorageError, WeightsCorruptError, WeightsMissingError
from assistant.weights.catalogue import CATALOGUE, File, Model, Role

MANIFEST = "verified.json"
"""In each model's folder: the sha256, size and modification time of every file when it was last hashed."""

_EVERY = ("whisper-base", "silero-vad", "efficientnet-lite2")
_REQUIRED: Mapping[Profile, tuple[str, ...]] = {
    "tiny": ("smollm2-135m-instruct", "whisper-tiny.en", "silero-vad", "efficientnet-lite2"),
    "fast": ("qwen2.5-coder-0.5b-instruct", *_EVERY),
    "cpu": ("qwen2.5-coder-1.5b-instruct", *_EVERY),
    "gpu": ("silero-vad", "efficientnet-lite2"),
    "remote": _EVERY,
}
_OPTIONAL: Mapping[Profile, tuple[str, ...]] = {"fast": ("kokoro",), "cpu": ("kokoro",), "gpu": ("kokoro",), "remote": ("kokoro",)}
"""Kokoro speaks Mandarin; without it the replies in Mandarin stay text."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A line of `list`. `profiles` need the model; `present` says its files are here at their pinned sizes."""

    name: str
    role: Role
    size_bytes: int
    licence: str
    upstream: str
    present: bool
    profiles: tuple[str, ...]


class WeightStore:
    """The folder `<cache_dir>/weights`, one subfolder for each model of the catalogue."""

    def __init__(self, cache_dir: Path, *, catalogue: Mapping[str, Model] = CATALOGUE) -> None:
        self.root = cache_dir / "weights"
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
                profiles=tuple(profile for profile, names in _REQUIRED.items() if model.name in names),
            )
            for model in self.catalogue.values()
        )

    def remove(self, names: Iterable[str]) -> None:
        """Delete models and what an unfinished pull of them left. A model that is not here is no error.

        Raises:
            NotFoundError: No model has a name; nothing was removed.
            StorageError: Another process is pulling or removing the model.
        """
        for model in [self.model(name) for name in names]:
            with self.locked(model.name, wait=False):
                self.discard(self.root / model.name)
                shutil.rmtree(self.pulling(model.name), ignore_errors=True)

    def pulling(self, name: str) -> Path:
        """Where a pull of a model keeps what it has fetched so far."""
        return self.root / ".pulling" / name

    def discard(self, folder: Path) -> None:
        """Delete a folder so that nobody can see half of it."""
        if folder.exists():
            with tempfile.TemporaryDirectory(prefix=".removed-", dir=self.root) as bin_:
                folder.rename(Path(bin_) / folder.name)

    @contextmanager
    def locked(self, name: str, *, wait: bool) -> Iterator[None]:
        """Hold a model's lock: one process at a time changes its folder; the lock dies with the process.

        Raises:
            StorageError: Another process holds it and `wait` is false.
        """
        locks = self.root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(locks / f"{name}.lock", timeout=-1 if wait else 0)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise StorageError(f"another process is changing {name!r}", hint="wait until it ends, or stop it") from error
        try:
            yield
        finally:
            lock.release()

    def _checked(self, model: Model, *, trust_manifest: bool) -> Path:
        folder = self.root / model.name
        pull_it = f"run `assistant models pull {model.name}`"
        noted = _read_manifest(folder) if trust_manifest else {}
        found: dict[str, _Stamp] = {}
        for file in model.files:
            path = folder / file.path
            try:
                stamp = _stamp(path, file)
            except FileNotFoundError as error:
                what = f"{file.path} of the weights {model.name!r} is" if folder.exists() else f"the weights {model.name!r} are"
                raise WeightsMissingError(f"{what} not in {folder}", hint=pull_it) from error
            except OSError as error:
                raise StorageError(f"cannot look at {path}: {error}", hint="check the rights of the cache folder") from error
            if noted.get(file.path) != stamp:
                actual = sha256_of(path)
                if actual != file.sha256:
                    raise WeightsCorruptError(
                        f"{path} has sha256 {actual}, pinned is {file.sha256}",
                        hint=f"run `assistant models remove {model.name}`, then `assistant models pull {model.name}`",
                    )
            found[file.path] = stamp
        if found != noted:
            write_manifest(folder, model)
        return folder


def sha256_of(path: Path) -> str:
    """Of a file's bytes.

    Raises:
        StorageError: The file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error}", hint="check the disk and the rights of the cache folder") from error


def write_manifest(folder: Path, model: Model) -> None:
    """Note that every file of the model in `folder` matches its pin now. A cache that cannot be written stays un-noted."""
    stamps = {file.path: _stamp(folder / file.path, file) for file in model.files}
    try:
        handle, name = tempfile.mkstemp(prefix=".verified-", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(stamps, stream, indent=1)
        Path(name).replace(folder / MANIFEST)
    except PermissionError:
        return  # a shared read-only cache: the files are hashed at every start


_Stamp = tuple[str, int, int]
"""Pinned sha256, size in bytes, modification time in nanoseconds."""


def _stamp(path: Path, file: File) -> _Stamp:
    status = path.stat()
    return file.sha256, status.st_size, status.st_mtime_ns


def _read_manifest(folder: Path) -> dict[str, _Stamp]:
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
