"""Questions are cut into sentences, and a thing is meant only where nothing else is said of it."""

from __future__ import annotations

import pytest

from assistant.vision.question import LONGEST, meant, sentences


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Quick question: Is there a dog?", ("quick question", "is there a dog")),
        ("And, please, tell me what is on the left.", ("what is on the left",)),
        ("It costs 3.50. Is it a menu?", ("it costs 3.50", "is it a menu")),
        ("图里有狗吗？", ("图里有 dog 吗",)),
        ("?!", ()),
        ("", ()),
    ],
)
def test_sentences_are_lower_case_without_what_stands_around_them(question: str, found: tuple[str, ...]) -> None:
    assert sentences(question) == found


def test_a_letter_has_no_sentences_for_experts() -> None:
    assert sentences("Is there a dog? " + "x" * LONGEST) == ()


def test_a_thing_is_meant_by_itself_alone() -> None:
    assert meant("brown dogs", "brown dog")
    assert not meant("stuffed dog", "dog")
    assert not meant("dogs in australia", "dog")
