from __future__ import annotations

import pytest
import torch

from assistant.vision.connector import Frame, WordScale
from tests.vision.tiny_vision import TinyWords


def test_a_frame_begins_as_its_words_and_is_learned() -> None:
    words = TinyWords()
    frame = Frame(words, start="The picture shows a", end=".")
    assert frame.tokens == 5
    short_ND, long_ND = frame([torch.zeros(0, words.width), torch.zeros(7, words.width)])
    assert (len(short_ND), len(long_ND)) == (5, 12)
    torch.testing.assert_close(short_ND, torch.cat([words("The picture shows a"), words(".")]))
    assert len(list(frame.parameters())) == 2


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_vectors_are_brought_to_the_size_of_words(size: float) -> None:
    scaled_BND = WordScale(TinyWords())(torch.randn(2, 5, TinyWords.width) * size)
    assert scaled_BND.square().mean().sqrt().item() == pytest.approx(0.1, rel=0.2)
