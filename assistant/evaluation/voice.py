"""How well our own voice is understood: sentences are spoken, heard back by a recognizer and compared with what was written."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jiwer

from assistant.errors import ConfigError, InputError
from assistant.evaluation.rows import read_rows, text_field
from assistant.protocols import SpeechRecognizer, SpeechSynthesizer
from assistant.speech.spoken_text import spoken
from assistant.types import Audio

SENTENCES: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (
        ("Hello, could you tell me what you can see?", "Hello, could you tell me what you can see?"),
        ("It shows two cats asleep on a **red** sofa.", "It shows two cats asleep on a red sofa."),
        ("It costs $1,234.50, 20% less than before.", "It costs 1234 dollars and 50 cents, 20 percent less than before."),
        ("The train left on Jan. 5th, 2025.", "The train left on January 5th, 2025."),
        ("The tower is 330 m high and weighs 10,100 tons.", "The tower is 330 meters high and weighs 10,100 tons."),
        ("It was 25 °C, and the wind blew at 60 km/h.", "It was 25 degrees Celsius, and the wind blew at 60 kilometers per hour."),
        ("Dr. Smith saw 3/4 of it, i.e. too much.", "Doctor Smith saw three quarters of it, that is, too much."),
        (
            "I am not sure, but it looks like a bus in front of a shop.",
            "I am not sure, but it looks like a bus in front of a shop.",
        ),
    ),
    "zh": (
        ("你好，请问这张图片里有什么？", "你好，请问这张图片里有什么？"),
        ("图片里有2只小猫，它们正躺在**红色**的沙发上。", "图片里有两只小猫，它们正躺在红色的沙发上。"),
        ("这件衣服的价格是250元。", "这件衣服的价格是二百五十元。"),
        ("会议在下午3:30开始，请不要迟到。", "会议在下午三点三十分开始，请不要迟到。"),
        ("我觉得这张照片是在晚上拍的。", "我觉得这张照片是在晚上拍的。"),
        ("今天是2025年1月5日，气温25°C。", "今天是二零二五年一月五日，气温二十五摄氏度。"),
    ),
}
"""As written, and as it should be heard."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One sentence spoken and heard back."""

    written: str
    heard: str
    error_rate: float
    """Of words, after Whisper's normalisation; in Chinese of syllables with their tones."""
    audio_s: float
    synthesis_s: float
    first_piece_s: float


@dataclass(frozen=True, slots=True)
class VoiceResult:
    """How one language was understood."""

    language: str
    unit: str
    """What errors are counted in: "word" or "syllable"."""
    sentences: tuple[Heard, ...]
    error_rate: float
    """All errors over all units of the references."""
    baseline_error_rate: float
    """The same transcripts held against another sentence each: what a voice that says anything at all would score."""

    @property
    def real_time_factor(self) -> float:
        """Seconds of computing for a second of speech."""
        return sum(x.synthesis_s for x in self.sentences) / sum(x.audio_s for x in self.sentences)

    @property
    def first_piece_s(self) -> float:
        """Median time to the first piece."""
        return sorted(x.first_piece_s for x in self.sentences)[len(self.sentences) // 2]

    def table(self) -> str:
        """A Markdown table."""
        return "\n".join(
            (
                "| voice | sentences | error rate | baseline | real-time factor | first piece |",
                "|---|---|---|---|---|---|",
                f"| {self.language} | {len(self.sentences)} | {self.error_rate:.1%} of {self.unit}s | "
                f"{self.baseline_error_rate:.1%} | {self.real_time_factor:.2f} | {self.first_piece_s * 1000:.0f} ms |",
            )
        )


def load_sentences(folder: Path, language: str) -> tuple[tuple[str, str], ...]:
    """The sentences of a language in the folder's `sentences.jsonl`, as written and as they should be heard.

    Raises:
        FileMissingError: The file cannot be read.
        ConfigError: A line is no sentence, or there are not two in the language, as the baseline needs.
    """

    def sentence(row: dict[str, Any]) -> tuple[str, str, str]:
        return text_field(row, "language"), text_field(row, "text"), text_field(row, "heard")

    place = folder / "sentences.jsonl"
    rows = read_rows(place, sentence, fields="text, heard, language")
    chosen = tuple((text, heard) for code, text, heard in rows if code == language)
    if len(chosen) < 2:
        raise ConfigError(f"{place} has {len(chosen)} sentences in {language!r}", hint="give at least two, or another --language")
    return chosen


async def evaluate_voice(
    synthesizer: SpeechSynthesizer,
    recognizer: SpeechRecognizer,
    *,
    language: str,
    sentences: Sequence[tuple[str, str]] | None = None,
    seed: int = 0,
) -> VoiceResult:
    """Speak each sentence, hear it back, count what was lost.

    Args:
        synthesizer: Speaks.
        recognizer: Hears; its own errors count too, so compare voices under one recognizer.
        language: Of the sentences.
        sentences: As written, and as it should be heard; None takes `SENTENCES`.
        seed: Of the baseline's shuffle.

    Raises:
        InputError: A sentence holds nothing that can be spoken.
    """
    pairs = tuple(SENTENCES[language] if sentences is None else sentences)
    heard = []
    for sentence, said in pairs:
        start = time.perf_counter()
        pieces, first_piece_s = [], 0.0
        async for piece in synthesizer.synthesize(spoken(sentence, language), language=language):
            first_piece_s = first_piece_s or time.perf_counter() - start
            pieces.append(piece)
        synthesis_s = time.perf_counter() - start
        if not pieces:
            raise InputError(f"there is nothing to speak in {sentence!r}", hint="give it at least one word")
        audio = Audio.join(pieces)
        text = (await recognizer.transcribe(audio, language=language)).text
        heard.append(Heard(sentence, text, _error_rate([said], [text], language), audio.duration_s, synthesis_s, first_piece_s))
    references, transcripts = [said for _, said in pairs], [x.heard for x in heard]
    return VoiceResult(
        language=language,
        unit="syllable" if language == "zh" else "word",
        sentences=tuple(heard),
        error_rate=_error_rate(references, transcripts, language),
        baseline_error_rate=_error_rate(_deranged(references, seed), transcripts, language),
    )


def _deranged(sentences: Sequence[str], seed: int) -> list[str]:
    """Each sentence away from its place: a shuffle, then everyone takes the next one's."""
    order = list(range(len(sentences)))
    random.Random(seed).shuffle(order)
    taken = dict(zip(order, order[1:] + order[:1], strict=True))
    return [sentences[taken[index]] for index in range(len(sentences))]


def _error_rate(references: Sequence[str], transcripts: Sequence[str], language: str) -> float:
    left, right = [[_normal(text, language) for text in texts] for texts in (references, transcripts)]
    return float(jiwer.wer(left, right))


def _normal(text: str, language: str) -> str:
    if language == "zh":
        from pypinyin import Style, lazy_pinyin

        # Syllables with their tones are what a listener hears; 猫 or 貓, 他 or 它 are the writer's choice.
        return " ".join(lazy_pinyin("".join(x for x in spoken(text, "zh").lower() if x.isalnum()), style=Style.TONE3))
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    return str(EnglishTextNormalizer({})(text))  # type: ignore[no-untyped-call]
