"""Scripted engines: the same Protocols without a model, for our tests and our users'."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

import numpy as np

from assistant.errors import EngineError, UnsupportedLanguageError
from assistant.types import (
    Audio,
    Evidence,
    Generated,
    GenerationOptions,
    Image,
    Label,
    Message,
    Prompt,
    Sight,
    Span,
    Transcript,
    Usage,
)

SAMPLE_RATE_HZ = 16_000


@dataclass
class ScriptedRecognizer:
    """Hears what the script says, one line a recording; the last line repeats. An error in the script is raised."""

    script: Sequence[str | EngineError] = ("hello",)
    language: str = "en"
    heard: list[Audio] = field(default_factory=list)

    async def transcribe(self, audio: Audio, *, language: str | None = None) -> Transcript:
        """The next line of the script."""
        line = self.script[min(len(self.heard), len(self.script) - 1)]
        self.heard.append(audio)
        if isinstance(line, EngineError):
            raise line
        return Transcript(line, (language or self.language) if line else "", audio.duration_s)

    async def close(self) -> None:
        """Nothing to free."""


@dataclass
class ScriptedDetector:
    """Finds the spans it was given."""

    spans: tuple[Span, ...] = ()

    async def speech_spans(self, audio: Audio) -> tuple[Span, ...]:
        """The spans that begin within the recording."""
        return tuple(span for span in self.spans if span.start_s < audio.duration_s)

    async def close(self) -> None:
        """Nothing to free."""


@dataclass
class ScriptedVision:
    """Sees the same label in every picture, or raises."""

    label: str = "cat"
    error: EngineError | None = None
    seen: list[Image] = field(default_factory=list)

    async def encode(self, image: Image) -> Sight:
        """The label, with full confidence."""
        self.seen.append(image)
        if self.error is not None:
            raise self.error
        return Sight(Evidence(image.width_px, image.height_px, labels=(Label(self.label, 1.0),)))

    async def close(self) -> None:
        """Nothing to free."""


@dataclass
class ScriptedLanguageModel:
    """Says the script, one line a prompt, word by word; the last line repeats. An error in the script is raised.

    `pause_s` sleeps before every word, so that a test can interrupt.
    """

    script: Sequence[str | EngineError] = ("Hello, how can I help?",)
    pause_s: float = 0.0
    name: str = "scripted"
    context_tokens: int = 4096
    sees: bool = False
    prompts: list[Prompt] = field(default_factory=list)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Words."""
        return sum(len(message.text.split()) + 1 for message in messages)

    async def generate(self, prompt: Prompt, options: GenerationOptions) -> AsyncGenerator[Generated, None]:
        """The next line of the script."""
        line = self.script[min(len(self.prompts), len(self.script) - 1)]
        self.prompts.append(prompt)
        if isinstance(line, EngineError):
            raise line
        words = line.split(" ")[: options.max_tokens]
        for i, word in enumerate(words):
            await asyncio.sleep(self.pause_s)
            yield Generated(word if i == 0 else f" {word}")
        usage = Usage(self.count_tokens(prompt.messages), 0, len(words))
        yield Generated("", "stop" if len(words) == len(line.split(" ")) else "length", usage)

    async def score(self, prompt: Prompt, candidates: Sequence[str]) -> tuple[float, ...]:
        """The next line of the script is certain, everything else is not."""
        line = self.script[min(len(self.prompts), len(self.script) - 1)]
        return tuple(0.0 if candidate == line else -10.0 for candidate in candidates)

    async def close(self) -> None:
        """Nothing to free."""


@dataclass
class ScriptedSynthesizer:
    """Speaks a hum of 50 ms a character, or raises."""

    languages: frozenset[str] = frozenset({"en"})
    voices: tuple[str, ...] = ("hum",)
    error: EngineError | None = None
    spoken: list[str] = field(default_factory=list)

    async def synthesize(
        self, text: str, *, language: str, voice: str | None = None, speed: float = 1.0
    ) -> AsyncGenerator[Audio, None]:
        """One piece for the whole text."""
        if language not in self.languages:
            raise UnsupportedLanguageError(f"no voice speaks {language!r}", hint=f"known: {', '.join(sorted(self.languages))}")
        if self.error is not None:
            raise self.error
        if any(character.isalnum() for character in text):
            self.spoken.append(text)
            time_T = np.arange(int(0.05 / speed * len(text) * SAMPLE_RATE_HZ), dtype=np.float32) / SAMPLE_RATE_HZ
            yield Audio((0.1 * np.sin(2 * np.pi * 150.0 * time_T)).astype(np.float32), SAMPLE_RATE_HZ)

    async def close(self) -> None:
        """Nothing to free."""


def recognizer(settings: object) -> ScriptedRecognizer:
    """For `recognizer.engine = "assistant.testing:recognizer"`."""
    return ScriptedRecognizer(("What is this?",))


def vision(settings: object) -> ScriptedVision:
    """For `vision.engine = "assistant.testing:vision"`."""
    return ScriptedVision()


def language_model(settings: object) -> ScriptedLanguageModel:
    """For `language_model.engine = "assistant.testing:language_model"`."""
    return ScriptedLanguageModel(("It is a cat.", "A cat, as I said."))


def synthesizer(settings: object) -> ScriptedSynthesizer:
    """For `synthesizer.engine = "assistant.testing:synthesizer"`."""
    return ScriptedSynthesizer()


SCRIPTED = {
    "recognizer": {"engine": "assistant.testing:recognizer"},
    "vision": {"engine": "assistant.testing:vision"},
    "language_model": {"engine": "assistant.testing:language_model"},
    "synthesizer": {"engine": "assistant.testing:synthesizer", "by_language": {}},
}
"""Settings under which nothing loads a model."""
