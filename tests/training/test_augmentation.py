"""Changes that leave answers true."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow

from assistant.training.augmentation import Aspect, augmented, rests_on
from assistant.training.picture import image_of
from assistant.training.sample import Exchange, Sample, chance
from assistant.types import Evidence


def sample_of(question: str, answer: str) -> Sample:
    pixels_HWC = np.zeros((40, 60, 3), np.uint8)
    pixels_HWC[:, :20] = (220, 30, 30)
    pixels_HWC[:, 20:] = (30, 60, 210)
    return Sample("toys", "MIT", "a", (Exchange(question, answer, "name"),), (image_of(pixels_HWC),))


@pytest.mark.parametrize(
    ("question", "answer", "expected"),
    [
        ("What is this?", "A tiger.", set()),
        ("Where is the tiger?", "Top left.", {"sides"}),
        ("What is it?", "A Red circle.", {"colours"}),
        ("What does the sign say?", '"STOP"', {"text"}),
        ("它在哪里？", "右上角。", {"sides"}),
        ("圆形是什么颜色的？", "红色。", {"colours"}),
        ("Is the grey cat right of the word?", "No.", {"sides", "colours", "text"}),
        ("Where is the cat?", "Bottom.", set()),
    ],
)
def test_what_answers_rest_on_is_seen_in_their_words(question: str, answer: str, expected: set[Aspect]) -> None:
    assert rests_on(sample_of(question, answer)) == expected


def test_evidence_with_text_is_text() -> None:
    plain = sample_of("What is this?", "A tiger.")
    read = Sample("toys", "MIT", "a", plain.exchanges, plain.images, evidence=(Evidence(60, 40, text_lines=("EXIT",)),))
    assert rests_on(read) == {"text"}


def mirrored(image_HWC: np.ndarray) -> bool:
    left, right = image_HWC[:, :10].mean(axis=(0, 1)), image_HWC[:, -10:].mean(axis=(0, 1))
    return bool(left[0] - left[2] < right[0] - right[2])


def test_a_picture_is_mirrored_only_where_no_side_is_named() -> None:
    free, bound = sample_of("What is this?", "A red flag."), sample_of("What is on the left?", "A red stripe.")
    turned = [mirrored(augmented(free, chance(n)).images[0].pixels_HWC) for n in range(40)]
    assert 8 < sum(turned) < 32
    assert not any(mirrored(augmented(bound, chance(n)).images[0].pixels_HWC) for n in range(40))


def hues(sample: Sample) -> set[int]:
    found = set()
    for number in range(40):
        picture = Pillow.fromarray(augmented(sample, chance(number)).images[0].pixels_HWC).convert("HSV")
        hue, saturation, _ = (np.asarray(channel).astype(int) for channel in picture.split())
        blue = hue[(hue > 110) & (hue < 220)]  # of the larger stripe, wherever it is
        found.add(int(np.median(blue)) if np.median(saturation) > 60 else -1)
    return found


def test_a_hue_is_turned_only_where_no_colour_is_named() -> None:
    bound = hues(sample_of("What colour is it?", "Blue."))
    assert max(bound) - min(bound) <= 8 and -1 not in bound
    free = hues(sample_of("What is this?", "A flag."))
    assert max(free) - min(free) > 12 and -1 in free


def test_the_size_and_the_rest_of_the_sample_stay() -> None:
    sample = sample_of("What is this?", "A flag.")
    changed = augmented(sample, chance(3))
    assert changed.images[0].pixels_HWC.shape == (40, 60, 3) and changed.exchanges == sample.exchanges
    assert augmented(sample, chance(3)).images[0].sha256 == changed.images[0].sha256
    text = Sample("toys", "MIT", "a", sample.exchanges)
    assert augmented(text, chance(3)) is text
