"""What every speech recognizer must do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hibari import SAMPLE_RATE, Hibari  # type: ignore[import-untyped]

from assistant.errors import UnsupportedLanguageError
from assistant.protocols import SpeechRecognizer
from assistant.speech.audio import resample
from assistant.speech.vad import SileroDetector
from assistant.speech.whisper import FasterWhisperRecognizer
from assistant.types import Audio

pytestmark = pytest.mark.weights
RATE_HZ = 16000
QUESTION = "Where can I park my car near the hotel?"
SLOW_ENGINES = [pytest.param(name, marks=pytest.mark.slow) for name in ("openai-whisper", "transformers")]
ENGINES = ["faster-whisper", "faster-whisper-30s", *SLOW_ENGINES]


@pytest.fixture(scope="module")
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module", params=ENGINES)
def recognizer(request: pytest.FixtureRequest, weights_dir: Callable[[str], Path], threads: None) -> Iterator[SpeechRecognizer]:
    """An engine, built once for the whole suite: each test finds it as the test before left it."""
    folder = weights_dir("whisper-tiny.en")
    detector = SileroDetector(weights_dir("silero-vad") / "silero_vad_16k_sequence.onnx")
    engine: SpeechRecognizer
    if request.param == "openai-whisper":
        pytest.importorskip("whisper")
        from assistant.speech.openai_whisper import OpenAIWhisperRecognizer

        engine = OpenAIWhisperRecognizer(folder, detector=detector)
    elif request.param == "transformers":
        from assistant.speech.transformers_whisper import TransformersWhisperRecognizer

        engine = TransformersWhisperRecognizer(folder, device="cpu", detector=detector)
    else:
        short = request.param == "faster-whisper"
        engine = FasterWhisperRecognizer(folder, threads=1, beam_size=1, short_context=short, detector=detector)
    yield engine
    asyncio.run(engine.close())


@pytest.fixture(scope="module")
def question() -> Audio:
    return resample(Audio(Hibari()(QUESTION).astype(np.float32), SAMPLE_RATE), RATE_HZ)


async def test_a_spoken_question_is_understood_at_any_rate_and_level(recognizer: SpeechRecognizer, question: Audio) -> None:
    for rate_hz, gain in ((8000, 1.0), (16000, 0.05), (44100, 1.0)):
        sound = resample(Audio(question.samples_T * np.float32(gain), RATE_HZ), rate_hz)
        transcript = await recognizer.transcribe(sound)
        assert "park my car near the hotel" in transcript.text.lower()
        assert transcript.language == "en"
        assert transcript.duration_s == pytest.approx(sound.duration_s)
        assert 0 <= transcript.segments[0].start_s < transcript.segments[-1].end_s <= transcript.duration_s


async def test_sound_without_speech_gives_an_empty_transcript(recognizer: SpeechRecognizer) -> None:
    chance, t = np.random.default_rng(0), np.arange(4 * RATE_HZ) / RATE_HZ
    sounds = {
        "nothing": np.zeros(0),
        "one sample": np.ones(1),
        "silence": 0 * t,
        "steady": 0 * t + 0.9,
        "hum": 0.3 * np.sin(2 * np.pi * 50 * t),
        "chord": sum(0.1 * np.sin(2 * np.pi * f * t) for f in (261.6, 329.6, 392.0)),
        "clicks": (chance.random(len(t)) < 3e-4) * 0.8,
        "not a number": np.full(len(t), np.nan),
        **{f"noise {level}": level * chance.standard_normal(len(t)) for level in (1e-4, 1e-2, 0.2)},
    }
    for name, samples_T in sounds.items():
        transcript = await recognizer.transcribe(Audio(np.clip(samples_T, -1, 1).astype(np.float32), RATE_HZ))
        assert (name, transcript.text, transcript.segments) == (name, "", ())


async def test_speech_longer_than_a_window_is_heard_to_its_end(recognizer: SpeechRecognizer, question: Audio) -> None:
    pause = Audio(np.zeros(3 * RATE_HZ, np.float32), RATE_HZ)
    transcript = await recognizer.transcribe(Audio.join([question, pause, question, pause, question]))
    assert transcript.text.lower().count("park my car") == 3
    assert len(transcript.segments) == 3
    assert all(one.end_s <= two.start_s for one, two in zip(transcript.segments, transcript.segments[1:], strict=False))


async def test_an_unknown_language_is_refused(recognizer: SpeechRecognizer, question: Audio) -> None:
    with pytest.raises(UnsupportedLanguageError):
        await recognizer.transcribe(question, language="xx")
    assert (await recognizer.transcribe(question, language="en")).text


async def test_cancelling_returns_at_once_and_the_next_call_works(recognizer: SpeechRecognizer, question: Audio) -> None:
    task = asyncio.create_task(recognizer.transcribe(Audio.join([question] * 40)))
    await asyncio.sleep(0.2)
    start_s = time.perf_counter()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.perf_counter() - start_s < 0.2
    assert (await recognizer.transcribe(question)).text
