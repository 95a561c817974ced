"""How well our own voice is understood: sentences are spoken, heard back by a recognizer and compared with what was written."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import jiwer

from assistant.protocols import SpeechRecognizer, SpeechSynthesizer
from assistant.speech.spoken_text import spoken
from assistant.types import Audio

SENTENCES: dict[str, tuple[str, ...]] = {
    "en": (
        "Hello, could you please tell me what you can see in this picture?",
        "The picture shows two cats asleep on a red sofa, next to an open window.",
        "It costs $1,234.50, which is 20% less than last year.",
        "The train leaves at 9:05 am on January 5th, 2025.",
        "The tower is 330 metres high and weighs about 10,100 tons.",
        "It was 25 °C in the morning, and the wind blew at 60 km/h.",
        "Dr. Smith lives at 42 Baker Street, doesn't he?",
        "I am not sure, but it looks like a bus that stopped in front of a shop.",
    ),
    "zh": (
        "你好，请问这张图片里有什么？",
        "图片里有两只小猫，它们正躺在红色的沙发上。",
        "这件衣服的价格是250元。",
        "会议在下午三点半开始，请不要迟到。",
        "我觉得这张照片是在晚上拍的，因为街上的灯都亮了。",
        "今天的气温是25°C，非常舒服。",
    ),
}


@dataclass(frozen=True, slots=True)
class Heard:
    """One sentence spoken and heard back."""

    written: str
    heard: str
    error_rate: float
    """Of words in English, of characters in Chinese, after normalisation: Whisper's for English."""
    audio_s: float
    synthesis_s: float
    first_piece_s: float


@dataclass(frozen=True, slots=True)
class VoiceResult:
    """How one language was understood."""

    language: str
    unit: str
    """What errors are counted in: "word" or "character"."""
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
                f"| {self.language} | {len(self.sentences)} | {self.error_rate:.1%} of {self.unit}s | {self.baseline_error_rate:.1%} | "
                f"{self.real_time_factor:.2f} | {self.first_piece_s * 1000:.0f} ms |",
            )
        )


async def evaluate_voice(
    synthesizer: SpeechSynthesizer,
    recognizer: SpeechRecognizer,
    *,
    language: str,
    sentences: Sequence[str] | None = None,
    seed: int = 0,
) -> VoiceResult:
    """Speak each sentence, hear it back, count what was lost.

    Args:
        synthesizer: Speaks.
        recognizer: Hears; its own errors count too, so compare voices under one recognizer.
        language: Of the sentences.
        sentences: As written; None takes `SENTENCES`.
        seed: Of the baseline's shuffle.
    """
    written = tuple(SENTENCES[language] if sentences is None else sentences)
    heard = []
    for sentence in written:
        start = time.perf_counter()
        pieces, first_piece_s = [], 0.0
        async for piece in synthesizer.synthesize(spoken(sentence, language), language=language):
            first_piece_s = first_piece_s or time.perf_counter() - start
            pieces.append(piece)
        synthesis_s = time.perf_counter() - start
        audio = Audio.join(pieces)
        text = (await recognizer.transcribe(audio, language=language)).text
        heard.append(Heard(sentence, text, _error_rate([sentence], [text], language), audio.duration_s, synthesis_s, first_piece_s))
    transcripts = [x.heard for x in heard]
    return VoiceResult(
        language=language,
        unit="character" if language == "zh" else "word",
        sentences=tuple(heard),
        error_rate=_error_rate(written, transcripts, language),
        baseline_error_rate=_error_rate(_deranged(written, seed), transcripts, language),
    )


def _deranged(sentences: Sequence[str], seed: int) -> list[str]:
    """Each sentence away from its place: a shuffle, then everyone takes the next one's."""
    order = list(range(len(sentences)))
    random.Random(seed).shuffle(order)
    taken = dict(zip(order, order[1:] + order[:1], strict=True))
    return [sentences[taken[index]] for index in range(len(sentences))]


def _error_rate(references: Sequence[str], transcripts: Sequence[str], language: str) -> float:
    left, right = [[_normal(text, language) for text in texts] for texts in (references, transcripts)]
    return float(jiwer.cer(left, right) if language == "zh" else jiwer.wer(left, right))


def _normal(text: str, language: str) -> str:
    if language == "zh":
        return "".join(x for x in spoken(text, "zh").lower() if x.isalnum())
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    return str(EnglishTextNormalizer({})(text))
