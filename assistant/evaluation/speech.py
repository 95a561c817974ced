"""Word errors of recognizers on recordings with known words, beside those of a recognizer that says nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import jiwer
import numpy as np
from transformers.models.whisper.english_normalizer import BasicTextNormalizer, EnglishTextNormalizer

from assistant.errors import ConfigError, FileMissingError
from assistant.evaluation.rows import read_rows, text_field
from assistant.protocols import SpeechRecognizer
from assistant.speech.audio import decode_audio
from assistant.types import Transcript

_SPACELESS = frozenset({"zh", "ja", "yue", "th", "lo", "my"})
_MAX_BYTES = 200 * 2**20
_MAX_S = 3600.0
_RESAMPLES = 1000
_FIELDS = ("path", "text", "lang", "set")


@dataclass(frozen=True, slots=True)
class SpeechItem:
    """One recording heard by one recognizer."""

    recognizer: str
    path: str
    family: str
    language: str
    reference: str
    hypothesis: str
    heard_language: str
    errors: int
    """Substitutions, deletions and insertions of words; of characters where a language writes no spaces."""
    units: int
    """Words or characters of the reference."""
    duration_s: float
    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class SpeechScore:
    """One recognizer on one family of recordings."""

    recognizer: str
    family: str
    recordings: int
    units: int
    error_rate: float
    low: float
    """Of the 95 % interval, from resampling the recordings."""
    high: float
    empty: int
    """Recordings in which nothing was heard."""
    wrong_language: int
    wall_real_time_factor: float
    """Seconds of work for a second of sound."""
    cpu_real_time_factor: float


@dataclass(frozen=True, slots=True)
class SpeechReport:
    """All scores; the recognizer called "nothing" is the trivial baseline."""

    scores: tuple[SpeechScore, ...]
    items: tuple[SpeechItem, ...]

    def to_json(self) -> str:
        """The report as one JSON object."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def table(self) -> str:
        """The scores as plain text, one line each."""
        columns = f"{'files':>5} {'units':>6} {'error':>7} {'95 % interval':>16} {'cpu x':>6} {'wall x':>6}"
        lines = [f"{'family':40} {'recognizer':24} {columns}"]
        for x in self.scores:
            interval = f"{x.low:.1%}-{x.high:.1%}"
            lines.append(
                f"{x.family:40.40} {x.recognizer:24.24} {x.recordings:5} {x.units:6} {x.error_rate:7.1%} {interval:>16}"
                f" {x.cpu_real_time_factor:6.3f} {x.wall_real_time_factor:6.3f}"
            )
        return "\n".join(lines)


class _Nothing:
    async def transcribe(self, audio: object, *, language: str | None = None) -> Transcript:
        return Transcript("", "", 0.0)

    async def close(self) -> None:
        pass


async def evaluate_speech(
    recognizers: Mapping[str, SpeechRecognizer], data: Path, *, languages: Sequence[str] = (), every: int = 1, seed: int = 0
) -> SpeechReport:
    """Let each recognizer hear each recording of a `manifest.jsonl`.

    The recognizers take turns on a recording, so that a busy machine slows them alike. English is compared after Whisper's own
    English normalizer (without its list of British spellings), other languages after its basic one.

    Args:
        recognizers: By name.
        data: Folder of `manifest.jsonl`, whose rows hold `path`, `text`, `lang` and `set`.
        languages: Take only these ISO 639-1 codes; empty takes all.
        every: Take every n-th row.
        seed: Of the resampling.

    Raises:
        FileMissingError: There is no manifest.
        ConfigError: A line of it is not a recording, or none is left to hear.
    """
    manifest = data / "manifest.jsonl"
    if not manifest.is_file():
        raise FileMissingError(f"there is no {manifest}", hint="name a folder that holds recordings and their manifest.jsonl")
    rows = read_rows(manifest, _recording, fields=", ".join(_FIELDS))
    rows = [row for row in rows if not languages or row["lang"] in languages][::every]
    if not rows:
        raise ConfigError(f"{manifest} has no recordings in {', '.join(languages)}", hint="name other languages")
    items: list[SpeechItem] = []
    for row in rows:
        sound = decode_audio(data / row["path"], max_bytes=_MAX_BYTES, max_s=_MAX_S)
        for name, recognizer in {**recognizers, "nothing": _Nothing()}.items():
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            heard = await recognizer.transcribe(sound)
            wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
            items.append(_item(name, row, heard, sound.duration_s, wall_s, cpu_s))
    families = [*dict.fromkeys(item.family for item in items)]
    scores = []
    for family in ["all English", *families]:
        for name in [*recognizers, "nothing"]:
            chosen = [item for item in items if item.recognizer == name and _belongs(item, family)]
            if chosen:
                scores.append(_score(name, family, chosen, seed))
    return SpeechReport(tuple(scores), tuple(items))


def count_errors(reference: str, hypothesis: str, language: str) -> tuple[int, int]:
    """Errors of a hypothesis and the length of its reference, in words, or in characters where a language writes no spaces."""
    normalize: Any = cast(Any, EnglishTextNormalizer)({}) if language == "en" else cast(Any, BasicTextNormalizer)()
    expected, heard = normalize(reference), normalize(hypothesis)
    if language in _SPACELESS:
        expected, heard = " ".join(expected.replace(" ", "")), " ".join(heard.replace(" ", ""))
    if not expected.strip():
        return len(heard.split()), 0
    measured = jiwer.process_words(expected, heard)
    units = measured.hits + measured.substitutions + measured.deletions
    return measured.substitutions + measured.deletions + measured.insertions, units


def _recording(row: dict[str, Any]) -> dict[str, str]:
    return {name: text_field(row, name) for name in _FIELDS}


def _belongs(item: SpeechItem, family: str) -> bool:
    return item.language == "en" if family == "all English" else item.family == family


def _item(name: str, row: Mapping[str, Any], heard: Transcript, duration_s: float, wall_s: float, cpu_s: float) -> SpeechItem:
    language = row["lang"]
    errors, units = count_errors(row["text"], heard.text, language)
    family = row["set"] if language == "en" else f"{row['set']} ({language})"
    return SpeechItem(
        name, row["path"], family, language, row["text"], heard.text, heard.language, errors, units, duration_s, wall_s, cpu_s
    )


def _score(name: str, family: str, items: Sequence[SpeechItem], seed: int) -> SpeechScore:
    errors = np.array([item.errors for item in items])
    units = np.array([item.units for item in items])
    drawn = np.random.default_rng(seed).integers(0, len(items), (_RESAMPLES, len(items)))
    rates = errors[drawn].sum(axis=1) / np.maximum(units[drawn].sum(axis=1), 1)
    sound_s = sum(item.duration_s for item in items)
    return SpeechScore(
        name,
        family,
        len(items),
        int(units.sum()),
        float(errors.sum() / max(units.sum(), 1)),
        float(np.quantile(rates, 0.025)),
        float(np.quantile(rates, 0.975)),
        sum(not item.hypothesis for item in items),
        sum(bool(item.hypothesis) and item.heard_language != item.language for item in items),
        sum(item.wall_s for item in items) / sound_s,
        sum(item.cpu_s for item in items) / sound_s,
    )
