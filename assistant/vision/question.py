"""A user's question in sentences to be matched as a whole: what is only part of a longer thought is not for experts to answer."""

from __future__ import annotations

import re

from assistant.vision.kinds import in_english, plain

LONGEST = 400
"""Characters of a question that experts answer; a longer text is a letter, not a question about a picture."""
SHOWN = r"(?: (?:here|there|shown|visible|please|exactly|(?:in|on|of) (?:the|this|that|my) (?:\w+ )?(?:picture|photo|image|pic)))*"
"""What may stand behind a question, as a regular expression."""
THING = r"(?P<thing>[\w'’-]+(?: [\w'’-]+){0,3}?)"

_END = re.compile(r"[.?!:;。？！：；\n]+(?=\s|$)|[。？！：；]")
_BEFORE = re.compile(
    r"^(?:(?:and|so|but|ok|okay|now|then|also|please|tell me|well|hey|hi|hello|can you tell me|do you know|请问|那么|那|请)"
    r"[,，]?\s*)+"
)


def sentences(question: str) -> tuple[str, ...]:
    """Lower case, without what stands before them and the marks that end them; names of things in English."""
    if len(question) > LONGEST:
        return ()
    parts = (" ".join(_BEFORE.sub("", part.strip().lower()).split()) for part in _END.split(in_english(question)))
    return tuple(part.strip(" ,，") for part in parts if part)


def meant(words: str, thing: str) -> bool:
    """Whether the words of a question are what it asks for and no more: a "stuffed dog" is no dog."""
    return plain(words) == plain(thing)
