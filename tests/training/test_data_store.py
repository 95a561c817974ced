"""Fetching, unpacking and removing training data."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from assistant.errors import NotFoundError, WeightsCorruptError, WeightsDownloadError, WeightsMissingError
from assistant.training.data_packages import DataPackage
from assistant.training.data_store import DataStore
from tests.training.debian import published

FILES = {
    "pictures/cat.png": b"a cat",
    "pictures/names/cat.txt": b"A cat.",
    "pictures/cat.sh": b"rm",
    "elsewhere/dog.png": b"a dog",
    "pictures/../../../up.png": b"out",
}


@pytest.fixture
def toy(tmp_path: Path) -> DataPackage:
    return published(tmp_path / "mirror", FILES)


@pytest.fixture
def mirror(tmp_path: Path) -> str:
    return (tmp_path / "mirror").as_uri()


def store_of(tmp_path: Path, toy: DataPackage) -> DataStore:
    return DataStore(tmp_path / "cache", table={"toy": toy})


def test_only_what_the_table_names_is_unpacked(tmp_path: Path, toy: DataPackage, mirror: str) -> None:
    store = store_of(tmp_path, toy)
    told: list[tuple[str, int, int]] = []
    store.fetch(["toy"], debian_mirror=mirror, progress=lambda *fetched: told.append(fetched))
    folder = store.folder("toy")
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "cat.png",
        "names/cat.txt",
        "unpacked.json",
    ]
    assert (folder / "cat.png").read_bytes() == b"a cat"
    assert told[-1] == ("toy", toy.package.size_bytes, toy.package.size_bytes)
    assert store.list()[0].present
    assert not (store.root / ".pulling" / "toy").exists()


def test_what_is_here_is_not_fetched_again(tmp_path: Path, toy: DataPackage, mirror: str) -> None:
    store = store_of(tmp_path, toy)
    store.fetch(["toy"], debian_mirror=mirror)
    store.fetch(["toy"], debian_mirror=(tmp_path / "nowhere").as_uri())


@pytest.mark.parametrize("damage", ["missing", "short", "older"])
def test_damaged_or_older_data_is_missing_and_fetched_anew(tmp_path: Path, toy: DataPackage, mirror: str, damage: str) -> None:
    store = store_of(tmp_path, toy)
    store.fetch(["toy"], debian_mirror=mirror)
    picture = store.folder("toy") / "cat.png"
    if damage == "missing":
        picture.unlink()
    elif damage == "short":
        picture.write_bytes(b"")
    else:
        newer = dataclasses.replace(toy, package=dataclasses.replace(toy.package, sha256="1" * 64))
        with pytest.raises(WeightsMissingError):
            store_of(tmp_path, newer).folder("toy")
        return
    with pytest.raises(WeightsMissingError):
        store.folder("toy")
    store.fetch(["toy"], debian_mirror=mirror)
    assert picture.read_bytes() == b"a cat"


def test_a_package_that_differs_from_its_pin_is_refused(tmp_path: Path, toy: DataPackage, mirror: str) -> None:
    (tmp_path / "mirror" / toy.mirror_path).write_bytes(b"x" * toy.package.size_bytes)
    store = store_of(tmp_path, toy)
    with pytest.raises(WeightsCorruptError):
        store.fetch(["toy"], debian_mirror=mirror)
    assert not (store.root / "toy").exists()


def test_an_archive_that_matched_is_kept_until_it_is_unpacked(tmp_path: Path, toy: DataPackage, mirror: str) -> None:
    store = store_of(tmp_path, toy)
    with store.changing("toy", wait=True) as work:
        (work / toy.package.sha256).write_bytes((tmp_path / "mirror" / toy.mirror_path).read_bytes())
    store.fetch(["toy"], debian_mirror=(tmp_path / "nowhere").as_uri())
    assert store.has("toy")


def test_apt_is_asked_where_no_mirror_is_given(tmp_path: Path, toy: DataPackage, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    archive = tmp_path / "mirror" / toy.mirror_path
    (tools / "apt-get").write_text(f'#!/bin/sh\n[ "$3" = toy=1.0 ] || exit 1\n/bin/cp "{archive}" toy_1.0_all.deb\n')
    (tools / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    store = store_of(tmp_path, toy)
    store.fetch(["toy"])
    assert store.has("toy")


def test_without_apt_the_error_names_the_mirror_option(tmp_path: Path, toy: DataPackage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WeightsDownloadError) as caught:
        store_of(tmp_path, toy).fetch(["toy"])
    assert "--debian-mirror" in caught.value.hint


def test_removed_data_is_gone_and_removing_twice_is_no_error(tmp_path: Path, toy: DataPackage, mirror: str) -> None:
    store = store_of(tmp_path, toy)
    store.fetch(["toy"], debian_mirror=mirror)
    store.remove(["toy"])
    store.remove(["toy"])
    assert not store.has("toy")
    with pytest.raises(NotFoundError, match="no training data"):
        store.remove(["toys"])
