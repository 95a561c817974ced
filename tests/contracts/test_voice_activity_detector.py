"""What every voice activity detector must do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
from hibari import SAMPLE_RATE, Hibari  # type: ignore[import-untyped]

from assistant.protocols import VoiceActivityDetector
from assistant.speech.audio import resample
from assistant.speech.vad import SileroDetector
from assistant.types import Audio

pytestmark = pytest.mark.weights
RATE_HZ = 16000


@pytest.fixture(params=["silero"])
async def detector(weights_dir: Callable[[str], Path]) -> AsyncIterator[VoiceActivityDetector]:
    engine = SileroDetector(weights_dir("silero-vad") / "silero_vad_16k_sequence.onnx")
    yield engine
    await engine.close()


@pytest.fixture(scope="module")
def speech() -> Audio:
    return resample(Audio(Hibari()("Where can I park my car near the hotel?").astype(np.float32), SAMPLE_RATE), RATE_HZ)


@pytest.mark.parametrize("gain", [1.0, 0.02])
@pytest.mark.parametrize("rate_hz", [8000, 16000, 44100])
async def test_speech_is_found_where_it_is(detector: VoiceActivityDetector, speech: Audio, gain: float, rate_hz: int) -> None:
    silence_T = np.zeros(RATE_HZ, np.float32)
    sound = resample(Audio(np.concatenate([silence_T, speech.samples_T * np.float32(gain), silence_T]), RATE_HZ), rate_hz)
    spans = await detector.speech_spans(sound)
    assert 0.7 < spans[0].start_s < 1.4
    assert sound.duration_s - 1.5 < spans[-1].end_s < sound.duration_s - 0.5
    assert all(one.end_s <= two.start_s for one, two in zip(spans, spans[1:], strict=False))
    assert all(span.start_s < span.end_s for span in spans)


@pytest.mark.parametrize("level", [0.0, 1e-4, 1e-2, 0.3])
async def test_silence_and_noise_hold_no_speech(detector: VoiceActivityDetector, level: float) -> None:
    noise_T = np.random.default_rng(1).standard_normal(3 * RATE_HZ) * level
    assert await detector.speech_spans(Audio(np.clip(noise_T, -1, 1).astype(np.float32), RATE_HZ)) == ()


async def test_an_empty_recording_holds_no_speech(detector: VoiceActivityDetector) -> None:
    assert await detector.speech_spans(Audio(np.zeros(0, np.float32), RATE_HZ)) == ()
    assert await detector.speech_spans(Audio(np.zeros(1, np.float32), RATE_HZ)) == ()
