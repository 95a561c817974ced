"""Mandarin numbers, dates, money and signs in characters."""

from __future__ import annotations

import re

import pytest

from assistant.speech.chinese import cardinal, chinese_words

SPOKEN = [
    ("今天是2025年1月5日", "今天是二零二五年一月五日"),
    ("2025-01-05", "二零二五年一月五日"),
    ("1/5/2025", "二零二五年一月五日"),
    ("1990年代和90年代", "一九九零年代和九十年代"),
    ("14:30", "十四点三十分"),
    ("9:05", "九点零五分"),
    ("2:00 pm", "下午两点"),
    ("¥1,234.50", "一千二百三十四点五零元"),
    ("$5", "五美元"),
    ("100万元", "一百万元"),
    ("$3 million", "三百万美元"),
    ("距离5km", "距离五公里"),
    ("60 km/h", "每小时六十公里"),
    ("20°C，-5℃", "二十摄氏度，负五摄氏度"),
    ("2 kg", "两千克"),
    ("50 m²", "五十平方米"),
    ("3.5%", "百分之三点五"),
    ("10-20%", "百分之十到百分之二十"),
    ("1/2", "二分之一"),
    ("2个苹果，12个人，第2章", "两个苹果，十二个人，第二章"),
    ("3-5天", "三到五天"),
    ("13812345678", "幺三八幺二三四五六七八"),
    ("010-12345678", "零幺零，幺二三四五六七八"),
    ("192.168.1.1", "一九二点一六八点一点一"),
    ("Python 3.11", "Python 三点一一"),
    ("GPT-4", "GPT 四"),
    ("10 - 3 = 7", "十减三 等于 七"),
    ("x^2", "x的二次方"),
    ("1,000,000", "一百万"),
    ("16:9", "十六比九"),
    ("007", "零零七"),
    ("1e6", "一乘以十的六次方"),
]


@pytest.mark.parametrize(("written", "said"), SPOKEN, ids=[written for written, _ in SPOKEN])
def test_what_is_written_is_said_in_characters(written: str, said: str) -> None:
    assert chinese_words(written) == said


def test_no_digit_is_left() -> None:
    for written, _ in SPOKEN:
        assert not re.search(r"\d", chinese_words(written))


def test_absurd_digit_strings_are_only_counted() -> None:
    assert chinese_words("9" * 1000) == "一个一千位的数"


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "零"), (10, "十"), (15, "十五"), (110, "一百一十"), (1005, "一千零五"), (10000, "一万"), (10010, "一万零一十"),
     (100_000, "十万"), (100_000_000, "一亿"), (120_034_005, "一亿二千零三万四千零五"), (-3, "负三"), (10**12, "一万亿")],
)  # fmt: skip
def test_integers_in_characters(number: int, said: str) -> None:
    assert cardinal(number) == said
