"""One synthesizer out of several: each language goes to the engine that speaks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from assistant.errors import UnsupportedLanguageError
from assistant.protocols import SpeechSynthesizer
from assistant.types import Audio

Factory = Callable[[], SpeechSynthesizer]


class LanguageRouter:
    """Speaks every language of its engines; those beside the default are built when their language is first asked for.

    A voice that the language's engine does not have gives way to that engine's default: one setting serves two languages.
    """

    def __init__(self, default: SpeechSynthesizer, by_language: Mapping[str, Factory]) -> None:
        """Route.

        Args:
            default: Speaks its languages, except those in `by_language`.
            by_language: ISO 639-1 codes and what builds their engine; languages of one factory share one engine.
        """
        self._default = default
        self._factories = dict(by_language)
        self._engines: dict[Factory, SpeechSynthesizer] = {}
        self._building = asyncio.Lock()

    @property
    def languages(self) -> frozenset[str]:
        """Of all engines."""
        return self._default.languages | frozenset(self._factories)

    @property
    def voices(self) -> tuple[str, ...]:
        """Of the engines built so far, the default's first."""
        built = (self._default, *self._engines.values())
        return tuple(dict.fromkeys(voice for engine in built for voice in engine.voices))

    async def synthesize(
        self, text: str, *, language: str, voice: str | None = None, speed: float = 1.0
    ) -> AsyncGenerator[Audio, None]:
        """The text aloud by the language's engine.

        Raises:
            UnsupportedLanguageError: No engine speaks the language.
        """
        engine = await self._engine(language)
        spoken_by = voice if voice in engine.voices else None
        async with aclosing(engine.synthesize(text, language=language, voice=spoken_by, speed=speed)) as pieces:
            async for piece in pieces:
                yield piece

    async def _engine(self, language: str) -> SpeechSynthesizer:
        factory = self._factories.get(language)
        if factory is None:
            if language in self._default.languages:
                return self._default
            raise UnsupportedLanguageError(
                f"no voice speaks {language!r}",
                hint=f"spoken here: {', '.join(sorted(self.languages))}; name an engine for it in synthesizer.by_language",
            )
        async with self._building:
            if factory not in self._engines:
                self._engines[factory] = await asyncio.to_thread(factory)
            return self._engines[factory]

    async def close(self) -> None:
        """Free all engines."""
        for engine in (self._default, *self._engines.values()):
            await engine.close()
