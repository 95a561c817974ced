from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import ConfigError, FileMissingError
from assistant.evaluation.speech import count_errors, evaluate_speech
from assistant.types import Audio, Transcript


class OneAnswer:
    async def transcribe(self, audio: Audio, *, language: str | None = None) -> Transcript:
        return Transcript("Hello, world.", "en", audio.duration_s)

    async def close(self) -> None:
        pass


def test_case_and_punctuation_are_no_errors_and_chinese_counts_characters() -> None:
    assert count_errors("it's ten o'clock", "It is 10 o'clock!", "en")[0] == 0
    assert count_errors("你好吗", "你好，妈", "zh") == (1, 3)
    assert count_errors("one two three", "", "en")[0] > 0


async def test_a_report_stands_beside_the_recognizer_that_says_nothing(tmp_path: Path) -> None:
    Audio(np.zeros(1600, np.float32), 16000).save(tmp_path / "a.wav")
    rows = [{"path": "a.wav", "text": text, "lang": "en", "set": "made"} for text in ("hello world", "hello there")]
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)))
    report = await evaluate_speech({"one answer": OneAnswer()}, tmp_path)
    rates = {(x.family, x.recognizer): x.error_rate for x in report.scores}
    assert rates[("made", "one answer")] == 0.25
    assert rates[("all English", "nothing")] == 1.0
    assert json.loads(report.to_json())["scores"]
    assert "one answer" in report.table()


async def test_a_folder_without_a_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match=r"manifest\.jsonl"):
        await evaluate_speech({}, tmp_path)


async def test_a_bad_row_of_the_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text('{"path": "a.wav", "text": "hello", "lang": "en"}')
    with pytest.raises(ConfigError, match=r"line 1 of .*manifest\.jsonl cannot be used: set must be"):
        await evaluate_speech({}, tmp_path)


async def test_a_language_without_recordings_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text('{"path": "a.wav", "text": "hello", "lang": "en", "set": "made"}')
    with pytest.raises(ConfigError, match="no recordings in zh"):
        await evaluate_speech({}, tmp_path, languages=["zh"])
