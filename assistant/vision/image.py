"""The one picture decoder: whatever the bytes are, they become an upright RGB picture within its limits, or an `InputError`."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from assistant.errors import FileMissingError, InputError, MediaTooLargeError
from assistant.types import Image
from assistant.vision.containers import Container, damaged, open_container

Source: TypeAlias = bytes | Path | BinaryIO

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
"""How to undo each EXIF orientation (CIPA DC-008, table "Orientation")."""


def decode_image(source: Source, *, max_bytes: int, max_pixels: int, max_side_px: int) -> Image:
    """The first frame of a JPEG, PNG, WebP, GIF, BMP or AVIF file: upright, on white where it was transparent.

    Sizes are taken from the header and checked before anything is decoded. Metadata is dropped.

    Args:
        source: The file's bytes, its path, or an open binary file.
        max_bytes: Of the file.
        max_pixels: Width times height.
        max_side_px: Of the longer side.

    Raises:
        FileMissingError: The path cannot be opened.
        UnsupportedMediaError: Not one of the kinds above, whatever the name says.
        UnreadableMediaError: Damaged or cut short.
        MediaTooLargeError: A limit is passed.
    """
    data = read_bounded(source, max_bytes=max_bytes)
    container = open_container(data)
    if container.size_px is not None:
        _check_size(container.size_px, max_pixels, max_side_px)
    try:
        with Pillow.open(io.BytesIO(container.data), formats=[container.kind]) as picture:
            _check_size(picture.size, max_pixels, max_side_px)
            picture.load()
            _check_size(picture.size, max_pixels, max_side_px)
            pixels_HWC = _rgb(_upright(picture, container))
    except InputError:
        raise
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning) as error:
        raise _too_many_pixels(max_pixels) from error
    except Exception as error:  # codecs raise of everything: OSError, SyntaxError, struct.error, KeyError …
        raise damaged() from error
    return Image(pixels_HWC, hashlib.sha256(data).hexdigest())


def read_bounded(source: Source, *, max_bytes: int) -> bytes:
    """All bytes of a source, never reading more than one past `max_bytes`: a file may grow, and a device never ends.

    Raises:
        FileMissingError: The path cannot be opened.
        MediaTooLargeError: There are more than `max_bytes`.
    """
    if isinstance(source, Path):
        try:
            with source.open("rb") as opened:
                return read_bounded(opened, max_bytes=max_bytes)
        except OSError as error:
            raise FileMissingError(f"cannot open {source.name!r}: {error.strerror}", hint="check path and permissions") from error
    if isinstance(source, bytes):
        data = source
    else:
        parts, left = list[bytes](), max_bytes + 1
        while left > 0 and (part := source.read(left)):
            parts.append(part)
            left -= len(part)
        data = b"".join(parts)
    if len(data) > max_bytes:
        raise MediaTooLargeError(f"the file has more than {max_bytes / 2**20:.3g} MiB", hint="send a smaller file")
    return data


def to_png_bytes(image: Image, *, max_side_px: int | None = None) -> bytes:
    """The picture as the models saw it, as a PNG file without metadata; shrunk to `max_side_px` when that is given."""
    picture = Pillow.fromarray(image.pixels_HWC)
    if max_side_px is not None:
        picture.thumbnail((max_side_px, max_side_px), Pillow.Resampling.BICUBIC)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def shrink(pixels_HWC: NDArray[np.uint8], *, max_side_px: int) -> NDArray[np.uint8]:
    """The picture with its longer side at most `max_side_px`, proportions kept; never enlarged."""
    height_px, width_px = pixels_HWC.shape[:2]
    scale = max_side_px / max(height_px, width_px)
    if scale >= 1:
        return pixels_HWC
    size = (max(1, round(width_px * scale)), max(1, round(height_px * scale)))
    return np.asarray(Pillow.fromarray(pixels_HWC).resize(size, Pillow.Resampling.BICUBIC, reducing_gap=2.0))


def _check_size(size_px: tuple[int, int], max_pixels: int, max_side_px: int) -> None:
    width_px, height_px = size_px
    if width_px < 1 or height_px < 1:
        raise damaged("the picture has no pixels")
    if max(size_px) > max_side_px:
        raise MediaTooLargeError(
            f"the picture is {width_px}x{height_px}, a side may have {max_side_px} pixels", hint="send a smaller picture"
        )
    if width_px * height_px > max_pixels:
        raise _too_many_pixels(max_pixels)


def _too_many_pixels(max_pixels: int) -> MediaTooLargeError:
    return MediaTooLargeError(f"the picture has more than {max_pixels / 1e6:.3g} million pixels", hint="send a smaller picture")


def _upright(picture: Pillow.Image, container: Container) -> Pillow.Image:
    exif = Pillow.Exif()
    if container.exif:
        try:
            exif.load(container.exif)
            orientation = exif.get(_ORIENTATION)
        except Exception:  # broken camera notes are no reason to refuse the pixels
            orientation = None
    elif container.kind in ("WEBP", "AVIF"):
        orientation = picture.getexif().get(_ORIENTATION)
    else:
        orientation = None
    return picture.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else picture


def _rgb(picture: Pillow.Image) -> NDArray[np.uint8]:
    if picture.mode.startswith("I"):  # 16 bits in one channel, which convert() would clip instead of scale
        values_HW = np.asarray(picture)
        bytes_HW = np.clip(values_HW.astype(np.int64) // 257, 0, 255).astype(np.uint8)
        return np.repeat(bytes_HW[:, :, None], 3, axis=2)
    if picture.has_transparency_data:
        layers = picture.convert("RGBA")
        flat = Pillow.new("RGB", picture.size, (255, 255, 255))
        flat.paste(layers, mask=layers.getchannel("A"))
        return np.array(flat)
    return np.array(picture.convert("RGB"))
