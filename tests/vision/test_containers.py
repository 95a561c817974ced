from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image as Pillow

from assistant.errors import MediaTooLargeError, UnreadableMediaError, UnsupportedMediaError
from assistant.vision.containers import MAX_SCANS, open_container


def encoded(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Pillow.new("RGB", (40, 30), (10, 200, 30)).save(buffer, kind, **options)
    return buffer.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF"])
def test_a_kind_is_told_by_its_first_bytes(kind: str) -> None:
    container = open_container(encoded(kind))
    assert container.kind == kind
    assert container.size_px in (None, (40, 30))


@pytest.mark.parametrize("options", [{"lossless": True}, {"lossless": False}, {"lossless": False, "exif": b"Exif\x00\x00"}])
def test_the_three_webp_headers_give_the_size(options: dict[str, object]) -> None:
    assert open_container(encoded("WEBP", **options)).size_px == (40, 30)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"%PDF-1.7 ...", "PDF"),
        (b"II*\x00" + bytes(20), "TIFF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"<?xml version='1.0'?><svg onload='x'/>", "SVG"),
        (b"8BPS" + bytes(30), "Photoshop"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(20), "HEIC"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"SIMPLE  =                    T", "not accepted"),
        (b"hello", "not accepted"),
    ],
)
def test_other_kinds_are_refused_with_their_name(data: bytes, named: str) -> None:
    with pytest.raises(UnsupportedMediaError, match=named):
        open_container(data)


def test_no_bytes_are_unreadable() -> None:
    with pytest.raises(UnreadableMediaError, match="empty"):
        open_container(b"")


def test_text_and_colour_profiles_in_a_png_are_dropped_unread() -> None:
    plain = encoded("PNG")
    at = plain.index(b"IDAT") - 4
    bombs = b"".join(png_chunk(b"zTXt", b"k\x00\x00" + zlib.compress(bytes(2**20))) for _ in range(50))
    profile = png_chunk(b"iCCP", b"p\x00\x00" + zlib.compress(bytes(2**22)))
    assert open_container(plain[:at] + profile + bombs + plain[at:]).data == open_container(plain).data


def test_camera_notes_and_comments_in_a_jpeg_are_dropped() -> None:
    plain = encoded("JPEG")
    notes = b"\xff\xe1\x00\x0aExif\x00\x00aa" * 1000 + b"\xff\xfe\x00\x04hi"
    container = open_container(plain[:2] + notes + plain[2:])
    assert container.data == open_container(plain).data
    assert container.exif == b"Exif\x00\x00aa"


def test_a_jpeg_of_countless_scans_is_refused() -> None:
    data = encoded("JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(MediaTooLargeError, match="scans"):
        open_container(data[:-2] + last_scan * MAX_SCANS + data[-2:])


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff" + b"\xff" * 300_000,
        b"\xff\xd8\xff" + b"\xff\xe2\x00\x02" * 150_000,
        encoded("PNG")[:33] + png_chunk(b"tEXt", b"") * 150_000,
    ],
)
def test_a_file_of_countless_parts_is_refused(data: bytes) -> None:
    with pytest.raises(MediaTooLargeError, match="parts"):
        open_container(data)
