"""Questions about text in a picture: whether one may be, and what was read of that which it asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence

from assistant.vision.question import LONGEST, SHOWN, sentences

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


_MOST_LINES, _MOST_CHARACTERS = 8, 240
_IT = r"(?:it|this|that|(?:the|this|that) (?:\w+ ){0,2}?\w+)"
_ALL = re.compile(
    rf"what does {_IT} (?:say|read){SHOWN}|what(?:['’]s| is) (?:written|printed|the text)(?: (?:on|in) {_IT})?{SHOWN}"
    rf"|(?:what|which) (?:text|words?|writing) (?:is|are|do you see|can you (?:see|read))(?: there)?{SHOWN}"
    rf"|(?:can you |could you )?read (?:it|this|that|me this|the (?:text|sign|words?|label|writing))(?: to me| aloud| out)?{SHOWN}"
    r"|.{0,8}(?:写|印)[的着了\s]*(?:是)?(?:什么|啥)字?|.{0,6}(?:是|有)什么字|(?:读|念)一?下.{0,6}"
)
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")
_LINE = re.compile(
    r"(?:(?:what|which words) (?:does|is|are) (?:written |printed )?(?:in |on )?|(?:(?:can|could) you )?read (?:me )?)"
    rf"the (?P<name>{'|'.join(_ORDINALS)}|last) line(?: say| read)?{SHOWN}"
    r"|.{0,6}第(?P<zh>[一二三四五六])行.{0,3}(?:写|是|说).{0,4}(?:什么|啥)字?|(?:读|念)一?下第(?P<read_zh>[一二三四五六])行"
)
_WHETHER = re.compile(
    rf"(?:does {_IT} (?:say|read)|can you (?:read|see)|do you (?:read|see)) \x00(?: anywhere| somewhere)?{SHOWN}"
    rf"|is \x00 (?:written|printed|there){SHOWN}(?: anywhere)?|.{{0,8}}(?:有没有|有|写着|是不是)\x00.{{0,4}}"
)
_QUOTED = re.compile(r"[\"“”„«»「『]([^\"“”„«»「『」』\n]{1,80})[\"“”„«»」』]")
_WORD = re.compile(r"\w+")


def asks_to_read(question: str) -> bool:
    """Whether the answer may lie in a picture's text: the words say so, there are none, or they are not English or Chinese."""
    return not _UNDERSTOOD.search(question) or _READING.search(question) is not None


def read_for(question: str, lines: Sequence[str]) -> str:
    """What was read that a question asks for; "" where it asks for nothing of the kind.

    The words of the question are not repeated: they are the user's, and what an expert says is trusted.

    Args:
        question: The user's words.
        lines: Of the text in the picture, such that they can be quoted.
    """
    quoted = _QUOTED.findall(question) if len(question) <= LONGEST else []
    asked = sentences(_QUOTED.sub("\x00", question))
    if len(quoted) == 1 and any(_WHETHER.fullmatch(one) for one in asked):
        words, read = _words(quoted[0]), _words(" ".join(lines))
        there = any(read[i : i + len(words)] == words for i in range(len(read) - len(words) + 1))
        return ("Yes, that is written there." if there else "No, that was not read there.") if words else ""
    if quoted:
        return ""
    if ordinal := next((found for one in asked if (found := _LINE.fullmatch(one))), None):
        name = ordinal["name"] or _ORDINALS["一二三四五六".index(ordinal["zh"] or ordinal["read_zh"])]
        place = -1 if name == "last" else _ORDINALS.index(name)
        return f'The {name} line is "{lines[place]}".' if place < len(lines) and lines else f"No {name} line was read."
    if not any(_ALL.fullmatch(one) for one in asked):
        return ""
    every = " / ".join(lines[:_MOST_LINES])
    if len(lines) < 2 or len(lines) > _MOST_LINES or len(every) > _MOST_CHARACTERS:  # the note of the picture has it
        return "" if lines else "No text was read."
    return f'All that is written: "{every}".'  # quoted line by line a small model repeats the first


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
