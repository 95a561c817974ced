from __future__ import annotations

import numpy as np

from assistant.evaluation.conditions import prompts_for
from assistant.types import Image


def image(name: str) -> Image:
    return Image(np.zeros((2, 2, 3), np.uint8), name)


def shown(condition: str, names: str) -> list[tuple[str, ...]]:
    images = [image(name) for name in names]
    prompts = prompts_for(condition, images, ["What?"] * len(images))  # type: ignore[arg-type]
    assert all(prompt.messages[-1].text == "What?" for prompt in prompts)
    return [tuple(x.sha256 for x in prompt.messages[-1].images) for prompt in prompts]


def test_the_same_questions_are_asked_with_the_picture_without_and_with_anothers() -> None:
    assert shown("picture", "aab") == [("a",), ("a",), ("b",)]
    assert shown("blind", "aab") == [(), (), ()]
    assert shown("shuffled", "aab") == [("b",), ("b",), ("a",)]


def test_a_single_picture_has_no_other_to_be_shuffled_with() -> None:
    assert shown("shuffled", "aa") == [(), ()]
