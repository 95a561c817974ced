"""Pictures on disk, content-addressed: one file for each sha256, whole or absent."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from assistant.errors import NotFoundError, StorageError, StorageFullError
from assistant.types import Image

_JPEG_QUALITY = 92


class AttachmentFolder:
    """Keeps pictures as the models saw them: upright, without the original's metadata."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, sha256: str) -> Path:
        """Where the picture with this hash lies or would lie."""
        return self._folder / sha256[:2] / f"{sha256}.jpg"

    def save(self, image: Image) -> Path:
        """Write the picture if it is not there yet.

        Raises:
            StorageFullError: The disk is full; no half file is left.
            StorageError: The folder cannot be written.
        """
        target = self.path(image.sha256)
        if target.exists():
            return target
        temporary: str | None = None
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=".part-")
            with os.fdopen(descriptor, "wb") as file:
                PIL.Image.fromarray(image.pixels_HWC).save(file, "JPEG", quality=_JPEG_QUALITY)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
        except OSError as error:
            if temporary:
                Path(temporary).unlink(missing_ok=True)
            raise storage_error(error, "the picture was not stored") from error
        return target

    def image(self, sha256: str) -> Image | None:
        """The picture, its pixels still on disk; None if it is gone."""
        return StoredImage(sha256, lambda: self.read(sha256)) if self.path(sha256).is_file() else None

    def read(self, sha256: str) -> bytes:
        """The stored picture as a JPEG file.

        Raises:
            NotFoundError: There is no picture with this hash.
            StorageError: It cannot be read.
        """
        try:
            return self.path(sha256).read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError(f"there is no picture {sha256[:12]}") from error
        except OSError as error:
            raise storage_error(error, "the picture cannot be read") from error

    def remove(self, sha256: str) -> None:
        """Delete the picture if it is there.

        Raises:
            StorageError: The folder cannot be written.
        """
        try:
            self.path(sha256).unlink(missing_ok=True)
        except OSError as error:
            raise storage_error(error, "the picture was not deleted") from error


class StoredImage(Image):
    """A picture on disk, decoded whenever somebody asks for its pixels: most often its sha256 says enough."""

    _read: Callable[[], bytes]

    def __init__(self, sha256: str, read: Callable[[], bytes]) -> None:
        object.__setattr__(self, "sha256", sha256)
        object.__setattr__(self, "_read", read)

    @property
    def pixels_HWC(self) -> NDArray[np.uint8]:
        """Decoded now.

        Raises:
            NotFoundError: The file is gone since.
            StorageError: It cannot be read.
        """
        try:
            return np.asarray(PIL.Image.open(io.BytesIO(self._read())).convert("RGB"))
        except (OSError, ValueError, SyntaxError) as error:  # Pillow's
            raise StorageError(f"the stored picture {self.sha256[:12]} is damaged", hint="show it again") from error


def storage_error(error: OSError, what: str) -> StorageError:
    """The error for a failed read or write."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFullError(f"{what}: the disk is full", hint="free some space or set data_dir to another disk")
    return StorageError(f"{what}: {error.strerror}", hint="check that data_dir can be read and written")
