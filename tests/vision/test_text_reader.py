from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

import assistant
from assistant.vision.text_reader import TextReader

DATA = Path(assistant.__file__).parent.parent / "data"


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader()


def sign(*lines: str, size_px: int = 40) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    picture = Pillow.new("RGB", (600, 60 + 80 * len(lines)), "white")
    for index, line in enumerate(lines):
        ImageDraw.Draw(picture).text((30, 40 + 80 * index), line, fill="black", font=ImageFont.load_default(size_px))
    return np.asarray(picture)


def test_lines_are_read_from_top_to_bottom(reader: TextReader) -> None:
    lines = reader.read(sign("Platform 9", "Mind the gap", "Exit 24"), at_most=10, at_least=0.8)
    assert [line.name for line in lines] == ["Platform 9", "Mind the gap", "Exit 24"]
    assert all(0.8 <= line.confidence <= 1 for line in lines)


def test_a_receipt_is_read_to_its_total(reader: TextReader) -> None:
    text = " ".join(x.name for x in reader.read(np.asarray(Pillow.open(DATA / "receipt.png")), at_most=40, at_least=0.8))
    assert "CORNER BAKERY" in text
    assert "TOTAL 13.00" in text


def test_no_more_lines_are_read_than_asked_for(reader: TextReader) -> None:
    lines = reader.read(sign("First line", "Second line", "Third line"), at_most=2, at_least=0.5)
    assert [line.name for line in lines] == ["First line", "Second line"]


@pytest.mark.parametrize("shape", [(120, 160, 3), (1, 500, 3), (9, 2000, 3), (2000, 9, 3)])
def test_a_blank_picture_of_any_shape_has_no_text(reader: TextReader, shape: tuple[int, int, int]) -> None:
    assert reader.read(np.full(shape, 200, np.uint8), at_most=10, at_least=0.5) == ()


def test_a_huge_picture_is_read_from_a_smaller_copy(reader: TextReader) -> None:
    small = Pillow.fromarray(sign("Platform 9"))
    huge = np.asarray(small.resize((small.width * 6, small.height * 6)))
    assert [line.name for line in reader.read(huge, at_most=10, at_least=0.5)] == ["Platform 9"]


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert TextReader().read(sign("Exit"), at_most=1, at_least=0.5)[0].name == "Exit"
