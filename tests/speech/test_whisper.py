from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hibari import SAMPLE_RATE, Hibari  # type: ignore[import-untyped]

from assistant.errors import WeightsMissingError
from assistant.speech.audio import resample
from assistant.speech.whisper import FasterWhisperRecognizer
from assistant.types import Audio


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match=r"model\.bin"):
        FasterWhisperRecognizer(tmp_path, threads=1, beam_size=1, short_context=True, detector=None)


@pytest.mark.weights
async def test_one_word_is_heard(weights_dir: Callable[[str], Path]) -> None:
    recognizer = FasterWhisperRecognizer(weights_dir("whisper-tiny.en"), threads=1, beam_size=1, short_context=True, detector=None)
    word_T = Hibari()("Yes.").astype(np.float32)
    assert recognizer.languages == {"en"}
    assert "yes" in (await recognizer.transcribe(resample(Audio(word_T, SAMPLE_RATE), 16000))).text.lower()
    await recognizer.close()
