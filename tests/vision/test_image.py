from __future__ import annotations

import hashlib
import io
import random
import re
import struct
import time
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from assistant.errors import FileMissingError, InputError, MediaTooLargeError, UnreadableMediaError, UnsupportedMediaError
from assistant.types import Image
from assistant.vision.image import Source, decode_image, read_bounded, shrink, to_png_bytes

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def decoded(source: Source, *, max_bytes: int = 20 * 2**20, max_pixels: int = 16_000_000, max_side_px: int = 8192) -> Image:
    return decode_image(source, max_bytes=max_bytes, max_pixels=max_pixels, max_side_px=max_side_px)


def encoded(picture: Pillow.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def halves(mode: str = "RGB") -> Pillow.Image:
    """40x20, red on the left, blue on the right."""
    picture = Pillow.new("RGB", (40, 20), RED)
    picture.paste(BLUE, (20, 0, 40, 20))
    return picture.convert(mode)


def png_header(width_px: int, height_px: int, body: bytes = b"") -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def near(image: Image, x: int, y: int, colour: tuple[int, int, int], tolerance: int = 12) -> bool:
    return bool(np.abs(image.pixels_HWC[y, x].astype(int) - colour).max() <= tolerance)


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 95}), ("PNG", {}), ("WEBP", {"quality": 95}), ("GIF", {}), ("BMP", {}), ("AVIF", {"quality": 95})],
)
def test_every_accepted_kind_becomes_rgb(kind: str, options: dict[str, object]) -> None:
    data = encoded(halves(), kind, **options)
    image = decoded(data)
    assert (image.width_px, image.height_px) == (40, 20)
    assert image.pixels_HWC.dtype == np.uint8
    assert image.pixels_HWC.shape == (20, 40, 3)
    assert near(image, 5, 10, RED)
    assert near(image, 35, 10, BLUE)
    assert image.sha256 == hashlib.sha256(data).hexdigest()


def test_a_path_and_an_open_file_give_the_same_picture_whatever_the_name_says(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(encoded(halves(), "PNG"))
    with path.open("rb") as file:
        assert decoded(path).sha256 == decoded(file).sha256


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_shown_upright(kind: str, orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # EXIF orientation to the transposition that stores it so
    stored = halves() if orientation == 1 else halves().transpose(Pillow.Transpose(undo[orientation]))
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    image = decoded(encoded(stored, kind, exif=exif.tobytes(), quality=95))
    assert (image.width_px, image.height_px) == (40, 20)
    assert near(image, 5, 10, RED)
    assert near(image, 35, 10, BLUE)


def test_broken_camera_notes_do_not_lose_the_photo() -> None:
    assert decoded(encoded(halves(), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff" + bytes(60))).width_px == 40


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_what_is_transparent_becomes_white(kind: str) -> None:
    picture = halves("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 20, 20))
    image = decoded(encoded(picture, kind, quality=95))
    assert near(image, 5, 10, WHITE)
    assert near(image, 35, 10, BLUE)


def test_half_transparent_red_becomes_pink() -> None:
    assert near(decoded(encoded(Pillow.new("RGBA", (4, 4), (255, 0, 0, 128)), "PNG")), 1, 1, (255, 127, 127))


def test_a_palette_with_a_transparent_entry_is_flattened() -> None:
    picture = halves("P")
    data = encoded(picture, "PNG", transparency=int(np.asarray(picture)[0, 0]))
    assert near(decoded(data), 5, 10, WHITE)
    assert near(decoded(data), 35, 10, BLUE)


def test_grey_pictures_of_every_depth_keep_their_brightness() -> None:
    assert near(decoded(encoded(Pillow.new("L", (4, 4), 100), "PNG")), 0, 0, (100, 100, 100), 0)
    assert near(decoded(encoded(Pillow.new("LA", (4, 4), (100, 255)), "PNG")), 0, 0, (100, 100, 100), 0)
    assert near(decoded(encoded(Pillow.new("1", (4, 4), 1), "PNG")), 0, 0, WHITE, 0)
    deep = Pillow.fromarray(np.full((4, 4), 100 * 257, np.uint16))
    assert near(decoded(encoded(deep, "PNG")), 0, 0, (100, 100, 100), 0)


def test_print_colours_are_not_inverted() -> None:
    data = encoded(halves("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data
    assert near(decoded(data), 5, 10, RED, 20)
    assert near(decoded(data), 35, 10, BLUE, 20)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    later = [Pillow.new("RGB", (40, 20), GREEN)] * 3
    data = encoded(halves(), kind, save_all=True, append_images=later, duration=50)
    assert near(decoded(data), 5, 10, RED)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "AVIF"])
def test_a_file_cut_short_is_unreadable(kind: str) -> None:
    picture = Pillow.effect_noise((64, 64), 80).convert("RGB")
    data = encoded(picture, kind)
    for share in (0.2, 0.5, 0.8):
        with pytest.raises(UnreadableMediaError):
            decoded(data[: int(len(data) * share)])


def test_damage_anywhere_gives_a_picture_or_an_input_error_that_quotes_no_internals() -> None:
    chance = random.Random(0)
    picture = Pillow.effect_noise((24, 24), 80).convert("RGB")
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF"):
        data = encoded(picture, kind)
        for _ in range(150):
            at = chance.randrange(len(data))
            broken = data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
            try:
                decoded(broken, max_pixels=10_000)
            except InputError as error:
                assert not re.search(r"0x[0-9a-f]{4}|BytesIO|object at|/", f"{error} {error.hint}")
                assert error.hint


@pytest.mark.parametrize("side_px", [30_000, 13_000, 2**31 - 1])
def test_a_png_bomb_is_refused_from_its_header_in_no_time_and_no_memory(side_px: int) -> None:
    bomb = png_header(side_px, side_px, zlib.compress(bytes(2**20)))
    decoded(encoded(halves(), "PNG"))  # codecs are loaded by now
    tracemalloc.start()
    started_s = time.process_time()
    with pytest.raises(MediaTooLargeError):
        decoded(bomb)
    elapsed_s = time.process_time() - started_s
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert elapsed_s < 0.02
    assert peak_bytes < 20 * 2**20


def test_huge_sizes_in_other_headers_are_refused_as_well() -> None:
    jpeg = bytearray(encoded(halves(), "JPEG"))
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    webp = bytearray(encoded(halves("RGBA"), "WEBP", lossless=True, exif=b"Exif\x00\x00"))
    webp[24:30] = b"\xff\x3f\x00\xff\x3f\x00"
    gif = bytearray(encoded(halves(), "GIF"))
    gif[6:10] = b"\xff\xff\xff\xff"
    bmp = bytearray(encoded(halves(), "BMP"))
    bmp[18:26] = struct.pack("<ii", 9000, 9000)
    for data in (jpeg, webp, gif, bmp):
        with pytest.raises(MediaTooLargeError):
            decoded(bytes(data))


def test_each_limit_is_exact() -> None:
    data = encoded(halves(), "PNG")
    assert decoded(data, max_bytes=len(data), max_pixels=800, max_side_px=40).width_px == 40
    for limits in ({"max_bytes": len(data) - 1}, {"max_pixels": 799}, {"max_side_px": 39}):
        with pytest.raises(MediaTooLargeError):
            decoded(data, **limits)


def test_a_picture_without_pixels_is_unreadable() -> None:
    with pytest.raises(UnreadableMediaError):
        decoded(png_header(0, 10))


def test_svg_named_png_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    with pytest.raises(UnsupportedMediaError, match="SVG"):
        decoded(path)


def test_a_missing_file_and_a_folder_are_named_without_their_place(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.png", tmp_path):
        with pytest.raises(FileMissingError) as raised:
            decoded(path)
        assert str(tmp_path.parent) not in str(raised.value)


def test_a_source_without_end_is_read_no_further_than_the_limit() -> None:
    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1) -> bytes:
            part = bytes(min(size, 1000))
            self.taken += len(part)
            return part

    endless = Endless()
    with pytest.raises(MediaTooLargeError):
        read_bounded(endless, max_bytes=10_500)  # type: ignore[arg-type]  # a raw file reads alike
    assert endless.taken == 10_501
    with pytest.raises(MediaTooLargeError):
        read_bounded(Path("/dev/zero"), max_bytes=10_000)


def test_the_stored_copy_has_the_pixels_and_no_metadata() -> None:
    exif = Pillow.Exif()
    exif[0x010E] = "my address"
    image = decoded(encoded(halves(), "JPEG", exif=exif.tobytes(), comment=b"secret"))
    copy = to_png_bytes(image)
    assert b"secret" not in copy
    assert b"address" not in copy
    assert np.array_equal(decoded(copy).pixels_HWC, image.pixels_HWC)
    assert decoded(to_png_bytes(image, max_side_px=10)).width_px == 10


def test_shrinking_keeps_proportions_and_never_enlarges() -> None:
    pixels_HWC = np.zeros((100, 400, 3), np.uint8)
    assert shrink(pixels_HWC, max_side_px=40).shape == (10, 40, 3)
    assert shrink(pixels_HWC, max_side_px=1000) is pixels_HWC
    assert shrink(np.zeros((1, 4000, 3), np.uint8), max_side_px=10).shape == (1, 10, 3)
