from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import WeightsCorruptError, WeightsMissingError
from assistant.speech.vad import FRAME_S, SileroDetector, SpanRules, spans_of

RULES = SpanRules()


def frames(*parts: tuple[float, float]) -> list[float]:
    """Probabilities from (seconds, probability) pairs."""
    return [probability for seconds, probability in parts for _ in range(round(seconds / FRAME_S))]


def test_a_stretch_of_high_probability_is_a_span_with_a_little_around_it() -> None:
    (span,) = spans_of(frames((1.024, 0.0), (1.024, 0.9), (1.024, 0.0)), 3.072, RULES)
    assert span.start_s == pytest.approx(1.024 - RULES.pad_s)
    assert span.end_s == pytest.approx(2.048 + RULES.pad_s)


def test_a_short_dip_does_not_split_and_a_long_one_does() -> None:
    assert len(spans_of(frames((0.5, 0.9), (0.064, 0.1), (0.5, 0.9)), 1.1, RULES)) == 1
    first, second = spans_of(frames((0.5, 0.9), (0.3, 0.1), (0.5, 0.9)), 1.3, RULES)
    assert first.end_s <= second.start_s


def test_a_doubtful_frame_keeps_speech_going_and_never_starts_it() -> None:
    assert spans_of(frames((2.0, 0.4)), 2.0, RULES) == ()
    assert len(spans_of(frames((0.5, 0.9), (0.5, 0.4), (0.5, 0.9)), 1.5, RULES)) == 1


def test_a_click_is_too_short_for_speech() -> None:
    assert spans_of(frames((0.5, 0.0), (0.032, 0.9), (0.5, 0.0)), 1.0, RULES) == ()


def test_spans_lie_within_the_recording() -> None:
    (span,) = spans_of(frames((1.0, 0.9)), 0.99, RULES)
    assert (span.start_s, span.end_s) == (0.0, 0.99)


def test_a_missing_and_a_broken_model_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError):
        SileroDetector(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(WeightsCorruptError):
        SileroDetector(tmp_path / "bad.onnx")


@pytest.mark.weights
def test_a_stream_gives_the_same_probabilities_however_the_sound_is_cut(weights_dir: Callable[[str], Path]) -> None:
    detector = SileroDetector(weights_dir("silero-vad") / "silero_vad_16k_sequence.onnx")
    noise_T = np.random.default_rng(0).standard_normal(16000).astype(np.float32) * 0.05
    at_once = detector.stream().push(noise_T)
    stream = detector.stream()
    in_pieces = [p for start in range(0, 16000, 320) for p in stream.push(noise_T[start : start + 320])]
    assert len(at_once) == 16000 // 512
    assert in_pieces == at_once
    stream.reset()
    assert stream.push(noise_T) == at_once
