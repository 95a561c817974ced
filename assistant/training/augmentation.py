"""Changes of a picture that leave every answer about it true."""

from __future__ import annotations

import io
import random
import re
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageEnhance, ImageFilter

from assistant.training.picture import image_of
from assistant.training.sample import Sample
from assistant.types import Image

Aspect: TypeAlias = Literal["sides", "colours", "text"]
"""Of a picture, what its answers rest on: which side is left, which colours it has, that writing can be read."""

_SIDES = re.compile(r"\b(?:left|right|clockwise|east|west)\b|左|右", re.IGNORECASE)
_COLOURS = re.compile(
    r"\b(?:colou?r(?:s|ed|ful)?|red|green|blue|yellow|orange|purple|violet|pink|brown|black|white|gr[ae]y|beige|teal|cyan|golden?|"
    r"silver|dark|light|bright|sunset|blond[e]?|tan|maroon|navy)\b|[红绿蓝黄橙紫粉棕黑白灰米青金银]色?|颜色",
    re.IGNORECASE,
)
_TEXT = re.compile(
    r"\b(?:say|says|read|reads|text|word|words|written|writing|sign|signs|letter|letters|number|line|label|logo|brand|clock|time)\b|"
    r"写|字|牌|读|数字",
    re.IGNORECASE,
)


def rests_on(sample: Sample) -> frozenset[Aspect]:
    """What may not be changed, going by the words of the questions and answers and by the text that was read; rather too much."""
    words = " ".join(f"{exchange.question} {exchange.answer}" for exchange in sample.exchanges)
    patterns: tuple[tuple[Aspect, re.Pattern[str]], ...] = (("sides", _SIDES), ("colours", _COLOURS), ("text", _TEXT))
    found: set[Aspect] = {aspect for aspect, pattern in patterns if pattern.search(words)}
    if any(evidence.text_lines for evidence in sample.evidence or ()):
        found.add("text")
    return frozenset(found)


def augmented(sample: Sample, rng: random.Random) -> Sample:
    """The sample with its pictures changed a little: mirrored, recoloured, blurred, compressed, where no answer forbids it."""
    if not sample.images:
        return sample
    fixed = rests_on(sample)
    return replace(sample, images=tuple(_changed(image, fixed, rng) for image in sample.images))


def _changed(image: Image, fixed: frozenset[Aspect], rng: random.Random) -> Image:
    picture = Pillow.fromarray(image.pixels_HWC)
    if not fixed & {"sides", "text"} and rng.random() < 0.5:
        picture = picture.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT)
    if "colours" not in fixed:
        picture = _recoloured(picture, rng)
    picture = ImageEnhance.Brightness(picture).enhance(rng.uniform(0.88, 1.12))
    picture = ImageEnhance.Contrast(picture).enhance(rng.uniform(0.85, 1.12))
    if "text" not in fixed:
        if rng.random() < 0.3:
            size, share = picture.size, rng.uniform(0.6, 1.0)
            picture = picture.resize((round(size[0] * share), round(size[1] * share)), Pillow.Resampling.BILINEAR)
            picture = picture.resize(size, Pillow.Resampling.BICUBIC)
        if rng.random() < 0.2:
            picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.3)))
    if rng.random() < 0.4:
        picture = _compressed(picture, rng.randint(70 if "text" in fixed else 45, 95))
    pixels_HWC = np.asarray(picture)
    return image_of(_noisy(pixels_HWC, rng) if rng.random() < 0.2 else pixels_HWC)


def _recoloured(picture: Pillow.Image, rng: random.Random) -> Pillow.Image:
    if rng.random() < 0.05:
        return picture.convert("L").convert("RGB")
    if rng.random() < 0.3:
        hue, saturation, value = picture.convert("HSV").split()
        turn = rng.randint(-14, 14)
        hue = hue.point(lambda level: (level + turn) % 256)
        picture = Pillow.merge("HSV", (hue, saturation, value)).convert("RGB")
    return ImageEnhance.Color(picture).enhance(rng.uniform(0.7, 1.3))


def _compressed(picture: Pillow.Image, quality: int) -> Pillow.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    with Pillow.open(buffer, formats=["JPEG"]) as opened:
        return opened.convert("RGB")


def _noisy(pixels_HWC: NDArray[np.uint8], rng: random.Random) -> NDArray[np.uint8]:
    generator = np.random.default_rng(rng.getrandbits(63))
    noise_HW1 = generator.normal(0, rng.uniform(2, 8), (*pixels_HWC.shape[:2], 1))
    return np.clip(pixels_HWC + noise_HW1, 0, 255).astype(np.uint8)
