import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from assistant.errors import NotFoundError, StorageError
from assistant.memory.attachments import AttachmentFolder
from assistant.types import Image

PHOTO = Image(np.full((6, 8, 3), 200, np.uint8), "cd" * 32)


def test_a_picture_comes_back_as_it_was_seen(tmp_path: Path) -> None:
    folder = AttachmentFolder(tmp_path)
    folder.save(PHOTO)
    picture = PIL.Image.open(io.BytesIO(folder.read(PHOTO.sha256)))
    assert picture.size == (8, 6)
    assert not picture.getexif()
    assert np.abs(np.asarray(picture).astype(int) - 200).max() <= 2


def test_the_same_picture_is_written_once(tmp_path: Path) -> None:
    folder = AttachmentFolder(tmp_path)
    first = folder.save(PHOTO).stat().st_mtime_ns
    assert folder.save(PHOTO).stat().st_mtime_ns == first


def test_a_remembered_picture_is_decoded_when_somebody_looks(tmp_path: Path) -> None:
    folder = AttachmentFolder(tmp_path)
    assert folder.image(PHOTO.sha256) is None
    path = folder.save(PHOTO)
    image = folder.image(PHOTO.sha256)
    assert image is not None
    assert (image.sha256, image.width_px, image.height_px) == (PHOTO.sha256, 8, 6)
    assert np.abs(image.pixels_HWC.astype(int) - 200).max() <= 2
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StorageError, match="damaged"):
        _ = image.pixels_HWC
    path.unlink()
    with pytest.raises(NotFoundError):
        _ = image.pixels_HWC


def test_a_missing_picture_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        AttachmentFolder(tmp_path).read("ef" * 32)


def test_a_folder_that_cannot_be_made_is_a_storage_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file where a folder should be")
    with pytest.raises(StorageError):
        AttachmentFolder(tmp_path / "blocked").save(PHOTO)


def test_a_picture_that_cannot_be_deleted_is_a_storage_error(tmp_path: Path) -> None:
    folder = AttachmentFolder(tmp_path)
    folder.path(PHOTO.sha256).mkdir(parents=True)
    with pytest.raises(StorageError):
        folder.remove(PHOTO.sha256)
    with pytest.raises(StorageError):
        folder.read(PHOTO.sha256)
