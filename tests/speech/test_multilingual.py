"""Each language goes to its engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import numpy as np
import pytest

from assistant.errors import UnsupportedLanguageError
from assistant.speech.multilingual import LanguageRouter
from assistant.types import Audio


class Tones:
    """A synthesizer whose sound is one level, so that its engine can be told."""

    def __init__(self, level: float, languages: frozenset[str], voices: tuple[str, ...]) -> None:
        self.level = level
        self.languages = languages
        self.voices = voices
        self.asked: list[str | None] = []
        self.open = True

    async def synthesize(
        self, text: str, *, language: str, voice: str | None = None, speed: float = 1.0
    ) -> AsyncGenerator[Audio, None]:
        self.asked.append(voice)
        try:
            for word in text.split():
                yield Audio(np.full(len(word), self.level, np.float32), 24_000)
        finally:
            self.asked.append("ended")

    async def close(self) -> None:
        self.open = False


async def level(router: LanguageRouter, language: str, voice: str | None = None) -> float:
    return float(Audio.join([x async for x in router.synthesize("one two", language=language, voice=voice)]).samples_T[0])


async def test_each_language_is_spoken_by_its_engine_and_an_engine_is_built_once_when_needed() -> None:
    built: list[Tones] = []

    def chinese() -> Tones:
        built.append(Tones(0.5, frozenset({"zh"}), ("xiao",)))
        return built[-1]

    english = Tones(0.25, frozenset({"en"}), ("heart",))
    router = LanguageRouter(english, {"zh": chinese, "yue": chinese})
    assert router.languages == {"en", "zh", "yue"}
    assert await level(router, "en") == 0.25
    assert not built
    assert await level(router, "zh") == await level(router, "yue") == 0.5
    assert len(built) == 1
    assert router.voices == ("heart", "xiao")
    await router.close()
    assert not english.open
    assert not built[0].open


async def test_a_voice_of_another_engine_gives_way_to_the_default() -> None:
    english = Tones(0.25, frozenset({"en"}), ("heart",))
    router = LanguageRouter(english, {})
    await level(router, "en", "heart")
    await level(router, "en", "xiao")
    assert english.asked == ["heart", "ended", None, "ended"]


async def test_a_language_nobody_speaks_is_refused_with_what_to_set() -> None:
    router = LanguageRouter(Tones(0.25, frozenset({"en"}), ("heart",)), {})
    with pytest.raises(UnsupportedLanguageError) as raised:
        await level(router, "zh")
    assert "by_language" in raised.value.hint


async def test_closing_the_stream_closes_the_engines_stream() -> None:
    english = Tones(0.25, frozenset({"en"}), ("heart",))
    stream = LanguageRouter(english, {}).synthesize("one two", language="en")
    await anext(stream)
    await stream.aclose()
    assert english.asked[-1] == "ended"
