"""Lists of words."""

from __future__ import annotations

from importlib import resources

from assistant.training.word_lists import words


def test_no_list_is_empty_or_holds_a_blank_line() -> None:
    for file in resources.files("assistant.training").joinpath("words").iterdir():
        lines = words(file.name.removesuffix(".txt"))
        assert lines and all(line.strip() == line != "" for line in lines), file.name
        assert len(set(lines)) == len(lines), file.name
