"""Questions about text in a picture: whether one may be, and what was read of that which it asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence

_UNDERSTOOD = re.compile(
    r"\b(?:the|this|that|these|those|what|which|where|who|how|why|is|are|there|do|does|can|you|your|tell|describe)\b"
    r"|[\u4e00-\u9fff]",
    re.IGNORECASE,
)
_READING = re.compile(
    r"\b(?:read|say|said|spell|writ|wrot|word|text|letter|sign|label|title|caption|headline|name|brand|logo|model|number(?! of\b)"
    r"|digit|plate|price|cost|how much|total|sum|amount|pay|paid|bill|receipt|invoice|ticket|menu|tax|document|page|paper|book"
    r"|magazine|news|poster|banner|screen|display|error|code|message|mail|address|street|road|station|platform|route|gate|phone"
    r"|web|site|url|date|time|clock|day|year|month|hour|open|expir|translat|mean|language|author|publish|company|shop|store"
    r"|restaurant|team|quot|list|chart|graph|map|passport|licen[cs]e|score|temperature|weight|speed|ingredient|nutri|calor"
    r"|instruction|warn|print|mention|claim|advert)|[读念写字文说讲标牌价钱元码号名店站票书报页址期译语言品印签单贴示]|几点",
    re.IGNORECASE,
)
"""Words of questions that may need what is written, by their beginnings. One too many costs time; one too few, an answer."""


def asks_to_read(question: str) -> bool:
    """Whether the answer may lie in a picture's text: the words say so, there are none, or they are not English or Chinese."""
    return not _UNDERSTOOD.search(question) or _READING.search(question) is not None


_MOST_LINES, _MOST_CHARACTERS = 8, 240
_QUOTED = re.compile(r"[\"“”„«»「『](.+?)[\"“”„«»」』]")
_WRITTEN = re.compile(r"\b(?:say|says|said|read|reads|text|words?|written|writing|writ|spell)\b|[读念写字]", re.IGNORECASE)
_MANNER = re.compile(
    r"\b(?:in|with|use|using) (?:a|an|one|two|three|few|\d+)(?: or \w+| short| single)? words?(?: or \w+)?", re.IGNORECASE
)
"""How to answer, not what about."""
_OTHER_TEXT = re.compile(r"\b(?:translat|mean|language|summar|about)", re.IGNORECASE)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_ORDINAL = re.compile(rf"\b({'|'.join(_ORDINALS)}|last) line\b|第([一二三四五六])行", re.IGNORECASE)
_LETTERS = re.compile(r"[\W_]+")


def read_for(question: str, lines: Sequence[str], *, whole: bool) -> str:
    """What was read that a question asks for; "" where it does not, or where one short line in the picture's note says it all.

    Args:
        question: The user's words.
        lines: Of the text in the picture, such that they can be quoted.
        whole: Whether the picture was read: then what is not among the lines is not written there.
    """
    if not _WRITTEN.search(_MANNER.sub("", question)) or not (whole or lines):
        return ""
    if quoted := _QUOTED.search(question):
        words = _letters(quoted[1])
        found = bool(words) and words in _letters(" ".join(lines))
        return f'"{quoted[1]}" is written there.' if found else f'"{quoted[1]}" is not written there.'
    if not lines:
        return "No text was found."
    if ordinal := _ORDINAL.search(question):
        name = ordinal[1].lower() if ordinal[1] else _ORDINALS["一二三四五六".index(ordinal[2])]
        place = -1 if name == "last" else _ORDINALS.index(name)
        return f'The {name} line is "{lines[place]}".' if place < len(lines) else f"There is no {name} line."
    every = " / ".join(lines[:_MOST_LINES])
    told = 1 < len(lines) <= _MOST_LINES and len(every) <= _MOST_CHARACTERS and not _OTHER_TEXT.search(question)
    return f'All that is written: "{every}".' if told else ""  # quoted line by line a small model repeats the first


def _letters(text: str) -> str:
    return _LETTERS.sub("", text).casefold()
