from __future__ import annotations

import math

import numpy as np
import pytest

from assistant.speech.prosody import measure_voice
from assistant.types import Audio

WORDS = "ba " * 12


def voice(
    *, pitch_hz: float = 150.0, level: float = 0.1, syllable_s: float = 0.2, pause_s: float = 0.0, rate_hz: int = 16_000
) -> Audio:
    """Twelve syllables of a voice with ten harmonics, and a pause in the middle."""
    times_T = np.arange(round(12 * syllable_s * rate_hz)) / rate_hz
    tones_T = sum(np.sin(2 * math.pi * n * pitch_hz * times_T) / n for n in range(1, 11))
    loud_T = level * np.asarray(tones_T) * (0.6 + 0.4 * np.sin(2 * math.pi * times_T / syllable_s))
    half = len(loud_T) // 2
    samples_T = np.concatenate([loud_T[:half], np.zeros(round(pause_s * rate_hz)), loud_T[half:]])
    return Audio(samples_T.astype(np.float32), rate_hz)


@pytest.mark.parametrize("pitch_hz", [85.0, 120.0, 180.0, 250.0, 350.0])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100])
def test_the_pitch_is_measured_at_any_sample_rate(pitch_hz: float, rate_hz: int) -> None:
    measured = measure_voice(voice(pitch_hz=pitch_hz, rate_hz=rate_hz), WORDS)
    assert measured is not None
    assert measured.pitch_hz == pytest.approx(pitch_hz, rel=0.03)


def test_a_voice_twice_as_strong_is_6_db_louder_and_nothing_else() -> None:
    soft, loud = measure_voice(voice(level=0.05), WORDS), measure_voice(voice(level=0.1), WORDS)
    assert soft is not None
    assert loud is not None
    assert loud.loudness_db - soft.loudness_db == pytest.approx(6.02, abs=0.01)
    assert (loud.pitch_hz, loud.syllables_per_s) == (soft.pitch_hz, soft.syllables_per_s)


def test_pauses_change_nothing_and_faster_is_faster() -> None:
    steady, pausing, fast = (measure_voice(said, WORDS) for said in (voice(), voice(pause_s=2.0), voice(syllable_s=0.1)))
    assert steady is not None
    assert pausing is not None
    assert fast is not None
    assert pausing.syllables_per_s == pytest.approx(steady.syllables_per_s, rel=0.05)
    assert pausing.loudness_db == pytest.approx(steady.loudness_db, abs=0.5)
    assert fast.syllables_per_s == pytest.approx(2 * steady.syllables_per_s, rel=0.05)


@pytest.mark.parametrize("words", ["今天天气怎么样今天天气怎么", "Où est le café de la gare, s'il vous plaît ?", WORDS])
def test_syllables_are_counted_in_several_languages(words: str) -> None:
    measured = measure_voice(voice(), words)
    assert measured is not None
    assert 4 < measured.syllables_per_s < 6


def test_too_little_speech_is_not_measured() -> None:
    noise_T = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)
    assert measure_voice(Audio(noise_T, 16_000), WORDS) is None
    assert measure_voice(Audio(np.zeros(48_000, np.float32), 16_000), WORDS) is None
    assert measure_voice(Audio(np.zeros(0, np.float32), 16_000), WORDS) is None
    assert measure_voice(voice(syllable_s=0.05), WORDS) is None
    assert measure_voice(voice(), "Yes.") is None
