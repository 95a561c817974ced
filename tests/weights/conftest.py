"""A package index on this disk, with small packages, which the real pip reads."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import random
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from assistant.weights import File, Model, Package, Part, WeightStore


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder pip finds packages in; no network."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def publish(index: Path) -> Callable[[str, Mapping[str, bytes]], Package]:
    """Put a wheel with the given members into the index."""

    def wheel(name: str, members: Mapping[str, bytes]) -> Package:
        stem = f"{name.replace('-', '_')}-1.0"
        path = index / f"{stem}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, content in members.items():
                archive.writestr(member, content)
            archive.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
            archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{stem}.dist-info/RECORD", "")
        content = path.read_bytes()
        return Package(name, "1.0", hashlib.sha256(content).hexdigest(), len(content))

    return wheel


@pytest.fixture
def toy(publish: Callable[[str, Mapping[str, bytes]], Package]) -> Model:
    """A model of two files: one joined from two packages, one whole."""
    slices = [random.Random(i).randbytes(400_000) for i in range(2)]
    parts = tuple(
        Part(publish(f"toy-part{i}", {f"toy/part{i}.bin": content, "toy/config.json": b"{}"}), f"toy/part{i}.bin")
        for i, content in enumerate(slices)
    )
    whole = b"".join(slices)
    return Model(
        "toy",
        "language",
        "MIT",
        "maker/toy",
        (
            File("model.gguf", hashlib.sha256(whole).hexdigest(), len(whole), parts, "toy-q4.gguf"),
            File("deep/config.json", hashlib.sha256(b"{}").hexdigest(), 2, (Part(parts[0].package, "toy/config.json"),)),
        ),
    )


@pytest.fixture
def copy(tmp_path: Path, toy: Model) -> str:
    """The address of a folder with the toy's files, a source as good as the index and faster."""
    folder = tmp_path / "copy" / "toy"
    (folder / "deep").mkdir(parents=True)
    (folder / "model.gguf").write_bytes(b"".join(random.Random(i).randbytes(400_000) for i in range(2)))
    (folder / "deep" / "config.json").write_bytes(b"{}")
    return folder.parent.as_uri()


@pytest.fixture
def store(tmp_path: Path, toy: Model) -> WeightStore:
    """An empty store that knows the toy."""
    return WeightStore(tmp_path / "cache", catalogue={"toy": toy})


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no error."""


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address it is served at."""
    folder = tmp_path / "served"
    folder.mkdir()
    with _Server(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
