"""Speech in pieces: text cut where a speaker would breathe, and sound whose edges join naturally."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from assistant.errors import InputError, UnsupportedLanguageError
from assistant.types import Audio

SPEEDS = (0.5, 2.0)

# A mark ends a sentence before a space, the end of a line or anything Chinese; "J. K. Rowling" and "3.5" hold none.
_SENTENCE_END = re.compile(r"(?:(?<![ .][A-Z])[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]+[”’」』）]*|\n)\s*")
_CLAUSE_END = re.compile(r"[,;:—]+(?=\s)\s*|[，；：、—]+")
_SPEAKABLE = re.compile(r"[^\W_]")
_LEAD_S = 0.03
_PAUSE_AFTER_SENTENCE_S = 0.28
_PAUSE_AFTER_CLAUSE_S = 0.14
_PAUSE_WITHIN_CLAUSE_S = 0.04
"""After a cut between words, made so that the first words are heard early."""
_FRAME_S = 0.01
_AUDIBLE = 0.0005
"""Root mean square of a frame; hibari's and Kokoro's silence lies below 0.0002, a final "f" at 0.002."""
_PEAK = 0.99


def check_request(language: str, voice: str | None, speed: float, *, languages: Collection[str], voices: Collection[str]) -> None:
    """Refuse what an engine cannot speak.

    Raises:
        UnsupportedLanguageError: The language is not among `languages`.
        InputError: The voice is not among `voices`, or the speed lies outside `SPEEDS`.
    """
    if language not in languages:
        raise UnsupportedLanguageError(
            f"no voice speaks {language!r}",
            hint=f"spoken here: {', '.join(sorted(languages))}; choose an engine for it in the settings",
        )
    if voice is not None and voice not in voices:
        raise InputError(f"there is no voice {voice!r}", hint=f"known: {', '.join(voices)}")
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise InputError(f"speed {speed} is out of range", hint=f"from {SPEEDS[0]} to {SPEEDS[1]}")


def phrases(text: str, *, max_characters: int) -> Iterator[str]:
    """The text, sentence by sentence; a sentence longer than `max_characters` is cut at clauses, else at spaces, else anywhere.

    What holds no letter and no digit is left out.
    """
    for sentence in _cut(text, _SENTENCE_END):
        for phrase in _packed(sentence, max_characters):
            if _SPEAKABLE.search(phrase):
                yield phrase


def _cut(text: str, end: re.Pattern[str]) -> Iterator[str]:
    start = 0
    for match in end.finditer(text):
        yield text[start : match.end()].strip()
        start = match.end()
    yield text[start:].strip()


def _packed(sentence: str, max_characters: int) -> Iterator[str]:
    """Neighbouring clauses together as long as they fit."""
    if len(sentence) <= max_characters:
        yield sentence
        return
    packed = ""
    for clause in _cut(sentence, _CLAUSE_END):
        for part in _parts(clause, max_characters):
            joined = f"{packed} {part}" if packed else part
            if len(joined) > max_characters:
                yield packed
                joined = part
            packed = joined
    yield packed


def _parts(clause: str, max_characters: int) -> Iterator[str]:
    start = 0
    while len(clause) - start > max_characters:
        space = clause.rfind(" ", start, start + max_characters)
        end = space if space > start else start + max_characters
        yield clause[start:end].strip()
        start = end
    yield clause[start:].strip()


def finished(samples_T: NDArray[np.float32], sample_rate_hz: int, phrase: str, *, speed: float = 1.0) -> Audio:
    """The sound of a phrase with edges that join: a model's own silence replaced by the pause its last mark asks for.

    Models pad each piece with 0.3 s before and 0.5 s after; left in, a reply starts late and limps at every clause.
    Loud pieces are scaled, never clipped.
    """
    frame = round(_FRAME_S * sample_rate_hz)
    power_F = np.add.reduceat(np.square(samples_T, dtype=np.float64), np.arange(0, len(samples_T), frame)) / frame
    audible = np.flatnonzero(power_F > _AUDIBLE**2)
    if not len(audible):
        return Audio(samples_T, sample_rate_hz)
    start = max(0, audible[0] * frame - round(_LEAD_S * sample_rate_hz))
    mark = phrase.rstrip("\"'”’)]」』） ")[-1:]
    pause_s = _PAUSE_AFTER_SENTENCE_S if mark in tuple(".!?…。！？") else _PAUSE_WITHIN_CLAUSE_S
    if mark in tuple(",;:–—，；：、"):
        pause_s = _PAUSE_AFTER_CLAUSE_S
    end = (audible[-1] + 1) * frame + round(pause_s / speed * sample_rate_hz)
    kept_T = samples_T[start:end]
    missing = end - start - len(kept_T)
    peak = float(np.abs(kept_T).max())
    scaled_T = kept_T * np.float32(_PEAK / peak) if peak > _PEAK else kept_T
    return Audio(np.pad(scaled_T, (0, missing)).astype(np.float32, copy=False), sample_rate_hz)
