"""A folder of folders, each of which appears whole or not at all, however many processes change it."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from assistant.errors import StorageError, StorageFullError

TEMPORARY = "tmp-"
"""How folders begin that hold half-done work and mean nothing to anyone else."""


class Shelf:
    """The folder `root`; work on its subfolder `name` is done elsewhere below it, by one process at a time."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def discard(self, name: str) -> None:
        """Delete a model's folder, in a way that nobody sees half of it; the caller is `changing` the model."""
        folder = self.root / name
        if folder.exists():
            bin_ = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=self._work(name)))
            folder.rename(bin_ / name)
            shutil.rmtree(bin_)

    @contextmanager
    def changing(self, name: str, *, wait: bool) -> Iterator[Path]:
        """Hold a model's lock, so that one process at a time changes its folder; the lock dies with the process.

        Gives the folder where a pull keeps what it has fetched so far; what a killed process left in it is gone.

        Raises:
            StorageError: Another process holds the lock and `wait` is false, or the disk fails.
            StorageFullError: The disk is full.
        """
        locks, work = self.root / ".locks", self._work(name)
        try:
            locks.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(locks / f"{name}.lock", timeout=-1 if wait else 0):
                work.mkdir(parents=True, exist_ok=True)
                for leftover in work.glob(TEMPORARY + "*"):
                    shutil.rmtree(leftover, ignore_errors=True)  # a killed pull's pip may still be writing there
                try:
                    yield work
                finally:
                    with suppress(OSError):  # it holds packages for the next pull
                        work.rmdir()
        except filelock.Timeout as error:
            raise StorageError(f"another process is changing {name!r}", hint="wait until it ends, or stop it") from error
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise StorageFullError(f"the disk is full: {error}", hint=f"free some room below {self.root}") from error
            raise StorageError(f"cannot change {self.root}: {error}", hint="check its rights, or set cache_dir") from error

    def _work(self, name: str) -> Path:
        return self.root / ".pulling" / name
