"""The table of training data."""

from __future__ import annotations

import pytest

from assistant.training.data_packages import DATA


@pytest.mark.parametrize("data", DATA.values(), ids=lambda data: data.name)
def test_every_entry_is_pinned_and_says_its_licence(data: object) -> None:
    from assistant.training.data_packages import DataPackage

    assert isinstance(data, DataPackage)
    assert len(data.package.sha256) == 64 and data.package.size_bytes > 0
    assert data.licence and data.contents
    assert (data.package.registry == "apt") == data.mirror_path.startswith("pool/main/")


@pytest.mark.parametrize(
    ("member", "target"),
    [
        ("usr/share/tuxpaint/stamps/animals/birds/owl.png", "animals/birds/owl.png"),
        ("./usr/share/tuxpaint/stamps/animals/owl.txt", "animals/owl.txt"),
        ("usr/share/tuxpaint/stamps/animals/owl.ogg", None),
        ("usr/share/tuxpaint/stamps/../../../../etc/owl.png", None),
        ("/usr/share/tuxpaint/stamps/owl.png", None),
        ("usr/share/doc/owl.txt", None),
    ],
)
def test_only_pictures_and_texts_below_the_folder_are_kept(member: str, target: str | None) -> None:
    kept = DATA["stamps"].target(member)
    assert (kept and kept.as_posix()) == target
