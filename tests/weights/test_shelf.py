"""Folders that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import StorageError
from assistant.weights import Shelf


def test_what_a_killed_process_left_is_gone_and_what_was_fetched_is_kept(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    with shelf.changing("toy", wait=True) as work:
        (work / "tmp-half").mkdir()
        (work / "archive").write_bytes(b"whole")
    with shelf.changing("toy", wait=True) as again:
        assert [path.name for path in again.iterdir()] == ["archive"]


def test_two_cannot_change_one_folder_at_once(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    with shelf.changing("toy", wait=True), pytest.raises(StorageError, match="another process"), shelf.changing("toy", wait=False):
        pass


def test_a_discarded_folder_leaves_nothing(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    (tmp_path / "toy").mkdir()
    with shelf.changing("toy", wait=True) as work:
        shelf.discard("toy")
        assert not list(work.iterdir())
    assert not (tmp_path / "toy").exists()
