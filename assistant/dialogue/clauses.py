"""A stream of text becomes clauses to speak, the first one early."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_SENTENCE_END = re.compile(r"(?:[.!?…]+[\"'”’)\]]*(?=\s)|[。！？]+[”’）】]*|\n+)")
_CLAUSE_END = re.compile(r"(?:[,;:—–](?=\s)|[，；：、])")
_ABBREVIATION = re.compile(r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|No|a\.m|p\.m|[A-Z])|(?:^|\s)\d{1,2})\.$")
_CJK = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


@dataclass(slots=True)
class ClauseSplitter:
    """Cuts text as it streams in. The clauses joined are the text, to the character.

    The first clause is cut at the first comma or full stop after `first_words` words, and without one after twice as
    many, because the listener waits for it; later ones at the end of a sentence, or at a comma once they have
    `later_words`: longer pieces sound better. A Han character counts as half a word.
    """

    first_words: int = 2
    later_words: int = 8
    _buffer: str = ""
    _started: bool = field(default=False)

    def feed(self, text: str) -> list[str]:
        """The clauses that this text completes."""
        self._buffer += text
        clauses = []
        while (end := self._cut()) is not None:
            clauses.append(self._buffer[:end])
            self._buffer = self._buffer[end:]
            self._started = self._started or bool(clauses[-1].strip())
        return clauses

    def finish(self) -> list[str]:
        """What is left."""
        rest, self._buffer = self._buffer, ""
        return [rest] if rest.strip() else []

    def _cut(self) -> int | None:
        for match in _SENTENCE_END.finditer(self._buffer):
            head = self._buffer[: match.end()]
            if head.strip() and not _ABBREVIATION.search(head):
                comma = self._comma(self._buffer[: match.start()])
                return comma if comma is not None else match.end()
        return self._comma(self._buffer) or self._early_words()

    def _comma(self, text: str) -> int | None:
        wanted = self.later_words if self._started else self.first_words
        for match in _CLAUSE_END.finditer(text):
            if _words(text[: match.start()]) >= wanted:
                return match.end()
        return None

    def _early_words(self) -> int | None:
        """A cut between words, for a first clause without a comma."""
        if self._started:
            return None
        for match in re.finditer(r"(?<=\S)\s", self._buffer):
            if _words(self._buffer[: match.start()]) >= 2 * self.first_words:
                return match.start()
        return None


def _words(text: str) -> float:
    return len(_CJK.findall(text)) / 2 + len(_CJK.sub(" ", text).split())
