"""Whether a question may be about text in a picture."""

from __future__ import annotations

import re

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
