from __future__ import annotations

import random

import pytest

from assistant.language.stop_strings import StopStrings


def shown(text: str, stops: tuple[str, ...], seed: int = 0) -> list[str]:
    """What a filter shows of a text that comes in pieces of one to three letters."""
    numbers = random.Random(seed)
    filter_ = StopStrings(stops)
    pieces = []
    while text and not filter_.found:
        n = numbers.randint(1, 3)
        pieces.append(filter_.push(text[:n]))
        text = text[n:]
    return [*pieces, filter_.finish()]


@pytest.mark.parametrize(
    ("text", "stops", "expected"),
    [
        ("one two three", ("two",), "one "),
        ("one two three", ("three", "tw"), "one "),
        ("ababac", ("abac",), "ab"),
        ("User:\nUser", ("\nUser",), "User:"),
        ("no stop he", ("here",), "no stop he"),
        ("nothing", (), "nothing"),
        ("nothing", ("",), "nothing"),
        ("停止这里", ("这",), "停止"),
    ],
)
def test_the_text_ends_before_the_first_stop_string(text: str, stops: tuple[str, ...], expected: str) -> None:
    assert {"".join(shown(text, stops, seed)) for seed in range(20)} == {expected}


def test_text_that_may_be_a_stop_string_is_held_back() -> None:
    stops = StopStrings(("<end>",))
    assert stops.push("fine <e") == "fine "
    assert stops.push("vil") == "<evil"


def test_nothing_is_shown_after_a_stop_string() -> None:
    stops = StopStrings(("x",))
    assert (stops.push("axb"), stops.push("c"), stops.finish()) == ("a", "", "")
