"""The Mandarin voice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import WeightsCorruptError, WeightsMissingError
from assistant.speech.kokoro import KokoroSynthesizer
from assistant.types import Audio


def test_missing_files_name_the_command_that_brings_them(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError) as raised:
        KokoroSynthesizer(tmp_path)
    assert "models pull kokoro" in raised.value.hint


def test_missing_voices_name_npm(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"")
    (tmp_path / "vocab.json").write_text("{}")
    with pytest.raises(WeightsMissingError) as raised:
        KokoroSynthesizer(tmp_path)
    assert "npm" in raised.value.hint


def test_a_broken_model_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"nonsense")
    (tmp_path / "vocab.json").write_text('{"vocab": {}}')
    (tmp_path / "voices").mkdir()
    for name in ("af_heart", "zf_xiaoxiao"):
        (tmp_path / "voices" / f"{name}.bin").write_bytes(b"")
    with pytest.raises(WeightsCorruptError):
        KokoroSynthesizer(tmp_path)


@pytest.fixture(scope="module")
def kokoro(weights_dir: Callable[[str], Path]) -> Iterator[KokoroSynthesizer]:
    engine = KokoroSynthesizer(weights_dir("kokoro"))
    yield engine
    asyncio.run(engine.close())


async def said(engine: KokoroSynthesizer, text: str) -> Audio:
    return Audio.join([piece async for piece in engine.synthesize(text, language="zh")])


@pytest.mark.slow
async def test_chinese_with_english_words_and_digits_is_spoken(kokoro: KokoroSynthesizer) -> None:
    plain, mixed = await said(kokoro, "请写一个程序。"), await said(kokoro, "请用 Python 写 3 个程序。")
    assert mixed.duration_s > plain.duration_s > 0.8
    assert np.abs(mixed.samples_T).max() < 1.0


@pytest.mark.slow
async def test_chinese_is_understood_by_a_recognizer(kokoro: KokoroSynthesizer, weights_dir: Callable[[str], Path]) -> None:
    from faster_whisper import WhisperModel  # type: ignore[import-untyped]

    audio = await said(kokoro, "图片里有两只小猫，它们正躺在红色的沙发上。")
    count = int(len(audio.samples_T) * 16_000 / audio.sample_rate_hz)
    samples_T = np.interp(np.arange(count) * audio.sample_rate_hz / 16_000, np.arange(len(audio.samples_T)), audio.samples_T)
    model = WhisperModel(str(weights_dir("whisper-base")), device="cpu", compute_type="int8", cpu_threads=1)
    segments, _ = model.transcribe(samples_T.astype(np.float32), language="zh", initial_prompt="以下是普通话的句子。")
    heard = "".join(segment.text for segment in segments)
    assert sum(x in heard for x in "图片里有两只小它们正躺在红色的沙发上") >= 15
