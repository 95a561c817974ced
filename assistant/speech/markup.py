"""Text without its markup: what remains of Markdown, HTML and SSML when it is read aloud.

Markdown is read line by line with bounded expressions rather than parsed: the text often is a fragment, cut mid-reply, and the
time must be linear in whatever a model or a caller sends.
"""

from __future__ import annotations

import html
import re

_FENCE = re.compile(r"\s{0,3}(?:```|~~~)")
_RULE = re.compile(r"\s{0,3}(?:(?:[-*_] ?){3,}|={3,})\s*$")
_TABLE_RULE = re.compile(r"[\s|:-]+$")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+")
_QUOTE = re.compile(r"\s{0,3}(?:>\s?)+")
_ITEM = re.compile(r"\s*(?:[-*+•‣–]|(\d{1,3})[.)])\s+(?:\[[ xX]\]\s+)?")
_END = ".!?。！？…:;,：；，"

_HIDDEN = re.compile(r"<!--|<(script|style)\b", re.IGNORECASE)
_SPACES = re.compile(r"[^\S\n]{2,}")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]{1,2000})>")
_TAG = re.compile(r"<[/!?]?[A-Za-z][\w:.-]{0,60}(?:\s[^<>]{0,1000})?\s?/?>")
_OPEN_TAG = re.compile(r"<[/!?]?[A-Za-z][\w:.-]{0,60}(?:\s+[\w:.-]{1,60}\s?=\s?(?:\"[^\"<>]{0,500}\"?|'[^'<>]{0,500}'?))+\s*/?$")
_IMAGE = re.compile(
    r"!\[([^\[\]]{0,500})\]\([^()\s]{0,2000}(?:\([^()\s]{0,500}\)[^()\s]{0,500})?(?:\s{1,3}[\"'][^\"']{0,500}[\"'])?\)"
)
_LINK = re.compile(
    r"\[([^\[\]]{1,500})\](?:\([^()\s]{0,2000}(?:\([^()\s]{0,500}\)[^()\s]{0,500})?(?:\s{1,3}[\"'][^\"']{0,500}[\"'])?\)|\[[^\[\]]{0,100}\])"
)
_FOOTNOTE = re.compile(r"(?<=\S)\[\^?\d{1,3}\]|\[\^[\w-]{1,50}\]")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_STRONG = re.compile(r"\*{2,}|(?<!\w)_{2,}(?=\w)|(?<=[\w.,!?])_{2,}(?!\w)|~~")
_EMPHASIS = re.compile(
    r"(?<![\w)\s])\*(?=\S)|(?<=\S)\*(?![\w(\s])|(?<=\s)\*(?=[^\s*])|(?<=[^\s*])\*(?=\s)|(?<!\w)_(?=\w)|(?<=[\w.,!?])_(?!\w)"
)
_CODE = re.compile(r"`+")


def plain(text: str, *, code_block: str, stop: str) -> str:
    """The words of marked-up text: links keep their text, list items and table rows become sentences, tags vanish.

    Args:
        text: Markdown, HTML or SSML, perhaps a fragment.
        code_block: Said in the place of a fenced block of code.
        stop: Ends a line that must not run into the next: "." or "。".
    """
    text = _AUTOLINK.sub(r" \1 ", _SPACES.sub(" ", text))
    text = _TAG.sub(" ", _shown(html.unescape(_shown(text))))
    lines: list[str] = []
    in_code = False
    for line in text.splitlines():
        if _FENCE.match(line):
            in_code = not in_code
            if in_code:
                lines.append(code_block + stop)
        elif in_code or _RULE.match(line) or ("--" in line and _TABLE_RULE.match(line)):
            continue
        else:
            lines.append(_line(line, stop))
    words = " ".join(line for line in lines if line)
    return words[:-2000] + _OPEN_TAG.sub(" ", words[-2000:])


def _shown(text: str) -> str:
    """Without comments, scripts and style sheets; an unclosed one hides the rest."""
    shown, start, low = [], 0, text.lower()
    while hidden := _HIDDEN.search(text, start):
        shown.append(text[start : hidden.start()])
        close = f"</{hidden[1].lower()}" if hidden[1] else "-->"
        end = low.find(close, hidden.end())
        if end < 0:
            return " ".join(shown)
        start = end + len(close) if hidden[1] is None else low.find(">", end) + 1 or len(text)
    return " ".join((*shown, text[start:]))


def _line(line: str, stop: str) -> str:
    own_sentence = False
    line = _QUOTE.sub("", line, count=1) if _QUOTE.match(line) else line
    if heading := _HEADING.match(line):
        line, own_sentence = line[heading.end() :].rstrip("# "), True
    elif item := _ITEM.match(line):
        line, own_sentence = (f"{item[1]}, " if item[1] else "") + line[item.end() :], True
    if line.strip().startswith("|") and line.count("|") > 1:
        line, own_sentence = ", ".join(cell.strip() for cell in line.strip().strip("|").split("|") if cell.strip()), True
    line = _LINK.sub(r"\1", _IMAGE.sub(r"\1", line))
    line = _FOOTNOTE.sub("", line)
    line = _CODE.sub(" ", _EMPHASIS.sub("", _STRONG.sub("", _ESCAPE.sub(r"\1", line)))).strip()
    return line + stop if own_sentence and line and line[-1] not in _END else line
