"""What the tests of training share."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.training.data_store import DataStore
from tests.training.tiny_data import tiny_store


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> DataStore:
    """Training data in miniature; tests leave it as it is."""
    return tiny_store(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where tests keep prepared samples, each made once."""
    return tmp_path_factory.mktemp("prepared")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve small photos in a folder."""
    from PIL import Image as Pillow

    for number in range(12):
        Pillow.new("RGB", (40, 30), (20 * number, 90, 120)).save(tmp_path / f"{number:03}.jpg")
    return tmp_path
