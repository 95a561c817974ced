"""Text as written to text as spoken, and what hostile text costs."""

from __future__ import annotations

import re
import time

import pytest

from assistant.speech.spoken_text import spoken

ENGLISH = [
    ("I like it 😀👍🏽!", "I like it!"),
    ('He said "hello" (twice) — then left...', "He said hello, twice, then left."),
    ("What?!!!", "What?"),
    ("See https://www.example.com/path?q=1.", "See example dot com."),
    ("Mail jo.doe@example.com now", "Mail jo dot doe at example dot com now"),
    ("Price: **$5.99** (was ~~$10~~)", "Price: five dollars and ninety-nine cents, was ten dollars"),
    ("A → B -> C", "A, B, C"),
    ("snake_case", "snake case"),
    ("don’t", "don't"),
    ("1️⃣ First", "one First"),
    ("naïve café", "naïve café"),
    ("１２ｋｍ", "twelve kilometers"),
    ("Hi :) there", "Hi there"),
    ("- 5 km\n- 3 kg", "five kilometers. three kilograms."),
    ("<speak><prosody rate='slow'>Hello</prosody></speak>", "Hello"),
    ("😀", ""),
    ("!!! ... ---", ""),
    ("", ""),
]
CHINESE = [
    ("**图片**里有2只猫🐱，见 https://example.com/a。", "图片里有两只猫，见 example点com。"),
    ("- 第一项\n- 第二项", "第一项。第二项。"),
    ("价格（约¥50）很好！！", "价格，约五十元，很好！"),
    ("“你好”——他说…", "你好，他说…"),
    ("今天 20°C，很 nice。", "今天二十摄氏度，很 nice。"),
]
HOSTILE = (
    "9", "1,000", "!?.,;:-*_~`|<>[]()", "*", "*a", "[", "[a](", "<a ", "<", "a@",
    "a@a.", "_a", "`", "http://a.", "&lt;", "<script>",
    "<!--", "-- ", "--|", " \t", "\n", "e\u0301\u0301", "a", "1 ", "1/", "1:", "1-", "$1", "( ,)", " ,", "> ", "中1", "Jan 1 ",
    "555-", "<a b=\"",
)  # fmt: skip


@pytest.mark.parametrize(("written", "said"), ENGLISH, ids=[written for written, _ in ENGLISH])
def test_english_is_read_as_a_person_would(written: str, said: str) -> None:
    assert spoken(written, "en") == said


@pytest.mark.parametrize(("written", "said"), CHINESE, ids=[written for written, _ in CHINESE])
def test_chinese_is_read_as_a_person_would(written: str, said: str) -> None:
    assert spoken(written, "zh") == said


def test_another_language_keeps_its_digits_and_loses_its_markup() -> None:
    assert spoken("**Bonjour**, 5 km 😀", "fr") == "Bonjour, 5 km"


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("unit", HOSTILE, ids=repr)
def test_hostile_text_takes_time_linear_in_its_length(unit: str, language: str) -> None:
    def seconds(characters: int) -> float:
        text = "x " + unit * (characters // len(unit))
        times = []
        for _ in range(2):
            start = time.process_time()
            said = spoken(text, language)
            times.append(time.process_time() - start)
        assert not re.search(r"\d|[<>*`|]", said)
        return min(times)

    assert seconds(6_000) < 12 * seconds(1_500) + 0.1


def test_a_million_digits_are_counted_not_read() -> None:
    assert spoken("9" * 1_000_000, "en") == "a number of one million digits"


def test_nothing_a_voice_cannot_use_is_left() -> None:
    said = spoken("# A | table\n<b>x</b> {y} [z] \x1b[31m \u202e \ufeff «q» ©™ C++ #tag @me ~~s~~ \\o/", "en")
    assert re.fullmatch(r"[A-Za-z ,.]+", said), said
