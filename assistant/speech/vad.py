"""Silero VAD on ONNX Runtime: the probability of speech, 32 ms at a time.

The model (MIT) hears 512 samples at 16 kHz behind the 64 before them, and carries two states of shape (1, 1, 128) from one frame
to the next. Many frames at once cost half as much as one by one, with the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from assistant.errors import RecognitionError, WeightsCorruptError, WeightsMissingError
from assistant.speech.audio import SAMPLE_RATE_HZ, resample
from assistant.types import Audio, Span
from assistant.worker import Worker

FRAME_SAMPLES = 512
FRAME_S = FRAME_SAMPLES / SAMPLE_RATE_HZ
_CONTEXT_SAMPLES = 64
_FRAMES_AT_ONCE = 512
_LEAD_FRAMES = 8
"""Of silence before a recording: the model needs to hear speech begin, and short recordings are often trimmed to it."""
_LOUD_PEAK = 0.3
_MAX_GAIN = 10.0


@dataclass(frozen=True, slots=True)
class SpanRules:
    """How frame probabilities become spans; the values are, but for one, those of silero's `get_speech_timestamps`."""

    threshold: float = 0.5
    release_threshold: float = 0.35
    """Speech goes on until the probability falls below this."""
    min_speech_s: float = 0.1
    """Silero's own 0.25 s loses "two" and "no"."""
    min_silence_s: float = 0.1
    pad_s: float = 0.03


class SpeechStream:
    """The probability of speech in sound that arrives piece by piece, as in a call. Not safe for two threads at once."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._hidden = self._cell = np.zeros((1, 1, 128), np.float32)
        self._context_T = np.zeros(_CONTEXT_SAMPLES, np.float32)
        self._rest_T = np.zeros(0, np.float32)

    def push(self, samples_T: NDArray[np.float32]) -> list[float]:
        """One probability for each whole frame of 32 ms heard so far and not yet answered; the rest waits for more.

        Args:
            samples_T: The next samples at 16 kHz, any number.
        """
        waiting_T = np.concatenate([self._rest_T, samples_T.astype(np.float32, copy=False)])
        frames = len(waiting_T) // FRAME_SAMPLES
        self._rest_T = waiting_T[frames * FRAME_SAMPLES :]
        probabilities: list[float] = []
        for first in range(0, frames, _FRAMES_AT_ONCE):
            part_T = waiting_T[first * FRAME_SAMPLES : min(frames, first + _FRAMES_AT_ONCE) * FRAME_SAMPLES]
            heard_T = np.concatenate([self._context_T, part_T])
            self._context_T = heard_T[-_CONTEXT_SAMPLES:]
            heard_FT = sliding_window_view(heard_T, _CONTEXT_SAMPLES + FRAME_SAMPLES)[::FRAME_SAMPLES]
            feeds = {"input": np.ascontiguousarray(heard_FT), "h": self._hidden, "c": self._cell}
            found_F, self._hidden, self._cell = self._session.run(["speech_probs", "hn", "cn"], feeds)
            probabilities += found_F.ravel().tolist()
        return probabilities


class SileroDetector:
    """A `VoiceActivityDetector`."""

    def __init__(self, file: Path, *, rules: SpanRules | None = None) -> None:
        """Load the model.

        Args:
            file: `silero_vad_16k_sequence.onnx`, version 6.2.
            rules: How frame probabilities become spans.

        Raises:
            WeightsMissingError: There is no such file.
            WeightsCorruptError: It is no ONNX model.
        """
        if not file.is_file():
            raise WeightsMissingError(f"there is no voice activity model at {file}", hint="pull the weights of silero-vad")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own classes share no narrower public base
            raise WeightsCorruptError(f"{file.name} is no ONNX model", hint="pull the weights of silero-vad again") from error
        self._rules = rules or SpanRules()
        self._worker = Worker("voice-activity")

    def stream(self) -> SpeechStream:
        """A fresh listener for one call."""
        return SpeechStream(self._session)

    async def speech_spans(self, audio: Audio) -> tuple[Span, ...]:
        """See `VoiceActivityDetector.speech_spans`."""
        return await self._worker.run(partial(self._spans, audio))

    async def close(self) -> None:
        """See `VoiceActivityDetector.close`."""
        await self._worker.close()

    def _spans(self, audio: Audio) -> tuple[Span, ...]:
        samples_T = resample(audio, SAMPLE_RATE_HZ).samples_T
        if not len(samples_T):
            return ()
        # The model is nearly deaf to a whisper into a far microphone.
        gain = min(_MAX_GAIN, max(1.0, _LOUD_PEAK / max(float(np.abs(samples_T).max()), 1e-9)))
        padded_T = np.pad(samples_T * np.float32(gain), (_LEAD_FRAMES * FRAME_SAMPLES, -len(samples_T) % FRAME_SAMPLES))
        try:
            probabilities = self.stream().push(padded_T)[_LEAD_FRAMES:]
        except Exception as error:  # see __init__
            raise RecognitionError("the voice activity model failed", hint="try again") from error
        return spans_of(probabilities, audio.duration_s, self._rules)


def spans_of(probabilities: list[float], duration_s: float, rules: SpanRules) -> tuple[Span, ...]:
    """Spans of speech in a recording of `duration_s`, from the probability of each of its frames."""
    found: list[Span] = []
    start = quiet_since = -1
    for frame, probability in enumerate([*probabilities, *[0.0] * (int(rules.min_silence_s / FRAME_S) + 2)]):
        if probability >= rules.threshold:
            start = frame if start < 0 else start
            quiet_since = -1
        elif start >= 0 and probability < rules.release_threshold:
            quiet_since = frame if quiet_since < 0 else quiet_since
            if (frame - quiet_since) * FRAME_S >= rules.min_silence_s:
                if (quiet_since - start) * FRAME_S >= rules.min_speech_s:
                    found.append(Span(start * FRAME_S, quiet_since * FRAME_S))
                start = quiet_since = -1
    return _padded(found, duration_s, rules.pad_s)


def _padded(spans: list[Span], duration_s: float, pad_s: float) -> tuple[Span, ...]:
    """Each span a little longer, half a gap at most, so that none overlap."""
    edges = []
    for i, span in enumerate(spans):
        before_s = spans[i - 1].end_s if i else -span.start_s
        after_s = spans[i + 1].start_s if i + 1 < len(spans) else 2 * duration_s - span.end_s
        start_s = span.start_s - min(pad_s, (span.start_s - before_s) / 2)
        end_s = span.end_s + min(pad_s, max(0.0, (after_s - span.end_s) / 2))
        edges.append(Span(max(0.0, start_s), min(end_s, duration_s)))
    return tuple(edges)
