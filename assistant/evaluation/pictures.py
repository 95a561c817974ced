"""The pictures beside a manifest."""

from __future__ import annotations

from pathlib import Path

from assistant.config import LimitSettings
from assistant.types import Image
from assistant.vision.image import decode_image


class Pictures:
    """Decoded when first wanted, and kept: many questions are asked about one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._limits = LimitSettings()
        self._decoded: dict[str, Image] = {}

    def __getitem__(self, path: str) -> Image:
        """The picture at a path within the folder.

        Raises:
            FileMissingError: It is not there.
            InputError: It cannot be used.
        """
        if path not in self._decoded:
            self._decoded[path] = decode_image(
                self._folder / path,
                max_bytes=self._limits.image_bytes,
                max_pixels=self._limits.image_pixels,
                max_side_px=self._limits.image_side_px,
            )
        return self._decoded[path]
