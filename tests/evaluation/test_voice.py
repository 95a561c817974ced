"""Intelligibility of our own voice."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import ConfigError
from assistant.evaluation.voice import SENTENCES, evaluate_voice, load_sentences
from assistant.protocols import SpeechRecognizer
from assistant.types import Audio, Transcript


class Telegraph:
    """A synthesizer whose samples are the text's characters, so that a recognizer can read them exactly."""

    languages = frozenset({"en", "zh"})
    voices = ("",)

    async def synthesize(
        self, text: str, *, language: str, voice: str | None = None, speed: float = 1.0
    ) -> AsyncGenerator[Audio, None]:
        yield Audio(np.array([ord(x) / 2**17 for x in text], np.float32), 8_000)

    async def close(self) -> None:
        pass


class Telegraphist:
    """Reads `Telegraph`; a deaf one reads nothing."""

    def __init__(self, deaf: bool = False) -> None:
        self.deaf = deaf

    async def transcribe(self, audio: Audio, *, language: str | None = None) -> Transcript:
        text = "" if self.deaf else "".join(chr(round(x * 2**17)) for x in audio.samples_T.tolist())
        return Transcript(text, language or "en", audio.duration_s)

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_a_perfect_voice_makes_no_errors_and_the_baseline_many(language: str) -> None:
    result = await evaluate_voice(Telegraph(), Telegraphist(), language=language)
    assert [(x.written, x.heard) for x in result.sentences if x.error_rate] == []
    assert result.error_rate == 0.0
    assert result.baseline_error_rate > 0.7
    assert len(result.sentences) == len(SENTENCES[language])


async def test_a_deaf_recognizer_misses_everything() -> None:
    assert (await evaluate_voice(Telegraph(), Telegraphist(deaf=True), language="en")).error_rate == 1.0


async def test_the_table_states_error_baseline_and_speed() -> None:
    table = (await evaluate_voice(Telegraph(), Telegraphist(), language="zh")).table()
    assert "0.0% of syllables" in table
    assert "real-time factor" in table


def test_ones_own_sentences_are_those_of_the_language(tmp_path: Path) -> None:
    rows = [{"text": f"It is {n}.", "heard": f"It is number {n}.", "language": code} for n, code in enumerate(["en", "zh", "en"])]
    (tmp_path / "sentences.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert load_sentences(tmp_path, "en") == (("It is 0.", "It is number 0."), ("It is 2.", "It is number 2."))
    with pytest.raises(ConfigError, match="has 1 sentences in 'zh'"):
        load_sentences(tmp_path, "zh")


def _ears(folder: Path) -> SpeechRecognizer:
    from assistant.speech.whisper import FasterWhisperRecognizer

    return FasterWhisperRecognizer(folder, threads=1, beam_size=1, short_context=True, detector=None)


@pytest.mark.weights
async def test_the_default_english_voice_is_understood_by_the_smallest_recognizer(weights_dir: Callable[[str], Path]) -> None:
    from assistant.speech.hibari import HibariSynthesizer

    voice, ears = HibariSynthesizer(), _ears(weights_dir("whisper-tiny.en"))
    result = await evaluate_voice(voice, ears, language="en")
    await voice.close()
    await ears.close()
    assert result.error_rate < 0.15
    assert result.baseline_error_rate > 0.7
    assert result.real_time_factor < 1.0
