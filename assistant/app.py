"""The wiring: `AsyncAssistant` puts engines, dialogue and memory together."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from assistant.config import Settings, load_settings
from assistant.dialogue.compose import Manner
from assistant.dialogue.explanation import explain
from assistant.dialogue.manager import DialogueManager, DialogueOptions
from assistant.engines import (
    LazyRecognizer,
    LazySynthesizer,
    LazyVision,
    Once,
    build_language_model,
    build_picture_vectors,
    build_synthesizer,
    builder,
    model_languages,
)
from assistant.errors import (
    AssistantError,
    ConfigError,
    InputError,
    NotFoundError,
    StorageError,
)
from assistant.inputs import AudioSource, ImageSource, VideoSource, clean_text, read_audio, read_images, read_video
from assistant.language.identification import identify_language
from assistant.memory.store import SqlMemory
from assistant.prompts import load_preamble, load_prompt
from assistant.protocols import LanguageModel
from assistant.speech.prosody import measure_voice
from assistant.speech.spoken_text import spoken
from assistant.types import (
    Audio,
    AudioDelta,
    Event,
    Explanation,
    FoundPicture,
    Fusion,
    GenerationOptions,
    Image,
    Message,
    Prompt,
    RememberedPicture,
    Reply,
    SessionSummary,
    StoredTurn,
    Transcript,
    Turn,
    TurnCompleted,
    Video,
)
from assistant.vision.asked import asked_about
from assistant.vision.picture_search import search_by_picture, search_by_words
from assistant.vision.reading import asks_to_read

if TYPE_CHECKING:  # torch is loaded with the first picture
    from assistant.vision.picture_vectors import PictureVectors

_SESSION_ID = re.compile(r"[^\s\x00-\x1f\x7f\ud800-\udfff]{1,255}")


class TurnArguments(TypedDict, total=False):
    """What `ask` and `stream` take beside the text; the defaults are those of `AsyncAssistant.stream`."""

    images: Sequence[ImageSource]
    audio: AudioSource | None
    """A recording of the question."""
    video: VideoSource | None
    """Its frames are looked at and its words heard; they are the question where there is no other."""
    session: str | None
    """The id of a conversation to go on with; None starts one."""
    speak: bool
    language: str | None
    """ISO 639-1 code; None finds it out."""


class AsyncAssistant:
    """A conversational assistant in this process. Engines load when they are first needed, or at once with `warm`."""

    def __init__(self, settings: Settings | None = None, *, today: Callable[[], date] = date.today, **overrides: Any) -> None:
        """Make an assistant.

        Args:
            settings: All settings; None reads `assistant.toml` and `ASSISTANT_*`.
            today: Tells the date, for the system prompt.
            overrides: Single settings, such as `profile="tiny"` or `limits={"audio_s": 60}`.

        Raises:
            ConfigError: A setting is wrong.
            StorageError: The database cannot be opened.
        """
        self.settings = settings if settings is not None and not overrides else load_settings(overrides)
        self.memory = SqlMemory(self.settings.data_dir)
        self._today = today
        self._recognizer = LazyRecognizer(lambda: builder("recognizer", self.settings.recognizer.engine)(self.settings))
        self._vision = LazyVision(lambda: builder("vision", self.settings.vision.engine)(self.settings))
        self._synthesizer = LazySynthesizer(lambda: build_synthesizer(self.settings))
        self._language_model: Once[LanguageModel] = Once(lambda: build_language_model(self.settings, self._vision))
        self._picture_vectors = Once(lambda: build_picture_vectors(self.settings))
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._turns: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """The assistant itself."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Interrupt the turns in flight, free the engines and the database."""
        for task in self._turns:
            task.cancel()
        await asyncio.gather(*self._turns, return_exceptions=True)
        # the language model first: its thread may be looking at a picture
        for engine in (self._language_model, self._recognizer, self._vision, self._synthesizer, self._picture_vectors):
            await engine.close()
        await self.memory.close()

    async def ask(self, text: str = "", **given: Unpack[TurnArguments]) -> Reply:
        """The answer to one turn, with its sound in `reply.audio` when `speak` is true and the language has a voice.

        Raises:
            InputError: Something given cannot be used; nothing was stored.
            EngineError: A model failed; what the user said is stored.
        """
        parts: list[Audio] = []
        async with aclosing(self.stream(text, **given)) as events:
            async for event in events:
                match event:
                    case AudioDelta(audio=piece):
                        parts.append(piece)
                    case TurnCompleted(reply=reply):
                        return replace(reply, audio=Audio.join(parts) if parts else None)
                    case _:
                        pass
        raise AssertionError("a turn ends with TurnCompleted or an error")

    async def stream(
        self,
        text: str = "",
        *,
        images: Sequence[ImageSource] = (),
        audio: AudioSource | None = None,
        video: VideoSource | None = None,
        session: str | None = None,
        speak: bool = True,
        language: str | None = None,
    ) -> AsyncGenerator[Event, None]:
        """The events of one turn as they happen, `TurnCompleted` last. Closing the generator interrupts the turn."""
        limits = self.settings.limits
        turn = Turn(
            session_id=_session_id(session),
            turn_id=uuid.uuid4().hex,
            text=clean_text(text, limit_characters=limits.text_characters),
            audio=None if audio is None else await read_audio(audio, limits),
            images=await read_images(images, limits),
            speak=speak,
            language=language,
        )
        if video is not None:
            clip, problem = await read_video(video, limits)
            turn = _with_video(turn, clip)
            if problem is not None:
                yield problem
        async with aclosing(self.respond(turn)) as events:
            async for event in events:
                yield event

    async def respond(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """The events of a turn whose media are decoded already. Turns of one session are answered one after the other."""
        manager = await self._manager(turn)
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        lock = self._locks.setdefault(turn.session_id, asyncio.Lock())

        async def work() -> None:
            try:
                async with lock:
                    await manager.respond(turn, queue.put)
            finally:
                queue.put_nowait(None)

        task = asyncio.create_task(work())
        self._turns.add(task)
        task.add_done_callback(self._turns.discard)
        try:
            while (event := await queue.get()) is not None:
                yield event
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def transcribe(self, audio: AudioSource, *, language: str | None = None) -> Transcript:
        """What is said in a recording.

        Raises:
            InputError: The recording cannot be used.
            RecognitionError: The model failed.
        """
        decoded = await read_audio(audio, self.settings.limits)
        return await self._recognizer.transcribe(decoded, language=language)

    async def say(self, text: str, *, language: str | None = None, voice: str | None = None) -> AsyncGenerator[Audio, None]:
        """The text aloud, piece by piece, numbers and units read as people say them.

        Raises:
            UnsupportedLanguageError: No voice speaks the language.
        """
        text = clean_text(text, limit_characters=self.settings.limits.text_characters)
        language = language or identify_language(text)
        speech = self._synthesizer.synthesize(
            spoken(text, language),
            language=language,
            voice=voice or self.settings.synthesizer.voice,
            speed=self.settings.synthesizer.speed,
        )
        async with aclosing(speech) as pieces:
            async for piece in pieces:
                yield piece

    async def sessions(self, *, limit: int = 50) -> tuple[SessionSummary, ...]:
        """Sessions, the newest first."""
        return await self.memory.sessions(limit=limit)

    async def history(self, session: str, *, limit: int = 1000) -> tuple[StoredTurn, ...]:
        """The turns of a session, oldest first."""
        return await self.memory.history(session, limit=limit)

    async def search(
        self, text: str = "", *, image: ImageSource | None = None, session: str | None = None, limit: int = 10
    ) -> tuple[FoundPicture, ...]:
        """Remembered pictures that fit the words, the best first; with a picture, those most like it, of these.

        Words are looked up in what the experts reported, in what was read in the picture, and in what was said about it.

        Args:
            text: Such as "red car".
            image: To find others like it.
            session: Look in this one only.
            limit: How many at most; a picture that was shown often counts once, its newest turn stands for it.

        Raises:
            InputError: There are no words and no picture, or they cannot be used.
        """
        text = clean_text(text, limit_characters=self.settings.limits.text_characters)
        if image is None and not text.strip():
            raise InputError("nothing is searched for", hint="give words or a picture")
        newest: dict[str, RememberedPicture] = {}
        for picture in await self.memory.pictures.all(session):
            newest.setdefault(picture.sha256, picture)
        pictures: Sequence[RememberedPicture] = tuple(newest.values())
        if text.strip():
            found = await asyncio.to_thread(search_by_words, text, pictures)
            pictures = [one.picture for one in found]
        if image is not None:
            (shown,) = await read_images([image], self.settings.limits)
            vectors = await self._picture_vectors.get()
            found = search_by_picture(await vectors.vector_V(shown), pictures, await self._vectors_of(vectors, pictures))
        return found[:limit]

    async def explain(self, turn_id: str, *, grid: int = 4) -> Explanation:
        """What the reply of a stored turn rests on, as the language model in use reads that turn's prompt.

        Args:
            turn_id: The id, or enough of its beginning.
            grid: Cells along each side of a picture that are covered one after the other.

        Raises:
            NotFoundError: There is no such turn, or one of its pictures is gone.
            InputError: It has no reply.
            EngineError: A model failed.
        """
        turn, before = await self.memory.turn(turn_id)
        if not turn.reply_text.strip():
            raise InputError(f"the turn {turn.turn_id} has no reply", hint="choose one that was answered")
        images = await self.pictures(turn)
        day = datetime.fromisoformat(turn.created_at).astimezone().date()
        manager = await self._manager(day=day)
        model = await self._language_model.get()
        options = dialogue_options(self.settings, model, day)
        return await explain(
            turn,
            images,
            compose=partial(manager.prompt, before[-options.remembered_turns :] if options.remembered_turns else ()),
            preamble=len(options.preamble),
            vision=self._vision,
            model=model,
            grid=grid,
        )

    async def _vectors_of(self, model: PictureVectors, pictures: Sequence[RememberedPicture]) -> dict[str, NDArray[np.float32]]:
        """Of the pictures that are still there; those that nobody has computed before are kept."""
        known = await self.memory.pictures.vectors(model.model, [picture.sha256 for picture in pictures])
        for sha256, image in (await self.memory.images({x.sha256 for x in pictures if x.sha256 not in known})).items():
            try:
                known[sha256] = await model.vector_V(image)
            except (NotFoundError, StorageError):  # gone since, or damaged: the others are found
                continue
            await self.memory.pictures.keep_vector(model.model, sha256, known[sha256])
        return known

    async def pictures(self, turn: StoredTurn) -> tuple[Image, ...]:
        """The pictures of a stored turn.

        Raises:
            NotFoundError: One is gone.
        """
        images = await self.memory.images(turn.image_sha256s)
        if missing := set(turn.image_sha256s) - images.keys():
            raise NotFoundError(f"the picture {missing.pop()[:12]} of the turn {turn.turn_id} is gone")
        return tuple(images[sha256] for sha256 in turn.image_sha256s)

    async def warm(self, *, speech: bool = True, pictures: bool = False) -> None:
        """Load the engines and run each once, so that the first turn is as fast as the others.

        Args:
            speech: The recognizer and the voice too.
            pictures: The picture experts too; who shows no picture never pays for their memory.

        Raises:
            WeightsMissingError: Weights are not on this machine yet.
        """
        model = await self._language_model.get()
        if self.settings.language_model.engine == "embedded":  # a remote model would be asked something nobody said
            hello = Prompt((*dialogue_options(self.settings, model, self._today()).preamble, Message("user", "Hello.")))
            async with aclosing(model.generate(hello, GenerationOptions(max_tokens=1))) as pieces:
                async for _ in pieces:
                    pass
        if pictures:
            black = Image(np.zeros((64, 64, 3), np.uint8), "")
            await self._vision.encode(black)
            if model.sees:
                await asyncio.to_thread(model.count_tokens, [Message("user", "", (black,))])
        if speech:
            await self._recognizer.get()
            hello_aloud = [piece async for piece in self.say("Hello there, this is a test.", language="en")]
            if hello_aloud:
                await self._recognizer.transcribe(Audio.join(hello_aloud))

    async def look_ahead(self, images: Sequence[ImageSource], *, session: str | None = None) -> None:
        """Begin to look at pictures that a coming turn will show, so that it starts sooner; returns at once.

        What is wrong with them is told by the turn.

        Args:
            images: All that the turn will show so far, in order.
            session: The turn's; the language model then reads the pictures too. None is a new one.
        """

        shown = tuple(images)

        async def look() -> None:
            with suppress(AssistantError):
                await self._look(await read_images(shown, self.settings.limits), session)

        task = asyncio.create_task(look())
        self._turns.add(task)
        task.add_done_callback(self._turns.discard)

    async def _look(self, images: Sequence[Image], session: str | None) -> None:
        manager, _ = await asyncio.gather(self._manager(), self._vision.get())
        lock = self._locks.get(session or "")
        if lock is None or not lock.locked():  # what a turn in flight will say is not known yet
            await manager.look_ahead(session or "", images)
        await asyncio.gather(*(self._vision.encode(image) for image in images))

    async def _manager(self, turn: Turn | None = None, *, day: date | None = None) -> DialogueManager:
        settings = self.settings
        needed: list[Once[Any]] = [self._language_model]  # loaded side by side when the first turn needs them
        if turn is not None:
            needed += [self._recognizer] * (turn.audio is not None) + [self._vision] * bool(turn.images)
        await asyncio.gather(*(engine.get() for engine in needed))
        model = await self._language_model.get()
        return DialogueManager(
            recognizer=self._recognizer,
            vision=self._vision,
            language_model=model,
            synthesizer=self._synthesizer,
            memory=self.memory,
            options=dialogue_options(settings, model, day or self._today()),
            spoken=spoken,
            identify_language=identify_language,
            measure_voice=measure_voice if settings.recognizer.tone else None,
        )


def dialogue_options(settings: Settings, model: LanguageModel, today: date) -> DialogueOptions:
    """What the dialogue is told, as the settings say and as the model sees.

    Raises:
        ConfigError: A prompt is missing, or the model takes no pictures and the settings say that it does.
    """
    language, fusion, folder = settings.language_model, _fusion(settings, model), settings.prompts_dir
    seen = fusion != "late"
    return DialogueOptions(
        preamble=load_preamble(language.system_prompt, language.examples, seen=seen, today=today, folder=folder),
        manner=Manner(fusion, load_prompt("picture", folder), facts=asked_about),
        generation=GenerationOptions(
            max_tokens=language.max_tokens,
            temperature=language.temperature,
            top_p=language.top_p,
            repetition_penalty=language.repetition_penalty,
            seed=language.seed,
        ),
        history_turns=settings.memory.history_turns,
        voice=settings.synthesizer.voice,
        speed=settings.synthesizer.speed,
        model_languages=model_languages(settings),
        must_read=asks_to_read,
    )


def _fusion(settings: Settings, model: LanguageModel) -> Fusion:
    wanted = settings.vision.fusion or ("hybrid" if model.sees else "late")
    if wanted != "late" and not model.sees:
        raise ConfigError(
            f"vision.fusion is {wanted!r} and {model.name} takes no pictures", hint='set it to "late", or use a model that sees'
        )
    return wanted


def _session_id(session: str | None) -> str:
    if session is None:
        return uuid.uuid4().hex[:12]
    if not _SESSION_ID.fullmatch(session):
        raise InputError(f"{session[:40]!r} is no session id", hint="1 to 255 characters without spaces")
    return session


def _with_video(turn: Turn, video: Video) -> Turn:
    """A clip as part of a turn: its frames as pictures. Its sound is the question where nothing else is asked."""
    images = turn.images + video.frames
    if turn.text.strip() or turn.audio is not None:
        return replace(turn, images=images, video=video)
    return replace(turn, images=images, audio=video.sound, video=replace(video, sound=None))
