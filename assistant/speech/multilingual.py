"""One synthesizer out of several: each language goes to the engine that speaks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress

from assistant.errors import AssistantError, InputError, UnsupportedLanguageError
from assistant.protocols import SpeechSynthesizer
from assistant.types import Audio

Factory = Callable[[], SpeechSynthesizer]


class LanguageRouter:
    """Speaks every language of its engines; those beside the default are built when their language is first asked for.

    A voice that another engine has gives way to the default of the language's engine: one setting serves two languages.
    """

    def __init__(self, default: SpeechSynthesizer, by_language: Mapping[str, Factory]) -> None:
        """Route.

        Args:
            default: Speaks its languages, except those in `by_language`.
            by_language: ISO 639-1 codes and what builds their engine; languages of one factory share one engine.
        """
        self._default = default
        self._factories = dict(by_language)
        self._builds: dict[Factory, asyncio.Task[SpeechSynthesizer]] = {}

    @property
    def languages(self) -> frozenset[str]:
        """Of all engines."""
        return self._default.languages | frozenset(self._factories)

    @property
    def voices(self) -> tuple[str, ...]:
        """Of the engines built so far, the default's first."""
        return tuple(dict.fromkeys(voice for engine in self._built() for voice in engine.voices))

    async def synthesize(
        self, text: str, *, language: str, voice: str | None = None, speed: float = 1.0
    ) -> AsyncGenerator[Audio, None]:
        """The text aloud by the language's engine.

        Raises:
            UnsupportedLanguageError: No engine speaks the language.
            InputError: No engine has the voice.
        """
        engine = await self._engine(language)
        spoken_by = voice if voice in engine.voices else None
        if voice is not None and spoken_by is None:
            await self._check_voice(voice)
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
        return await self._build(factory)

    async def _check_voice(self, voice: str) -> None:
        """Refuse a voice that no engine has; those not built yet are built to ask them."""
        for factory in dict.fromkeys(self._factories.values()):
            if voice in self.voices:
                return
            with suppress(AssistantError):  # an engine that cannot be built has no voice
                await self._build(factory)
        if voice not in self.voices:
            raise InputError(f"there is no voice {voice!r}", hint=f"one of: {', '.join(self.voices)}")

    async def _build(self, factory: Factory) -> SpeechSynthesizer:
        """The factory's engine. Who waits for it may be cancelled; the engine is built to its end and kept."""
        if factory not in self._builds:
            task = self._builds[factory] = asyncio.create_task(asyncio.to_thread(factory))
            task.add_done_callback(lambda done: self._forget_failed(factory, done))
        return await asyncio.shield(self._builds[factory])

    def _forget_failed(self, factory: Factory, task: asyncio.Task[SpeechSynthesizer]) -> None:
        if task.cancelled() or task.exception() is not None:
            self._builds.pop(factory, None)

    def _built(self) -> tuple[SpeechSynthesizer, ...]:
        done = [task for task in self._builds.values() if task.done() and not task.cancelled() and task.exception() is None]
        return (self._default, *(task.result() for task in done))

    async def close(self) -> None:
        """Free all engines; one that is being built is waited for."""
        await asyncio.gather(*self._builds.values(), return_exceptions=True)
        for engine in self._built():
            await engine.close()
