"""What a reply says, read the same way for every model: a number, yes or no, or the words of an answer."""

from __future__ import annotations

import re

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_DIGITS = {word: str(value) for value, word in enumerate(_NUMBERS)} | {"none": "0"}
_ARTICLES = frozenset({"a", "an", "the"})
_DOUBT = r"not (?:\w+ )?(?:sure|certain|clear|know|tell|say)|no (?:idea|way to)|unsure|uncertain|unclear"
_YES_OR_NO = re.compile(rf"\b(?:{_DOUBT}|(?P<said>yes|no|not))\b")


def yes_or_no(reply: str) -> bool | None:
    """Whether the first word that is one of the two is yes; None where there is neither, or doubt before it."""
    found = _YES_OR_NO.search(reply.lower())
    return found["said"] == "yes" if found and found["said"] else None


def number(reply: str) -> int | None:
    """The first number, in digits or as a word to ten; "a" and "an" are one."""
    for word in re.findall(r"[a-z]+|\d+", reply.lower()):
        if word.isdecimal():
            return int(word)
        if word in _NUMBERS:
            return _NUMBERS.index(word)
        if word in ("a", "an", "single"):
            return 1
        if word in ("no", "none"):
            return 0
    return None


def normalized(answer: str) -> str:
    """As VQA compares answers (arXiv:1505.00468): lower case, no articles, no punctuation, numbers in digits.

    Apostrophes go, so that "dont" and "don't" are one; a point within a number stays, and a comma between thousands goes.
    """
    text = re.sub(r"(?<=\d),(?=\d{3})|['’]", "", answer.lower())
    text = re.sub(r"(?<!\d)\.|\.(?!\d)|[^\w.\s]|_", " ", text)
    return " ".join(_DIGITS.get(word, word) for word in text.split() if word not in _ARTICLES)


def contains(reply: str, answer: str) -> bool:
    """Whether the words of an answer stand in a reply one after the other, normalized; singular and plural are one."""
    return bool(words := stems(answer)) and f" {words} " in f" {stems(reply)} "


def stems(text: str) -> str:
    """Normalized, and every word the same in the singular and in a regular plural; for comparing only."""
    return " ".join(map(_stem, normalized(text).split()))


def _stem(word: str) -> str:
    if len(word) > 3 and re.search(r"[^su]s$", word):
        word = word[:-1]
    return re.sub(r"e$", "", re.sub(r"(y|ie)$", "i", word)) if len(word) > 2 else word
