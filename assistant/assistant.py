"""`Assistant`: the assistant for code without an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

from assistant.app import AsyncAssistant, TurnArguments
from assistant.config import Settings
from assistant.errors import InputError
from assistant.inputs import AudioSource, ImageSource
from assistant.types import Audio, Event, Explanation, FoundPicture, Image, Reply, SessionSummary, StoredTurn, Transcript

T = TypeVar("T")


class Assistant:
    """`AsyncAssistant` for code without an event loop: the same methods, called plainly. Safe to call from several threads."""

    def __init__(self, settings: Settings | None = None, **overrides: Any) -> None:
        """Make an assistant; see `AsyncAssistant`."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="assistant-loop", daemon=True)
        self._thread.start()
        try:
            self._inner = self._run(_made(settings, overrides))
        except BaseException:
            self._stop()
            raise

    def __enter__(self) -> Self:
        """The assistant itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._inner.settings

    def close(self) -> None:
        """Free the engines and the database; a second call does nothing."""
        if self._loop.is_closed():
            return
        self._run(self._inner.close())
        self._stop()

    def warm(self, *, speech: bool = True, pictures: bool = False) -> None:
        """Load the engines and run each once; see `AsyncAssistant.warm`."""
        self._run(self._inner.warm(speech=speech, pictures=pictures))

    def look_ahead(self, images: Sequence[ImageSource], *, session: str | None = None) -> None:
        """Begin to look at pictures that a coming turn will show; see `AsyncAssistant.look_ahead`. Returns at once."""
        self._run(self._inner.look_ahead(images, session=session))

    def ask(self, text: str = "", **given: Unpack[TurnArguments]) -> Reply:
        """The answer to one turn; see `AsyncAssistant.ask`."""
        return self._run(self._inner.ask(text, **given))

    def stream(self, text: str = "", **given: Unpack[TurnArguments]) -> Iterator[Event]:
        """The events of one turn; leaving the loop early interrupts it. See `AsyncAssistant.stream`."""
        return self._iterate(self._inner.stream(text, **given))

    def transcribe(self, audio: AudioSource, *, language: str | None = None) -> Transcript:
        """What is said in a recording; see `AsyncAssistant.transcribe`."""
        return self._run(self._inner.transcribe(audio, language=language))

    def say(self, text: str, *, language: str | None = None, voice: str | None = None) -> Iterator[Audio]:
        """The text aloud, piece by piece; see `AsyncAssistant.say`."""
        return self._iterate(self._inner.say(text, language=language, voice=voice))

    def sessions(self, *, limit: int = 50) -> tuple[SessionSummary, ...]:
        """Sessions, the newest first."""
        return self._run(self._inner.sessions(limit=limit))

    def history(self, session: str, *, limit: int = 1000) -> tuple[StoredTurn, ...]:
        """The turns of a session, oldest first."""
        return self._run(self._inner.history(session, limit=limit))

    def search(
        self, text: str = "", *, image: ImageSource | None = None, session: str | None = None, limit: int = 10
    ) -> tuple[FoundPicture, ...]:
        """Remembered pictures that fit the words or are like a picture, the best first; see `AsyncAssistant.search`."""
        return self._run(self._inner.search(text, image=image, session=session, limit=limit))

    def explain(self, turn_id: str, *, grid: int = 4) -> Explanation:
        """What the reply of a stored turn rests on; see `AsyncAssistant.explain`."""
        return self._run(self._inner.explain(turn_id, grid=grid))

    def pictures(self, turn: StoredTurn) -> tuple[Image, ...]:
        """The pictures of a stored turn; see `AsyncAssistant.pictures`."""
        return self._run(self._inner.pictures(turn))

    def delete_session(self, session: str) -> None:
        """Forget a session.

        Raises:
            NotFoundError: There is no such session.
        """
        self._run(self._inner.memory.delete(session))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of work on the loop; Ctrl-C cancels it and waits until it has unwound, so that nothing runs on behind."""
        if self._loop.is_closed():
            work.close()
            raise InputError("this assistant is closed", hint="make another one")
        tasks: list[asyncio.Task[T]] = []
        ended = threading.Event()

        def start() -> None:
            if not tasks:
                tasks.append(self._loop.create_task(work))
                tasks[0].add_done_callback(lambda _: ended.set())

        started = interrupted = False
        while True:  # Ctrl-C may strike between any two steps here
            try:
                if not started:
                    self._loop.call_soon_threadsafe(start)
                    started = True
                ended.wait()
                break
            except KeyboardInterrupt:
                interrupted = True
                self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in tasks])
        if interrupted:
            raise KeyboardInterrupt
        return tasks[0].result()

    def _iterate(self, items: AsyncGenerator[T, None]) -> Iterator[T]:
        try:
            while True:
                try:
                    yield self._run(_next(items))
                except StopAsyncIteration:
                    return
        finally:
            if threading.current_thread() is self._thread:  # a forgotten iterator, collected while the loop runs
                self._loop.create_task(_closed(items))
            elif not self._loop.is_closed():
                self._run(_closed(items))

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _made(settings: Settings | None, overrides: Mapping[str, Any]) -> AsyncAssistant:
    return AsyncAssistant(settings, **overrides)


async def _closed(items: AsyncGenerator[T, None]) -> None:
    await items.aclose()


async def _next(items: AsyncGenerator[T, None]) -> T:
    return await anext(items)
