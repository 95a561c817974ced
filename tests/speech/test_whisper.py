from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hibari import SAMPLE_RATE, Hibari  # type: ignore[import-untyped]

from assistant.errors import WeightsCorruptError, WeightsMissingError
from assistant.speech.audio import resample
from assistant.speech.whisper import FasterWhisperRecognizer
from assistant.types import Audio


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match=r"model\.bin"):
        FasterWhisperRecognizer(tmp_path, threads=1, beam_size=1, short_context=True, detector=None)


@pytest.mark.weights
@pytest.mark.parametrize("file", ["model.bin", "config.json", "tokenizer.json"])
def test_a_damaged_file_is_called_corrupt(weights_dir: Callable[[str], Path], tmp_path: Path, file: str) -> None:
    for path in weights_dir("whisper-tiny.en").iterdir():
        if path.name != file:
            (tmp_path / path.name).symlink_to(path)
    (tmp_path / file).write_text("not this")
    with pytest.raises(WeightsCorruptError):
        FasterWhisperRecognizer(tmp_path, threads=1, beam_size=1, short_context=True, detector=None)


@pytest.mark.weights
async def test_one_word_is_heard_once(weights_dir: Callable[[str], Path]) -> None:
    recognizer = FasterWhisperRecognizer(weights_dir("whisper-tiny.en"), threads=1, beam_size=1, short_context=True, detector=None)
    word_T = Hibari()("Yes.").astype(np.float32)
    assert recognizer.languages == {"en"}
    assert (await recognizer.transcribe(resample(Audio(word_T, SAMPLE_RATE), 16000))).text.lower().count("yes") == 1
    await recognizer.close()
