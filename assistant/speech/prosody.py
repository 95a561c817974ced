"""How something was said: loudness, pitch and rate of a recording. It names no emotion.

Pauses count for nothing. The spread of the pitch is left out: where a voice creaks, autocorrelation jumps by octaves, and one
speaker's spread differs between recordings as much as two speakers' does.

`assistant.dialogue.notes.voice_note` tells what differs by 6 dB, 4 semitones or a factor of 1.4 from the same speaker's earlier
turns.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from assistant.speech.audio import SAMPLE_RATE_HZ, resample
from assistant.types import Audio, Voice

_FRAME, _STEP = SAMPLE_RATE_HZ // 25, SAMPLE_RATE_HZ // 100
_PAUSE_DB = 25.0
"""Frames so much below the loudest are pauses."""
_LAGS = range(SAMPLE_RATE_HZ // 400, SAMPLE_RATE_HZ // 70)
"""Periods of the pitches that voices have."""
_PERIODIC = 0.5
"""The least autocorrelation of a frame that has a pitch."""
_PITCH_STEPS = 3
"""Of so many frames one is asked for its pitch."""
_LEAST_S, _LEAST_SYLLABLES = 0.8, 4
_SYLLABLE = re.compile("[\u3400-\u9fff]|[^\\W\\dbcdfghjklmnpqrstvwxzßçñ_\u3400-\u9fff]+", re.IGNORECASE)
"""A Han character, or vowels in a row; silent ones count, as they do whenever the speaker is measured."""


def measure_voice(audio: Audio, words: str) -> Voice | None:
    """What can be measured of a recording in which these words were heard; None where there is too little speech."""
    samples_T, syllables = resample(audio, SAMPLE_RATE_HZ).samples_T, len(_SYLLABLE.findall(words))
    if len(samples_T) < _FRAME or syllables < _LEAST_SYLLABLES:
        return None
    frames_FT = sliding_window_view(samples_T, _FRAME)[::_STEP]
    levels_F = 10 * np.log10(np.square(frames_FT).mean(axis=1) + 1e-12)
    spoken_F = levels_F > np.percentile(levels_F, 98) - _PAUSE_DB
    spoken_s = float(spoken_F.sum()) * _STEP / SAMPLE_RATE_HZ
    pitches_hz = _pitches_hz(frames_FT[spoken_F][::_PITCH_STEPS])
    if spoken_s < _LEAST_S or not len(pitches_hz):
        return None
    return Voice(float(levels_F[spoken_F].mean()), float(np.median(pitches_hz)), syllables / spoken_s)


def _pitches_hz(frames_FT: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of those frames that have a pitch, by autocorrelation over that of the window (Boersma 1993)."""
    window_T = np.hanning(_FRAME)
    windowed_FT = (frames_FT - frames_FT.mean(axis=1, keepdims=True)) * window_T
    alike_FT = _autocorrelation(windowed_FT) / _autocorrelation(window_T)
    lags_F = alike_FT[:, _LAGS.start : _LAGS.stop].argmax(axis=1) + _LAGS.start
    periodic_F = alike_FT[np.arange(len(lags_F)), lags_F] > _PERIODIC * alike_FT[:, 0]
    pitches_hz: NDArray[np.float64] = SAMPLE_RATE_HZ / lags_F[periodic_F]
    return pitches_hz


def _autocorrelation(signals: NDArray[np.float64]) -> NDArray[np.float64]:
    length = signals.shape[-1]
    alike: NDArray[np.float64] = np.fft.irfft(np.abs(np.fft.rfft(signals, 2 * length)) ** 2)[..., : length // 2]
    return alike
