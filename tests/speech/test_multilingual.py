"""Each language goes to its engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator

import numpy as np
import pytest

from assistant.errors import InputError, UnsupportedLanguageError, WeightsMissingError
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
    router = LanguageRouter(english, {"zh": lambda: Tones(0.5, frozenset({"zh"}), ("xiao",))})
    await level(router, "en", "heart")
    await level(router, "en", "xiao")
    assert english.asked == ["heart", "ended", None, "ended"]
    assert await level(router, "zh", "heart") == 0.5
    await router.close()


async def test_a_voice_that_no_engine_has_is_refused_and_the_known_ones_are_named() -> None:
    def broken() -> Tones:
        raise WeightsMissingError("no weights", hint="pull them")

    router = LanguageRouter(
        Tones(0.25, frozenset({"en"}), ("heart",)), {"zh": lambda: Tones(0.5, frozenset({"zh"}), ("xiao",)), "fr": broken}
    )
    with pytest.raises(InputError, match="'haert'") as raised:
        await level(router, "en", "haert")
    assert raised.value.hint == "one of: heart, xiao"
    with pytest.raises(WeightsMissingError):
        await level(router, "fr")
    await router.close()


async def test_a_build_whose_caller_left_is_finished_and_kept() -> None:
    started, go_on = threading.Event(), threading.Event()
    built: list[Tones] = []

    def slow() -> Tones:
        started.set()
        go_on.wait(10)
        built.append(Tones(0.5, frozenset({"zh"}), ("xiao",)))
        return built[-1]

    router = LanguageRouter(Tones(0.25, frozenset({"en"}), ("heart",)), {"zh": slow})
    caller = asyncio.create_task(level(router, "zh"))
    await asyncio.to_thread(started.wait, 10)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    assert await level(router, "zh") == 0.5
    assert len(built) == 1
    await router.close()
    assert not built[0].open


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
