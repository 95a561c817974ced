from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hibari import SAMPLE_RATE, Hibari  # type: ignore[import-untyped]

from assistant.errors import MissingDependencyError, WeightsMissingError
from assistant.speech.audio import resample
from assistant.speech.openai_whisper import OpenAIWhisperRecognizer
from assistant.types import Audio


@pytest.fixture
def package() -> Iterator[None]:
    before = torch.get_num_threads()
    pytest.importorskip("whisper", reason="the extra openai-whisper is not installed")
    yield
    torch.set_num_threads(before)


def test_without_the_extra_the_hint_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "whisper", None)
    with pytest.raises(MissingDependencyError) as caught:
        OpenAIWhisperRecognizer(tmp_path)
    assert "openai-whisper" in caught.value.hint


@pytest.mark.slow
def test_missing_weights_are_named(package: None, tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match=r"model\.bin"):
        OpenAIWhisperRecognizer(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "beam_size"), [("whisper-tiny.en", 1), ("whisper-base", 3)])
async def test_a_question_is_heard(package: None, weights_dir: Callable[[str], Path], model: str, beam_size: int) -> None:
    recognizer = OpenAIWhisperRecognizer(weights_dir(model), beam_size=beam_size)
    question_T = Hibari()("Where can I park my car?").astype(np.float32)
    heard = await recognizer.transcribe(resample(Audio(question_T, SAMPLE_RATE), 16000))
    assert (heard.language, "park my car" in heard.text.lower()) == ("en", True)
    assert 0.5 < heard.language_probability <= 1.0
    assert -1.0 < heard.average_log_probability < 0.0
    await recognizer.close()
