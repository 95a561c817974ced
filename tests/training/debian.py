"""Small Debian packages for tests."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from assistant.training.data_packages import DataPackage
from assistant.weights import Package


def write_debian_package(path: Path, files: Mapping[str, bytes]) -> None:
    """An `ar` archive with the files in its data.tar.xz, and a link outwards."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as tarball:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            tarball.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("./pictures/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tarball.addfile(link)
    with path.open("wb") as archive:
        archive.write(b"!<arch>\n")
        for name, content in (("debian-binary", b"2.0\n"), ("control.tar.xz", b"odd"), ("data.tar.xz", buffer.getvalue())):
            archive.write(
                f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content + b"\n" * (len(content) % 2)
            )


def published(mirror: Path, files: Mapping[str, bytes]) -> DataPackage:
    """The entry of a package that a mirror in a folder serves."""
    path = mirror / "pool/main/t/toy/toy_1.0_all.deb"
    path.parent.mkdir(parents=True)
    write_debian_package(path, files)
    content = path.read_bytes()
    package = Package("toy", "1.0", hashlib.sha256(content).hexdigest(), len(content), registry="apt")
    return DataPackage("toy", "toys", "MIT", package, "pictures", ("*.png", "names/*.txt"), "pool/main/t/toy/toy_1.0_all.deb")
