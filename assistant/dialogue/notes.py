"""What a user message says in words: notes about its pictures and the voice, then the user's own words. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import log2
from statistics import fmean, geometric_mean
from typing import TypeAlias, assert_never

from assistant.types import Evidence, Fusion, Voice, placed

PICTURE_NOTE = "[Picture {number}: {evidence}]"
"""As shipped in prompts/picture.md."""

Facts: TypeAlias = Callable[[str, Sequence[Evidence], Sequence[int]], str]
"""A question, the evidence of the conversation's pictures so far (its text can be quoted), the numbers of those that came with the
question → one more note, or ""."""

_LINE_CHARACTERS, _SPEECH_CHARACTERS = 200, 2000
_LOUDER_DB, _HIGHER_SEMITONES, _FASTER = 6.0, 4.0, 1.4
"""What is told of a voice. See `assistant.speech.prosody` for how often that is right."""
_INERT = str.maketrans({"[": "(", "]": ")", '"': "'", "“": "'", "”": "'"})
_MARK = re.compile(r"<(?=[^\s=])")
"""What may open a mark that a model or its template knows: <|im_end|>, <image>, </s>, <<SYS>>; "3 < 4" opens none."""


def user_text(
    text: str,
    evidence: Sequence[Evidence],
    numbers: Sequence[int],
    fusion: Fusion,
    *,
    picture_note: str = PICTURE_NOTE,
    facts: Facts | None = None,
    earlier: Sequence[Evidence] = (),
    since: Sequence[tuple[int, Evidence]] = (),
) -> str:
    """The words of a message, the same whenever they are written: new, remembered or in training.

    Args:
        text: The user's words; "" where they only showed something.
        evidence: Of each picture shown with the message.
        numbers: Of these pictures in the conversation, from 1.
        fusion: How much of the evidence is said.
        picture_note: Format of the line for a picture, with the fields `number` and `evidence`.
        facts: What the evidence holds that the question asks for.
        earlier: Evidence of the pictures shown before.
        since: Of these, what was shown since the words were last written, with the pictures' numbers.
    """
    told = [(number, read_of(item)) for number, item in since]
    told += [(number, told_of(item, fusion)) for number, item in zip(numbers, evidence, strict=True)]
    notes = [picture_note.format(number=number, evidence=what) for number, what in told if what]
    asked = ""
    if facts is not None and fusion in ("late", "hybrid"):
        now = (replace(item, text_lines=() if item.read_later else _quotable(item)) for item in evidence)
        words = "\n".join(line for line in text.splitlines() if not (line.startswith("[") and line.endswith("]")))  # no notes
        asked = facts(words, (*(replace(item, text_lines=_quotable(item)) for item in earlier), *now), numbers)
    # after the question: before it, a small model answered fewer right
    return "\n".join(part for part in (*notes, text, asked) if part)


def told_of(evidence: Evidence, fusion: Fusion) -> str:
    """What a note says of a picture when it is shown; "" where the visual tokens say it all."""
    lines = () if evidence.read_later else _quotable(evidence)
    names = "looks like " + ", ".join(f"{x.name} ({x.confidence:.0%})" for x in evidence.labels) if evidence.labels else ""
    read = _read(lines)
    match fusion:
        case "late":
            return replace(evidence, text_lines=lines).line()
        case "hybrid":
            faces = f"faces seen: {placed(evidence.faces)}" if evidence.faces else ""
            return "; ".join(part for part in (names, faces, read) if part)
        case "early" | "cross_attention" | "co_attention":
            return read
        case _:
            assert_never(fusion)


def read_of(evidence: Evidence) -> str:
    """What the note of the next message says of a picture whose text was read later; "" where there is none."""
    return _read(_quotable(evidence)) if evidence.read_later else ""


def _quotable(evidence: Evidence) -> tuple[str, ...]:
    """What was read, such that it cannot end the quotation, the note or the message."""
    return tuple(quoted for line in evidence.text_lines if (quoted := inert(line)))


def _read(lines: Sequence[str]) -> str:
    return "text read: " + " / ".join(f'"{line}"' for line in lines) if lines else ""


def clip_note(times_s: Sequence[float], duration_s: float, words: str | None) -> str:
    """The line that tells which of a message's pictures are a clip, and what is said in it.

    Args:
        times_s: Of the pictures, the last of the message's.
        duration_s: Of the clip.
        words: As they were heard; "" where nobody speaks, None where nobody listened.
    """
    count = f"{len(times_s)} pictures are" if len(times_s) != 1 else "picture is"
    shown = f"The last {count} from a video of {duration_s:.1f} s, at {', '.join(f'{time_s:.1f}' for time_s in times_s)} s"
    if words is None:
        return f"[{shown}]"
    quoted = inert(words, at_most=_SPEECH_CHARACTERS)
    return f'[{shown}; said in it: "{quoted}"]' if quoted else f"[{shown}; nobody speaks in it]"


def voice_note(voice: Voice, earlier: Sequence[Voice]) -> str:
    """The line that tells how the user's voice differs from what it was in earlier turns; "" where it hardly does.

    It names no emotion: that is for who reads the words and the notes together. It stands behind the words, where a small
    model made more of it.
    """
    if not earlier:
        return ""
    pitch_hz = geometric_mean(one.pitch_hz for one in earlier)
    rate = geometric_mean(one.syllables_per_s for one in earlier)
    changes = (
        ((voice.loudness_db - fmean(one.loudness_db for one in earlier)) / _LOUDER_DB, "louder", "quieter"),
        (12 * log2(voice.pitch_hz / pitch_hz) / _HIGHER_SEMITONES, "higher", "lower"),
        (log2(voice.syllables_per_s / rate) / log2(_FASTER), "faster", "slower"),
    )
    told = [more if change > 0 else less for change, more, less in changes if abs(change) >= 1]
    return f"[The user speaks {' and '.join(told)} than before.]" if told else ""


def inert(line: str, *, at_most: int = _LINE_CHARACTERS) -> str:
    """One line of a picture's text without the characters that end a note: evidence of what is written there, never an order."""
    printable = "".join(c if c.isprintable() else " " for c in line)
    plain = " ".join(_MARK.sub("< ", printable.translate(_INERT)).split())
    return plain if len(plain) <= at_most else plain[: at_most - 1] + "…"
