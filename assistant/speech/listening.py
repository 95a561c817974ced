"""From a recording to a transcript with any recognizer that hears one window of at most 28 s at a time.

Speech is found first; silence between windows is never shown to the recognizer, which would invent words for it. Long speech is cut
where it pauses, so that everything is heard.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assistant.errors import UnsupportedLanguageError
from assistant.protocols import VoiceActivityDetector
from assistant.speech.audio import SAMPLE_RATE_HZ, resample
from assistant.types import Audio, Segment, Span, Transcript
from assistant.worker import Worker

MAX_WINDOW_S = 28.0
"""Whisper hears 30 s; the rest is room for silence behind the last word."""

_MARGIN_S = 0.2
_LONG_PAUSE_S = 2.0
_CUT_SEARCH_S = 8.0
_FRAME_SAMPLES = 320
_AUDIBLE_PEAK = 1e-3
"""-60 dB of full scale: the noise of an idle sound card stays below."""
_SPACELESS = frozenset({"zh", "ja", "yue", "th", "lo", "my"})


@dataclass(frozen=True, slots=True)
class Heard:
    """The words of one window; `text` is empty when it holds none."""

    text: str
    language: str
    language_probability: float
    average_log_probability: float


Hear = Callable[[NDArray[np.float32], str | None], Heard]
"""Window samples at 16 kHz and the language if it is known."""


async def listen(
    audio: Audio,
    hear: Hear,
    *,
    worker: Worker,
    detector: VoiceActivityDetector | None,
    language: str | None,
    languages: Collection[str],
) -> Transcript:
    """The transcript of a recording of any length and rate. Cancelling stops before the next window.

    Args:
        audio: The recording.
        hear: What the recognizer makes of one window.
        worker: Of the recognizer.
        detector: Finds the speech; None takes everything for speech.
        language: ISO 639-1 code of what is spoken, if it is known.
        languages: Those that the recognizer knows.

    Raises:
        UnsupportedLanguageError: `language` is none of `languages`.
    """
    if language is not None and language not in languages:
        raise UnsupportedLanguageError(
            f"the recognizer does not know the language {language!r}", hint=f"known: {', '.join(sorted(languages))}"
        )
    duration_s = audio.duration_s
    sound = await asyncio.to_thread(resample, audio, SAMPLE_RATE_HZ)
    samples_T = np.clip(np.nan_to_num(sound.samples_T, nan=0.0), -1.0, 1.0)
    if not len(samples_T) or float(np.abs(samples_T).max()) < _AUDIBLE_PEAK:
        return Transcript("", "", duration_s)
    sound = Audio(samples_T, SAMPLE_RATE_HZ)
    spans = (Span(0.0, sound.duration_s),) if detector is None else await detector.speech_spans(sound)
    stopped = threading.Event()

    def work() -> Transcript:
        segments: list[Segment] = []
        heard: list[Heard] = []
        known = language
        for window in windows(spans, samples_T):
            if stopped.is_set():
                break
            first, last = round(window.start_s * SAMPLE_RATE_HZ), round(window.end_s * SAMPLE_RATE_HZ)
            words = hear(samples_T[first:last], known)
            if words.text:
                known = words.language
                heard.append(words)
                segments.append(Segment(round(window.start_s, 3), round(min(window.end_s, duration_s), 3), words.text))
        return _transcript(segments, heard, duration_s)

    try:
        return await worker.run(work)
    finally:
        stopped.set()


def windows(spans: Sequence[Span], samples_T: NDArray[np.float32]) -> list[Span]:
    """Spans of speech joined into windows of at most `MAX_WINDOW_S`, each with a little of the silence around it."""
    end_of_all_s = len(samples_T) / SAMPLE_RATE_HZ
    found: list[Span] = []
    for i, span in enumerate(spans):
        start_s = max(0.0, span.start_s - _MARGIN_S, spans[i - 1].end_s if i else 0.0)
        end_s = min(end_of_all_s, span.end_s + _MARGIN_S, spans[i + 1].start_s if i + 1 < len(spans) else end_of_all_s)
        last = found[-1] if found else None
        if last and start_s - last.end_s < _LONG_PAUSE_S and end_s - last.start_s <= MAX_WINDOW_S:
            found[-1] = Span(last.start_s, end_s)
            continue
        while end_s - start_s > MAX_WINDOW_S:
            cut_s = _quietest_s(samples_T, start_s + MAX_WINDOW_S - _CUT_SEARCH_S, start_s + MAX_WINDOW_S)
            found.append(Span(start_s, cut_s))
            start_s = cut_s
        found.append(Span(start_s, end_s))
    return found


def _quietest_s(samples_T: NDArray[np.float32], start_s: float, end_s: float) -> float:
    """The middle of the quietest 0.2 s."""
    part_T = samples_T[int(start_s * SAMPLE_RATE_HZ) : int(end_s * SAMPLE_RATE_HZ)]
    frames = len(part_T) // _FRAME_SAMPLES
    energy_F = np.square(part_T[: frames * _FRAME_SAMPLES].reshape(frames, _FRAME_SAMPLES)).mean(axis=1)
    smooth_F = np.convolve(energy_F, np.full(10, 0.1), mode="valid")
    return start_s + (int(smooth_F.argmin()) + 5) * _FRAME_SAMPLES / SAMPLE_RATE_HZ


def _transcript(segments: list[Segment], heard: list[Heard], duration_s: float) -> Transcript:
    if not heard:
        return Transcript("", "", duration_s)
    longest = max(range(len(heard)), key=lambda i: segments[i].end_s - segments[i].start_s)
    language = heard[longest].language
    between = "" if language in _SPACELESS else " "
    return Transcript(
        between.join(segment.text for segment in segments),
        language,
        duration_s,
        tuple(segments),
        heard[longest].language_probability,
        sum(x.average_log_probability for x in heard) / len(heard),
    )
