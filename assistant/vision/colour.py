"""Names the main colours of a picture."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from assistant.types import Label
from assistant.vision.image import shrink

_SAMPLE_SIDE_PX = 64

_ANCHORS: Mapping[str, tuple[str, ...]] = {
    "black": ("#000000", "#141414", "#202028"),
    "dark grey": ("#3c3c3c", "#505050"),
    "grey": ("#808080", "#969696", "#6a6a6a"),
    "light grey": ("#bebebe", "#d3d3d3"),
    "white": ("#ffffff", "#f0f0f0", "#f8f6ee"),
    "red": ("#e60000", "#c81e1e", "#ff3b30"),
    "dark red": ("#8b0000", "#6e1423"),
    "orange": ("#ff8c00", "#f07820", "#e8702a"),
    "brown": ("#8b4513", "#654321", "#7b5b3a", "#4a3020", "#a0693c"),
    "beige": ("#e8d8b8", "#d2b48c", "#c8b49a", "#f5e6cc"),
    "yellow": ("#ffe600", "#f0c814", "#ffee66"),
    "olive": ("#808000", "#6b6b2e"),
    "green": ("#00a000", "#3cb043", "#22c55e", "#7cc850"),
    "dark green": ("#004d00", "#2f4f2f", "#1e3a1e", "#3c5a28"),
    "teal": ("#008080", "#20a0a0"),
    "light blue": ("#87ceeb", "#add8e6", "#6db4f2"),
    "blue": ("#0000ff", "#1e60d2", "#3060c0", "#4682b4"),
    "dark blue": ("#000080", "#1c2c50", "#14284b"),
    "purple": ("#800080", "#6a3fa0", "#8a5cc8"),
    "pink": ("#ff69b4", "#ffb6c1", "#e75480", "#ff00ff"),
}
"""Shades that people call by the name; a pixel takes the name of the nearest one."""

COLOURS = tuple(_ANCHORS)
"""The names that a colour may have."""


def main_colours(pixels_HWC: NDArray[np.uint8], *, at_most: int = 3, at_least: float = 0.1) -> tuple[Label, ...]:
    """Colour names with the share of the picture they cover, the largest first.

    Pixels of a small copy take the name of the nearest shade in CIE Lab, so the answer is the same every time.
    """
    small_HWC = shrink(pixels_HWC, max_side_px=_SAMPLE_SIDE_PX)
    counts = np.bincount(colour_indices_P(small_HWC.reshape(-1, 3)), minlength=len(COLOURS))
    shares = dict(zip(COLOURS, (counts / counts.sum()).tolist(), strict=True))
    ranked = sorted(shares.items(), key=lambda item: -item[1])[:at_most]
    return tuple(Label(name, share) for name, share in ranked if share >= at_least)


def colour_name(rgb_3: NDArray[np.uint8]) -> str:
    """What people call a shade, in one word: neither dark nor light."""
    return COLOURS[int(colour_indices_P(rgb_3[None])[0])].split()[-1]


def colour_indices_P(rgb_P3: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Which of `COLOURS` each pixel has."""
    # |x - a|² is least where a·x - |a|²/2 is most
    nearness_PA = _lab(rgb_P3) @ _ANCHOR_LAB_A3.T - (_ANCHOR_LAB_A3**2).sum(axis=1) / 2
    indices_P: NDArray[np.intp] = _NAME_OF_ANCHOR_A[nearness_PA.argmax(axis=1)]
    return indices_P


def _lab(rgb_P3: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIE 1976 L*a*b* of sRGB (IEC 61966-2-1, D65)."""
    coded = rgb_P3 / 255.0
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
    xyz = linear @ to_xyz.T / np.array([0.95047, 1.0, 1.08883])
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = root.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


_ANCHOR_LAB_A3 = _lab(
    np.array([[int(shade[i : i + 2], 16) for i in (1, 3, 5)] for shades in _ANCHORS.values() for shade in shades], np.uint8)
)
_NAME_OF_ANCHOR_A = np.array([index for index, shades in enumerate(_ANCHORS.values()) for _ in shades])
