from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers.utils.logging
from hibari import SAMPLE_RATE, Hibari  # type: ignore[import-untyped]

from assistant.errors import WeightsCorruptError, WeightsMissingError
from assistant.speech.audio import resample
from assistant.speech.transformers_whisper import TransformersWhisperRecognizer
from assistant.types import Audio


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def question() -> Audio:
    return resample(Audio(Hibari()("Where can I park my car?").astype(np.float32), SAMPLE_RATE), 16000)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match=r"tokenizer\.json"):
        TransformersWhisperRecognizer(tmp_path)


@pytest.mark.parametrize("file", ["tokenizer.json", "model.bin"])
def test_a_damaged_file_is_called_corrupt(tmp_path: Path, file: str) -> None:
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": []}}')
    (tmp_path / file).write_text("not this")
    with pytest.raises(WeightsCorruptError):
        TransformersWhisperRecognizer(tmp_path)


@pytest.mark.weights
async def test_a_question_is_heard_and_the_library_has_nothing_to_complain_about(
    weights_dir: Callable[[str], Path], question: Audio, caplog: pytest.LogCaptureFixture
) -> None:
    recognizer = TransformersWhisperRecognizer(weights_dir("whisper-tiny.en"), device="cpu")
    transformers.utils.logging.enable_propagation()
    try:
        with caplog.at_level(logging.WARNING):
            heard = await recognizer.transcribe(question)
    finally:
        transformers.utils.logging.disable_propagation()
        await recognizer.close()
    assert "park my car" in heard.text.lower()
    assert (heard.language, heard.language_probability) == ("en", 1.0)
    assert -1.0 < heard.average_log_probability < 0.0
    assert caplog.messages == []


@pytest.mark.slow
@pytest.mark.parametrize("beam_size", [1, 3])
async def test_the_language_is_told_with_its_probability(
    weights_dir: Callable[[str], Path], question: Audio, beam_size: int
) -> None:
    recognizer = TransformersWhisperRecognizer(weights_dir("whisper-base"), device="cpu", beam_size=beam_size)
    heard = await recognizer.transcribe(question)
    assert (heard.language, "park my car" in heard.text.lower()) == ("en", True)
    assert 0.5 < heard.language_probability < 1.0
    await recognizer.close()
