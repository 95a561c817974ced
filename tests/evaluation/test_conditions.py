from __future__ import annotations

import numpy as np
import pytest

from assistant.evaluation.conditions import CONDITIONS
from assistant.evaluation.task import Question
from assistant.types import Image


def questions(names: str) -> list[Question]:
    return [Question(name, Image(np.zeros((2, 2, 3), np.uint8), name), "What?", ("this",)) for name in names]


@pytest.mark.parametrize(
    ("condition", "names", "shown"),
    [
        ("tokens+evidence", "aab", ["a", "a", "b"]),
        ("evidence", "ab", ["a", "b"]),
        ("blind", "aab", [None, None, None]),
        ("shuffled", "aab", ["b", "b", "a"]),
        ("shuffled", "aa", [None, None]),
    ],
)
def test_which_picture_is_shown(condition: str, names: str, shown: list[str | None]) -> None:
    assert [image and image.sha256 for image in CONDITIONS[condition].images(questions(names))] == shown
