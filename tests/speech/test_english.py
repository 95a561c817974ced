"""English numbers, dates, money and signs in words."""

from __future__ import annotations

import re

import pytest

from assistant.speech.english import cardinal, english_words, ordinal, year

SPOKEN = [
    ("It costs $1,234.50 today.", "It costs one thousand two hundred thirty-four dollars and fifty cents today."),
    ("£5", "five pounds"),
    ("€3.2 million", "three point two million euros"),
    ("$0.99", "ninety-nine cents"),
    ("£1.01", "one pound and one penny"),
    ("$1", "one dollar"),
    ("$5.00", "five dollars"),
    ("$5-10", "five to ten dollars"),
    ("$5–$10", "five to ten dollars"),
    ("¥500", "five hundred yen"),
    ("100 USD", "one hundred US dollars"),
    ("100 ABC", "one hundred ABC"),
    ("20€", "twenty euros"),
    ("-$5", "minus five dollars"),
    ("$2.5bn", "two point five billion dollars"),
    ("5 km away at 60 km/h", "five kilometers away at sixty kilometers per hour"),
    ("20°C, -5 °C, 72°F", "twenty degrees Celsius, minus five degrees Celsius, seventy-two degrees Fahrenheit"),
    ("1 GB of 16 GB", "one gigabyte of sixteen gigabytes"),
    ("50 m², 10 m3/s", "fifty square meters, ten cubic meters per second"),
    ("5-10 km", "five to ten kilometers"),
    ("It is 5 m.", "It is five meters."),
    ("6'2\" tall", "six feet two tall"),
    ("10-20%", "ten to twenty percent"),
    ("99.9%", "ninety-nine point nine percent"),
    ("2025-01-05", "January fifth, twenty twenty-five"),
    ("2025-01-05T14:30:00Z", "January fifth, twenty twenty-five at two thirty PM"),
    ("2025-13-45", "two thousand twenty-five, thirteen, forty-five"),
    ("1/5/2025", "January fifth, twenty twenty-five"),
    ("25/12/2024", "December twenty-fifth, twenty twenty-four"),
    ("Jan 5, 2025", "January fifth, twenty twenty-five"),
    ("5 Jan 2025", "January fifth, twenty twenty-five"),
    ("the 5th of May", "May fifth"),
    ("March 2024", "March twenty twenty-four"),
    ("14:30", "two thirty PM"),
    ("9:05 am", "nine oh five AM"),
    ("9am", "nine AM"),
    ("12:00", "twelve o'clock"),
    ("00:15", "twelve fifteen AM"),
    ("9:00 p.m. sharp", "nine PM sharp"),
    ("at 7:30:15", "at seven thirty and fifteen seconds"),
    ("16:9", "sixteen to nine"),
    ("in 2005", "in two thousand five"),
    ("1914-1918", "nineteen fourteen to nineteen eighteen"),
    ("the 1980s and '90s", "the nineteen eighties and nineties"),
    ("1st, 2nd, 3rd, 21st, 112th", "first, second, third, twenty-first, one hundred twelfth"),
    ("1/2, 3/4, 2/3, 1 1/2, 5/8", "one half, three quarters, two thirds, one and one half, five eighths"),
    ("24/7", "twenty-four seven"),
    ("2½", "two and one half"),
    ("pages 3-7", "pages three to seven"),
    ("1,000,000", "one million"),
    ("3.14159", "three point one four one five nine"),
    ("-5 and +5", "minus five and plus five"),
    ("1.5e-3", "one point five times ten to the minus three"),
    ("1920x1080", "nineteen twenty by one thousand eighty"),
    ("+1 (555) 123-4567", "plus one, five five five, one two three, four five six seven"),
    ("555-1234", "five five five, one two three four"),
    ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
    ("192.168.1.1", "one nine two dot one six eight dot one dot one"),
    ("v2.1.0", "version two point one point zero"),
    ("Python 3.11", "Python three point eleven"),
    ("GPT-4 and COVID-19", "GPT four and COVID nineteen"),
    ("H2O", "H two O"),
    ("2 + 2 = 4", "two plus two equals four"),
    ("10 - 3 = 7", "ten minus three equals seven"),
    ("x^2 + y² = z", "x squared plus y squared equals z"),
    ("a < b", "a is less than b"),
    ("Dr. Smith and Mrs. Jones, e.g. cats, etc.", "Doctor Smith and Missus Jones, for example cats, et cetera."),
    ("St. Paul", "Saint Paul"),
    ("No. 5 and #1", "number five and number one"),
    ("No.", "No."),
    ("~5 minutes", "about five minutes"),
    ("he/she and/or input/output", "he or she and or input slash output"),
    ("007", "zero zero seven"),
    ("R&D", "R and D"),
]


@pytest.mark.parametrize(("written", "said"), SPOKEN, ids=[written for written, _ in SPOKEN])
def test_what_is_written_is_said_in_words(written: str, said: str) -> None:
    assert re.sub(r"\s+", " ", english_words(written)).strip() == said


def test_no_digit_is_left() -> None:
    for written, _ in SPOKEN:
        assert not re.search(r"\d", english_words(written))


def test_long_digit_strings_are_read_digit_by_digit_and_absurd_ones_only_counted() -> None:
    assert english_words("1234567890123456") == "one two three four five six seven eight nine zero one two three four five six"
    assert english_words("9" * 1000) == "a number of one thousand digits"


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "zero"), (13, "thirteen"), (40, "forty"), (110, "one hundred ten"), (1005, "one thousand five"), (-7, "minus seven"),
     (10**12 + 1, "one trillion one")],
)  # fmt: skip
def test_integers_in_words(number: int, said: str) -> None:
    assert cardinal(number) == said


def test_ordinals_and_years() -> None:
    assert [ordinal(n) for n in (5, 12, 20, 33, 100)] == ["fifth", "twelfth", "twentieth", "thirty-third", "one hundredth"]
    assert [year(n) for n in (1900, 1905, 1999, 2000, 2009, 2025)] == [
        "nineteen hundred", "nineteen oh five", "nineteen ninety-nine", "two thousand", "two thousand nine", "twenty twenty-five",
    ]  # fmt: skip
