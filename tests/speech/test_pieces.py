"""Text cut where a speaker breathes, and edges that join."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from assistant.errors import InputError, UnsupportedLanguageError
from assistant.speech.pieces import check_request, finished, phrases

RATE = 24_000


def test_sentences_are_pieces() -> None:
    text = "Dogs bark. Cats meow! J. K. Rowling paid 3.50. Who?"
    assert list(phrases(text, max_characters=100)) == ["Dogs bark.", "Cats meow!", "J. K. Rowling paid 3.50.", "Who?"]
    assert list(phrases("你好。今天天气怎么样？很好", max_characters=30)) == ["你好。", "今天天气怎么样？", "很好"]


def test_a_long_sentence_is_cut_at_clauses_then_spaces_then_anywhere() -> None:
    assert list(phrases("one, two, three four, five", max_characters=12)) == ["one, two,", "three four,", "five"]
    assert list(phrases("one two three four", max_characters=9)) == ["one two", "three", "four"]
    assert list(phrases("字" * 25, max_characters=10)) == ["字" * 10, "字" * 10, "字" * 5]


def test_what_cannot_be_spoken_is_left_out() -> None:
    assert list(phrases("... !? \n — 😀", max_characters=10)) == []


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=80), st.integers(1, 40))
def test_no_letter_is_lost_and_no_piece_too_long(text: str, limit: int) -> None:
    pieces = list(phrases(text, max_characters=limit))
    assert all(len(piece) <= limit for piece in pieces)
    assert [x for piece in pieces for x in piece if x.isalnum()] == [x for x in text if x.isalnum()]


def tone(seconds: float, amplitude: float = 0.3) -> NDArray[np.float32]:
    return np.asarray(amplitude * np.sin(np.arange(int(seconds * RATE)) * 0.05), np.float32)


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(int(seconds * RATE), np.float32)


@pytest.mark.parametrize(("phrase", "pause_s"), [("Yes.", 0.28), ("好。”", 0.28), ("Yes,", 0.14), ("Yes", 0.04)])
def test_a_models_silence_gives_way_to_the_pause_the_mark_asks_for(phrase: str, pause_s: float) -> None:
    piece = finished(np.concatenate([silence(0.3), tone(1.0), silence(0.5)]), RATE, phrase)
    assert piece.duration_s == pytest.approx(0.03 + 1.0 + pause_s, abs=0.02)


def test_a_pause_is_made_where_the_model_left_none() -> None:
    assert finished(tone(1.0), RATE, "Yes.").duration_s == pytest.approx(1.28, abs=0.02)


def test_loud_sound_is_scaled_not_clipped() -> None:
    piece = finished(tone(1.0, amplitude=3.0), RATE, "Yes.")
    assert np.abs(piece.samples_T).max() == pytest.approx(0.99)
    assert np.corrcoef(piece.samples_T[: RATE // 2], tone(0.5)[: RATE // 2])[0, 1] > 0.999


def test_silence_stays_silence() -> None:
    assert not finished(silence(0.2), RATE, "Yes.").samples_T.any()


def test_requests_an_engine_cannot_serve_are_refused() -> None:
    check_request("en", "heart", 1.0, languages={"en"}, voices=("heart",))
    with pytest.raises(UnsupportedLanguageError):
        check_request("zh", None, 1.0, languages={"en"}, voices=())
    with pytest.raises(InputError, match="no voice 'emma'"):
        check_request("en", "emma", 1.0, languages={"en"}, voices=("heart",))
    with pytest.raises(InputError, match="speed"):
        check_request("en", None, float("nan"), languages={"en"}, voices=())
