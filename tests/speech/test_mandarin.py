"""Mandarin phonemes in Kokoro's alphabet."""

from __future__ import annotations

import pytest

from assistant.speech.mandarin import mandarin_phonemes, syllable_phonemes


@pytest.mark.parametrize(
    ("pinyin", "phonemes"),
    [("ma1", "ma→"), ("ma2", "ma↗"), ("ma3", "ma↓"), ("ma4", "ma↘"), ("ma5", "ma"), ("zhong1", "ꭧʊ→ŋ"), ("shi4", "ʂɨ↘"),
     ("zi3", "ʦɨ↓"), ("yu3", "y↓"), ("nv3", "ny↓"), ("ju2", "ʨy↗"), ("xue2", "ɕɥe↗"),
     ("yuan2", "ɥɛ↗n"), ("quan2", "ʨʰɥɛ↗n"), ("liu4", "ljou↘"),
     ("you3", "jou↓"), ("gui4", "kwei↘"), ("wei4", "wei↘"), ("lun2", "lwə↗n"), ("wen2", "wə↗n"), ("yun2", "y↗n"), ("er2", "ɚ↗"),
     ("wo3", "wo↓"), ("wu3", "u↓"), ("yi1", "i→"), ("ying1", "i→ŋ"), ("yong4", "jʊ↘ŋ"), ("weng1", "wə→ŋ")],
)  # fmt: skip
def test_a_syllable(pinyin: str, phonemes: str) -> None:
    assert syllable_phonemes(pinyin) == phonemes


@pytest.mark.parametrize("pinyin", ["", "x", "zz1", "bang9", "1"])
def test_what_is_no_syllable_is_silent(pinyin: str) -> None:
    assert syllable_phonemes(pinyin) == ""


def test_words_are_read_in_context() -> None:
    assert "ꭧʰʊ↗ŋ" in mandarin_phonemes("重庆", str)
    assert "ꭧʊ↘ŋ" in mandarin_phonemes("重要", str)
    assert mandarin_phonemes("银行", str).endswith("xa↗ŋ")


def test_marks_and_foreign_words_keep_their_place() -> None:
    phonemes = mandarin_phonemes("我用Python，好吗？", lambda word: f"<{word}>")
    assert phonemes == "wo↓jʊ↘ŋ <Python>, xau↓ ma?"


def test_digits_are_read_and_unknown_characters_left_out() -> None:
    assert mandarin_phonemes("3", str) == mandarin_phonemes("三", str)
    assert mandarin_phonemes("\U00020000\u4e00", str).endswith("i→")
