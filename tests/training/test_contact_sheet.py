"""The sheet a person looks at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from assistant.training.contact_sheet import draw_contact_sheet
from assistant.training.data_store import DataStore
from assistant.training.mixture import build_sources
from assistant.training.sample import Split


@pytest.mark.parametrize("split", ["train", "held-out"])
def test_every_source_has_two_rows_with_pictures_and_words(store: DataStore, tmp_path: Path, split: Split) -> None:
    sources = build_sources(store, languages=("en",), names=("shapes", "pairs"))
    draw_contact_sheet(sources, tmp_path / "sheet.png", store, seed=0, split=split)
    with Pillow.open(tmp_path / "sheet.png") as sheet:
        pixels_HWC = np.asarray(sheet)
    assert pixels_HWC.shape == (4 * 430, 4 * 330, 3)
    blue = (pixels_HWC == (0, 0, 255)).all(axis=2)
    for row in range(4):
        assert blue[row * 430 + 200 : row * 430 + 430].any()


def test_without_a_chinese_font_it_is_drawn_all_the_same(tmp_path: Path) -> None:
    bare = DataStore(tmp_path)
    draw_contact_sheet(
        build_sources(bare, languages=("zh",), names=("shapes",)), tmp_path / "sheet.png", bare, seed=0, split="train"
    )
    assert (tmp_path / "sheet.png").stat().st_size > 1000
