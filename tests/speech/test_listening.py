from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from assistant.errors import UnsupportedLanguageError
from assistant.speech.listening import MAX_WINDOW_S, Heard, listen, windows
from assistant.types import Audio, Span, Transcript
from assistant.worker import Worker

RATE_HZ = 16000


def noise(seconds: float) -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal(int(seconds * RATE_HZ)).astype(np.float32) * np.float32(0.1)


async def heard(audio: Audio, hear_s: float = 0.0, language: str | None = None) -> Transcript:
    def hear(samples_T: NDArray[np.float32], known: str | None) -> Heard:
        time.sleep(hear_s)
        return Heard(f"{len(samples_T) / RATE_HZ:.0f}", known or "zh", 0.9, -0.5)

    worker = Worker("test")
    try:
        return await listen(audio, hear, worker=worker, detector=None, language=language, languages={"en", "zh"})
    finally:
        await worker.close()


def test_near_spans_share_a_window_and_far_ones_do_not() -> None:
    found = windows([Span(1, 2), Span(2.5, 4), Span(9, 10)], noise(12))
    assert [(round(x.start_s, 2), round(x.end_s, 2)) for x in found] == [(0.8, 4.2), (8.8, 10.2)]


def test_no_speech_makes_no_window() -> None:
    assert windows([], noise(1)) == []


def test_long_speech_is_cut_where_it_is_quietest_and_nothing_is_lost() -> None:
    samples_T = noise(70)
    samples_T[25 * RATE_HZ : int(25.3 * RATE_HZ)] = 0
    found = windows([Span(0, 70)], samples_T)
    assert found[0].end_s == pytest.approx(25.15, abs=0.15)
    assert found[0].start_s == 0
    assert found[-1].end_s == 70
    assert all(one.end_s == two.start_s for one, two in zip(found, found[1:], strict=False))
    assert all(window.end_s - window.start_s <= MAX_WINDOW_S for window in found)


async def test_text_of_windows_is_joined_as_the_language_writes_it() -> None:
    audio = Audio(noise(40), RATE_HZ)
    assert " " not in (await heard(audio)).text
    english = await heard(audio, language="en")
    assert len(english.text.split()) == len(english.segments) == 2
    assert english.language == "en"


async def test_silence_never_reaches_the_recognizer() -> None:
    for samples_T in (np.zeros(RATE_HZ, np.float32), np.zeros(0, np.float32), np.full(RATE_HZ, np.nan, np.float32)):
        assert (await heard(Audio(samples_T, RATE_HZ))).text == ""


async def test_an_unknown_language_is_refused_with_those_known() -> None:
    with pytest.raises(UnsupportedLanguageError) as caught:
        await heard(Audio(noise(1), RATE_HZ), language="xx")
    assert "en, zh" in caught.value.hint


async def test_cancelling_stops_before_the_next_window() -> None:
    start_s = time.perf_counter()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(heard(Audio(noise(300), RATE_HZ), hear_s=0.1), 0.05)
    assert time.perf_counter() - start_s < 0.8
