"""Text as written becomes text as spoken. What the user sees stays as written."""

from __future__ import annotations

import re
import unicodedata

from assistant.speech.chinese import chinese_words
from assistant.speech.english import english_words
from assistant.speech.markup import plain

_CODE_BLOCK = {"en": "A block of code", "zh": "一段代码"}
_DOT = {"en": " dot ", "zh": "点"}
_AT = {"en": " at ", "zh": "艾特"}
_WORDS = {"en": english_words, "zh": chinese_words}

_FULL_WIDTH = {code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
_QUOTES = str.maketrans(
    dict.fromkeys('"“”„«»「」『』〝〞‟') | {"’": "'", "‘": "'", "ʼ": "'", "‐": "-", "‑": "-", "\u00a0": " ", "\u202f": " "}
)
_RUN = re.compile(r"(\W)\1{19,}|([^\W\d])\2{19,}")
_MARKS = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u20d0-\u20ff\ufe20-\ufe2f]{3})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
_URL = re.compile(
    r"\b(?:https?://|ftp://|www\.)(?:[\w.+-]{1,64}@)?(?:www\.)?([A-Za-z0-9][\w-]{0,62}(?:\.[\w-]{1,63}){0,8})(?::\d{1,5})?(?:[/?#][\w./?#@!$&*+,;=%:~()'-]{0,2000}[\w/])?/?"
)
_EMAIL = re.compile(r"(?<![\w.+-])(?:mailto:)?([\w+-][\w.+-]{0,63})@([A-Za-z0-9][\w-]{0,62}(?:\.[A-Za-z0-9][\w-]{0,62}){1,5})")
_ESCAPE_CODE = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")
_FACE = re.compile(r"(?<!\S)[:;=][-']?[)(DPpO|/\\3*](?!\w)")
_BRACKET = re.compile(r"[()\[\]{}（）【】]+")
_DASH = re.compile(r"[—–―]+|(?<=\s)-+(?=\s)|--+")
_ARROW = re.compile(r"[←-⇿⟵-⟿]|-{1,3}>|={1,3}>")
_MARK = ".,!?;:…。，！？；：、"
_MARKED = re.compile(rf"[{_MARK}](?:\s*[{_MARK}])+")
_BEFORE_MARK = re.compile(rf"\s+(?=[{_MARK}])")
_AFTER_CHINESE = re.compile(r"(?<=[。，！？；：、\u3400-\u9fff])\s+(?=[\u3400-\u9fff])")
_SPACE = re.compile(r"\s+")


def spoken(text: str, language: str) -> str:
    """The text as a speaker of the language reads it aloud, on one line, in time linear in its length.

    Markup, tags, emoji and stray signs are left out; in English and Chinese all that is not a word becomes words. Other languages
    keep their digits. Nothing speakable gives "".

    Args:
        text: As written, perhaps a clause of a reply.
        language: ISO 639-1 code.
    """
    chinese = language == "zh"
    text = unicodedata.normalize("NFC", _ESCAPE_CODE.sub("", text).replace("\ufeff", "")).translate(_FULL_WIDTH)
    text = _MARKS.sub(r"\1", _RUN.sub(_three, text)) if len(text) > 20 else text
    text = plain(text, code_block=_CODE_BLOCK.get(language, ""), stop="。" if chinese else ".")
    dot, at = _DOT.get(language, "."), _AT.get(language, "@")
    text = _EMAIL.sub(lambda m: f" {m[1].replace('.', dot)}{at}{m[2].replace('.', dot)} ".replace("_", " "), text)
    text = _URL.sub(lambda m: f" {m[1].replace('.', dot)} ", text)
    text = _ARROW.sub(", ", _FACE.sub(" ", text))
    if language in _WORDS:
        text = _WORDS[language](text)
    return _tidy(text.translate(_QUOTES), "，" if chinese else ", ")


def _three(run: re.Match[str]) -> str:
    return run[0][:3]


def _tidy(text: str, pause: str) -> str:
    """Marks a voice can use, one at a time; no other sign."""
    text = _DASH.sub(pause, _BRACKET.sub(pause, text))
    text = "".join(x if _keeps(x) else " " for x in text)
    text = _MARKED.sub(_strongest, _SPACE.sub(" ", text))
    text = _AFTER_CHINESE.sub("", _BEFORE_MARK.sub("", text)).strip().lstrip(_MARK + " ").rstrip(", ，、")
    return text if any(x.isalnum() for x in text) else ""


def _keeps(character: str) -> bool:
    return (
        character in _MARK
        or character in "'-"
        or character.isspace()
        or unicodedata.category(character)[0] in "LNM"
        and character not in "\ufe0f\u20e3"
    )


def _strongest(run: re.Match[str]) -> str:
    """Of several marks the one that says most: "?!" asks, "),." ends."""
    return next(x for x in "？?！!。.…；;：:，,、" if x in run[0])
