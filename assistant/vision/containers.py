"""What lies around the pixels of a picture file: its kind, its size, and the parts a decoder needs.

Read here, before any decoder runs, because a decoder allocates for the size that the file claims, and unpacks text, colour
profiles and camera notes that nobody asked for. What is not needed for pixels is dropped unread.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from assistant.errors import MediaTooLargeError, UnreadableMediaError, UnsupportedMediaError

ACCEPTED = "JPEG, PNG, WebP, GIF, BMP or AVIF"
SAVE_AGAIN = "save the picture again and send the new file"

MAX_SCANS = 100
"""A JPEG decoder visits every block once per scan; cameras write at most about 20, 30 bytes suffice for another one."""

MAX_PARTS = 100_000
"""Chunks or segments. Files that people make have a few thousand at most."""

_PNG_PARTS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_JPEG_SIZE_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_BARE_MARKERS = {0x01, *range(0xD0, 0xD9)}
_EXIF_PREFIX = b"Exif\x00\x00"


@dataclass(frozen=True, slots=True)
class Container:
    """A picture file without its metadata."""

    kind: str
    """Pillow's name of the format."""
    size_px: tuple[int, int] | None
    """Width and height as stored; None for kinds whose decoder reads the header alone first."""
    data: bytes
    exif: bytes = b""
    """The camera's notes, for the orientation."""


def open_container(data: bytes) -> Container:
    """Tell the kind of a picture by its first bytes, never by its name.

    Raises:
        UnsupportedMediaError: Not an accepted kind.
        UnreadableMediaError: The start promises a kind that the rest does not keep.
        MediaTooLargeError: The file makes a decoder work out of all proportion.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return _open_jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _open_png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Container("WEBP", _webp_size(data), data)
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return Container("GIF", None, data)
    if data[:2] == b"BM" and len(data) >= 18 and struct.unpack_from("<I", data, 14)[0] in (12, 40, 52, 56, 64, 108, 124):
        return Container("BMP", None, data)
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return Container("AVIF", None, data)
    if not data:
        raise UnreadableMediaError("the picture is empty", hint=f"send a {ACCEPTED} file")
    raise UnsupportedMediaError(f"this kind of picture is not accepted{_looks_like(data)}", hint=f"convert it to {ACCEPTED}")


def damaged(what: str = "the picture is damaged or cut short") -> UnreadableMediaError:
    """The one answer to bytes that no decoder can follow; it quotes no decoder, whose words hold addresses and paths."""
    return UnreadableMediaError(what, hint=SAVE_AGAIN)


def _looks_like(data: bytes) -> str:
    known = {
        b"%PDF": "PDF",
        b"II*\x00": "TIFF",
        b"MM\x00*": "TIFF",
        b"II+\x00": "TIFF",
        b"8BPS": "Photoshop",
        b"%!PS": "PostScript",
        b"\xc5\xd0\xd3\xc6": "PostScript",
        b"\x00\x00\x00\x0cjP": "JPEG 2000",
        b"icns": "an Apple icon",
        b"\x00\x00\x01\x00": "an icon",
    }
    for start, name in known.items():
        if data.startswith(start):
            return f": it looks like {name}"
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"mif1", b"msf1", b"hevc"):
        return ": it looks like HEIC"
    if b"<svg" in data[:1024].lower():
        return ": it looks like SVG"
    return ""


def _open_png(data: bytes) -> Container:
    """Keep the parts that make pixels; an animation's later frames are not among them."""
    parts = [data[:8]]
    size_px: tuple[int, int] | None = None
    exif = b""
    at, seen = 8, 0
    while at + 12 <= len(data):
        seen = _counted(seen)
        length, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if size_px is None:
            if name != b"IHDR" or length != 13 or end > len(data):
                raise damaged()
            size_px = struct.unpack_from(">II", data, at + 8)
        if name in _PNG_PARTS:
            parts.append(data[at:end])
        elif name == b"eXIf":
            exif = exif or _EXIF_PREFIX + data[at + 8 : end - 4]
        if name == b"IEND":
            break
        at = end
    if size_px is None:
        raise damaged()
    return Container("PNG", size_px, b"".join(parts), exif)


def _open_jpeg(data: bytes) -> Container:
    """Keep the tables, the frame header, Adobe's colour marker and the scans."""
    parts = [data[:2]]
    size_px: tuple[int, int] | None = None
    exif = b""
    at, seen = 2, 0
    while at + 4 <= len(data):
        seen = _counted(seen)
        if data[at] != 0xFF:  # stray bytes between segments, which decoders skip as well
            at = data.find(b"\xff", at)
            if at < 0:
                break
            continue
        marker = data[at + 1]
        if marker == 0xFF or marker in _JPEG_BARE_MARKERS or marker == 0:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == 0xD9:
            break
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        if marker in _JPEG_SIZE_MARKERS and end >= at + 9 and size_px is None and at + 9 <= len(data):
            height_px, width_px = struct.unpack_from(">HH", data, at + 5)
            size_px = (width_px, height_px)
        if marker == 0xE1 and not exif and data[at + 4 : at + 10] == _EXIF_PREFIX:
            exif = data[at + 4 : end]
        if marker == 0xDA:
            if data.count(b"\xff\xda", at) > MAX_SCANS:
                raise MediaTooLargeError(f"the JPEG has more than {MAX_SCANS} scans", hint=SAVE_AGAIN)
            parts.append(data[at:])
            break
        if not 0xE0 <= marker <= 0xEF and marker != 0xFE or marker == 0xEE:
            parts.append(data[at:end])
        at = end
    if size_px is None:
        raise damaged()
    return Container("JPEG", size_px, b"".join(parts), exif)


def _counted(seen: int) -> int:
    if seen >= MAX_PARTS:
        raise MediaTooLargeError(f"the picture file has more than {MAX_PARTS} parts", hint=SAVE_AGAIN)
    return seen + 1


def _webp_size(data: bytes) -> tuple[int, int]:
    if len(data) < 30:
        raise damaged()
    name, body = data[12:16], data[20:30]
    if name == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if name == b"VP8L" and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if name == b"VP8 " and body[3:6] == b"\x9d\x01\x2a":
        width_px, height_px = struct.unpack_from("<HH", body, 6)
        return width_px & 0x3FFF, height_px & 0x3FFF
    raise damaged()
