"""The one path of a turn: perceive → recall → compose → generate → speak → remember."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import Literal

from assistant.dialogue.clauses import ClauseSplitter
from assistant.dialogue.compose import BLOCK_TURNS, Manner, Percept, compose, shown_again
from assistant.dialogue.notes import clip_note, voice_note
from assistant.errors import AssistantError, EmptyTurnError, NotFoundError, RecognitionError, UnsupportedLanguageError, VisionError
from assistant.protocols import (
    GlancingEncoder,
    LanguageModel,
    MemoryStore,
    ReadAheadModel,
    Send,
    SpeechRecognizer,
    SpeechSynthesizer,
    VisionEncoder,
)
from assistant.types import (
    Audio,
    AudioDelta,
    Evidence,
    GenerationOptions,
    Image,
    ImageSeen,
    Message,
    Problem,
    Prompt,
    Reply,
    Sight,
    StoredTurn,
    TextDelta,
    Transcript,
    TranscriptReady,
    Turn,
    TurnCompleted,
    Usage,
    Voice,
)


@dataclass(frozen=True, slots=True)
class DialogueOptions:
    """What the manager is told once."""

    preamble: tuple[Message, ...]
    """The system prompt, and examples of how to answer."""
    manner: Manner = Manner()
    generation: GenerationOptions = GenerationOptions()
    history_turns: int = 200
    """How many are looked back on at least, and up to a block more."""
    voice: str | None = None
    speed: float = 1.0
    first_clause_words: int = 2
    model_languages: frozenset[str] | None = None
    """What the language model answers in; None when nobody knows."""
    must_read: Callable[[str], bool] = lambda question: True
    """Whether the reply to a question waits for the text of pictures that seem to hold none."""

    @property
    def remembered_turns(self) -> int:
        """How many turns a prompt may hold beside the new one."""
        return self.history_turns and self.history_turns + BLOCK_TURNS - 1


@dataclass(slots=True)
class _Progress:
    """What has been said so far in this turn, and when."""

    started: float
    clock: Callable[[], float]
    text: str = ""
    evidence: tuple[Evidence, ...] = ()
    reading: asyncio.Task[tuple[Evidence, ...]] | None = None
    """What is read behind the reply, from its first token on."""
    usage: Usage = field(default_factory=Usage)
    timings_ms: dict[str, float] = field(default_factory=dict)

    def mark(self, stage: str) -> None:
        """Note the first time a stage is reached."""
        self.timings_ms.setdefault(stage, round((self.clock() - self.started) * 1000, 1))


class DialogueManager:
    """Answers committed turns. It holds no session state, so any process can answer any turn."""

    def __init__(
        self,
        *,
        recognizer: SpeechRecognizer,
        vision: VisionEncoder,
        language_model: LanguageModel,
        synthesizer: SpeechSynthesizer,
        memory: MemoryStore,
        options: DialogueOptions,
        spoken: Callable[[str, str], str],
        identify_language: Callable[[str], str],
        measure_voice: Callable[[Audio, str], Voice | None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Put the engines together.

        Args:
            recognizer: Hears.
            vision: Sees.
            language_model: Thinks.
            synthesizer: Speaks.
            memory: Remembers.
            options: Prompts and numbers.
            spoken: Text as written and its language → text as spoken.
            identify_language: Text → ISO 639-1 code.
            measure_voice: A recording and the words heard in it → how they were said; None tells nothing of voices.
            clock: Seconds, monotonic.
        """
        self._recognizer = recognizer
        self._vision = vision
        self._language_model = language_model
        self._synthesizer = synthesizer
        self._memory = memory
        self._options = options
        self._spoken = spoken
        self._identify_language = identify_language
        self._measure_voice = measure_voice
        self._clock = clock

    async def respond(self, turn: Turn, send: Send) -> None:
        """Answer a turn: a `Responder`.

        Cancelling it is how one interrupts: what was said so far is remembered as interrupted.

        Raises:
            EmptyTurnError: Nothing was said, typed or shown.
            RecognitionError: The recording could not be heard; nothing is stored.
            ContextLengthError: The turn alone does not fit the model; nothing is stored.
            AssistantError: The model or the store failed; what the user said is stored.
        """
        progress = _Progress(self._clock(), self._clock)
        history = await self._memory.history(turn.session_id, limit=self._options.remembered_turns)
        transcript, seen, clip_words = await self._perceive(turn, history, send, progress)
        progress.evidence = evidence = tuple(item for _, item in seen)
        # a picture that could not be seen is no part of the conversation: nothing could ever be said about it
        turn = replace(turn, images=tuple(image for image, _ in seen), voice=await self._voice(turn, transcript))
        percept = _percept(turn, transcript, evidence, clip_words, [past.voice for past in history if past.voice is not None])
        language = turn.language or (transcript.language if transcript and transcript.text else "")
        language = language or self._identify_language(turn.text)
        prompt = await self.prompt(history, percept)
        known = self._options.model_languages
        if known is not None and language not in known:
            model = self._language_model.name
            await send(
                Problem("unsupported_language", f"{model} does not know the language {language!r}", f"it knows: {_list(known)}")
            )
        status: Literal["done", "interrupted", "failed"] = "failed"
        # meanwhile the model reads the prompt
        beginning = asyncio.create_task(self._memory.begin(turn, user_text=percept.text, language=language, evidence=evidence))
        try:
            await self._generate_and_speak(turn, prompt, language, beginning, send, progress)
            status = "done"
        except asyncio.CancelledError:
            status = "interrupted"
            beginning.cancel()
            raise
        finally:
            progress.mark("total")
            await asyncio.shield(self._remember(turn, status, beginning, progress))
        reply = Reply(
            session_id=turn.session_id,
            turn_id=turn.turn_id,
            text=progress.text,
            transcript=transcript.text if transcript else "",
            language=language,
            evidence=progress.evidence,
            usage=progress.usage,
            timings_ms=dict(progress.timings_ms),
        )
        await send(TurnCompleted(reply))

    async def _perceive(
        self, turn: Turn, history: tuple[StoredTurn, ...], send: Send, progress: _Progress
    ) -> tuple[Transcript | None, tuple[tuple[Image, Evidence], ...], str | None]:
        """What was heard, the pictures that were seen with what is in them, and what is said in the clip.

        Meanwhile the language model reads what comes before: the conversation and the pictures themselves.
        """

        async def hear() -> Transcript | None:
            if turn.audio is None:
                return None
            transcript = await self._recognizer.transcribe(turn.audio, language=turn.language)
            progress.mark("transcribe")
            await send(TranscriptReady(transcript))
            return transcript

        async def listen_to_clip() -> str | None:
            if turn.video is None or turn.video.sound is None:
                return None
            try:
                return (await self._recognizer.transcribe(turn.video.sound)).text
            except RecognitionError as error:
                await send(Problem(error.code, f"the clip is watched without its sound: {error}", error.hint))
                return None

        async def see(index: int, image: Image) -> tuple[Image, Evidence] | None:
            try:
                asked = turn.audio is None and self._options.must_read(turn.text)
                sight = await (self._vision.encode(image) if asked else self._glance(image))
                if sight.evidence.read_later and self._options.must_read(_words(turn, await hearing)):
                    sight = await self._vision.encode(image)
            except VisionError as error:
                await send(Problem(error.code, f"picture {index + 1} was not seen: {error}", error.hint))
                return None
            await send(ImageSeen(index, sight.evidence))
            return image, sight.evidence

        try:
            async with asyncio.TaskGroup() as group:
                hearing, listening = group.create_task(hear()), group.create_task(listen_to_clip())
                seeing = [group.create_task(see(i, image)) for i, image in enumerate(turn.images)]
                if turn.audio is not None or turn.images:
                    group.create_task(self._read_ahead(history, Percept("", (), self._ahead_of_words(turn))))
        except* AssistantError as failures:
            raise _first(failures) from failures
        if seeing:
            progress.mark("see")
        return hearing.result(), tuple(seen for task in seeing if (seen := task.result()) is not None), listening.result()

    async def look_ahead(self, session_id: str, images: Sequence[Image]) -> None:
        """Look at pictures that a coming turn of a session will show, and let the language model read them.

        Raises:
            VisionError: One could not be seen.
        """
        sights = await asyncio.gather(*(self._glance(image) for image in images))
        if self._options.manner.fusion != "co_attention":
            history = await self._memory.history(session_id, limit=self._options.remembered_turns)
            await self._read_ahead(history, Percept("", tuple(sight.evidence for sight in sights), tuple(images)))

    async def _glance(self, image: Image) -> Sight:
        return await (self._vision.glance(image) if isinstance(self._vision, GlancingEncoder) else self._vision.encode(image))

    def _ahead_of_words(self, turn: Turn) -> tuple[Image, ...]:
        """The pictures that are read while something else is waited for; else pictures and words are read faster at once."""
        if self._options.manner.fusion == "co_attention":  # what is made of a picture for a question waits for the question
            return ()
        return turn.images if turn.audio is not None or self._options.must_read(turn.text) else ()

    async def _voice(self, turn: Turn, transcript: Transcript | None) -> Voice | None:
        if self._measure_voice is None or turn.audio is None or transcript is None:
            return None
        return await asyncio.to_thread(self._measure_voice, turn.audio, transcript.text)

    async def _read_ahead(self, history: tuple[StoredTurn, ...], percept: Percept) -> None:
        model = self._language_model
        if isinstance(model, ReadAheadModel):
            with suppress(AssistantError):  # what is wrong is told when the whole prompt is read
                prompt = await self.prompt(history, percept)
                await model.warm_up(prompt.messages)

    async def prompt(self, history: tuple[StoredTurn, ...], percept: Percept) -> Prompt:
        """What the language model is given for a turn after these.

        Raises:
            ContextLengthError: The turn alone does not fit the model.
        """
        return await asyncio.to_thread(self._compose, history, percept, await self._pictures(history, percept))

    async def _pictures(self, history: tuple[StoredTurn, ...], percept: Percept) -> Mapping[str, Image]:
        """Those of earlier turns that the model is to see again."""
        wanted = shown_again(history, len(percept.images)) if self._options.manner.fusion != "late" else ()
        return await self._memory.images(wanted) if wanted else {}

    def _compose(self, history: tuple[StoredTurn, ...], percept: Percept, pictures: Mapping[str, Image]) -> Prompt:
        return compose(
            self._options.preamble,
            history,
            percept,
            manner=self._options.manner,
            pictures=pictures,
            budget_tokens=self._language_model.context_tokens - self._options.generation.max_tokens,
            count_tokens=self._language_model.count_tokens,
        )

    async def _generate_and_speak(
        self, turn: Turn, prompt: Prompt, language: str, beginning: asyncio.Task[None], send: Send, progress: _Progress
    ) -> None:
        clauses: asyncio.Queue[str | None] = asyncio.Queue()
        try:
            async with asyncio.TaskGroup() as group:
                if turn.speak:
                    group.create_task(self._speak(clauses, language, send, progress))
                await self._generate(turn, prompt, clauses, beginning, send, progress)
        except* AssistantError as failures:
            raise _first(failures) from failures

    async def _generate(
        self,
        turn: Turn,
        prompt: Prompt,
        clauses: asyncio.Queue[str | None],
        beginning: asyncio.Task[None],
        send: Send,
        progress: _Progress,
    ) -> None:
        splitter = ClauseSplitter(first_words=self._options.first_clause_words)
        async with aclosing(self._language_model.generate(prompt, self._options.generation)) as pieces:
            async for piece in pieces:
                progress.usage = piece.usage or progress.usage
                if piece.text:
                    await beginning
                    progress.mark("first_token")
                    if progress.reading is None:
                        progress.reading = asyncio.create_task(self._read(turn.images, progress.evidence, send))
                    progress.text += piece.text
                    for clause in splitter.feed(piece.text):
                        clauses.put_nowait(clause)
                    await send(TextDelta(piece.text))
        await beginning
        for clause in splitter.finish():
            clauses.put_nowait(clause)
        clauses.put_nowait(None)

    async def _speak(self, clauses: asyncio.Queue[str | None], language: str, send: Send, progress: _Progress) -> None:
        """Synthesis of one clause while the next is generated; a failure costs the voice, never the text."""
        while (clause := await clauses.get()) is not None:
            try:
                speech = self._synthesizer.synthesize(
                    self._spoken(clause, language), language=language, voice=self._options.voice, speed=self._options.speed
                )
                async with aclosing(speech) as pieces:
                    async for audio in pieces:
                        progress.mark("first_audio")
                        await send(AudioDelta(audio, clause))
            except AssistantError as error:
                what = "the reply is text only" if isinstance(error, UnsupportedLanguageError) else "the voice stopped"
                await send(Problem(error.code, f"{what}: {error}", error.hint))
                return

    async def _read(self, images: Sequence[Image], evidence: Sequence[Evidence], send: Send) -> tuple[Evidence, ...]:
        """The evidence with the text that the reply did not wait for."""
        read = list(evidence)
        for place, (image, seen) in enumerate(zip(images, evidence, strict=True)):
            if seen.read_later:
                try:
                    whole = (await self._vision.encode(image)).evidence
                    read[place] = replace(seen, text_lines=whole.text_lines)
                except AssistantError as error:  # the reply stands all the same
                    await send(Problem(error.code, f"the text in picture {place + 1} was not read: {error}", error.hint))
        return tuple(read)

    async def _remember(self, turn: Turn, status: str, beginning: asyncio.Task[None], progress: _Progress) -> None:
        await asyncio.wait([beginning])
        # a write that was cancelled may still have happened
        if not beginning.cancelled() and beginning.exception() is not None:
            return
        if progress.reading is not None:
            progress.evidence = await progress.reading
        try:
            await self._memory.finish(
                turn.session_id,
                turn.turn_id,
                reply_text=progress.text,
                status=status,
                usage=progress.usage,
                timings_ms=progress.timings_ms,
                evidence=progress.evidence if progress.reading is not None else None,
            )
        except NotFoundError:
            if status == "done":  # the session was deleted meanwhile; an interrupted turn may not have been begun
                raise


def _words(turn: Turn, transcript: Transcript | None) -> str:
    return "\n".join(part for part in (turn.text, transcript.text if transcript else "") if part.strip())


def _percept(
    turn: Turn,
    transcript: Transcript | None,
    evidence: tuple[Evidence, ...],
    clip_words: str | None,
    earlier_voices: Sequence[Voice],
) -> Percept:
    text = _words(turn, transcript)
    if not text and not turn.images:
        if turn.audio is not None:
            raise EmptyTurnError("nobody speaks in the recording", hint="check the microphone, or type the question")
        raise EmptyTurnError("the turn is empty", hint="say, type or show something")
    if turn.voice is not None:
        text = "\n".join(part for part in (text, voice_note(turn.voice, earlier_voices)) if part)
    if turn.video is not None:
        seen = {image.sha256 for image in turn.images}
        moments = zip(turn.video.frames, turn.video.times_s, strict=True)
        times_s = [time_s for frame, time_s in moments if frame.sha256 in seen]
        text = "\n".join(part for part in (clip_note(times_s, turn.video.duration_s, clip_words), text) if part)
    return Percept(text, evidence, turn.images)


def _list(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _first(failures: ExceptionGroup[AssistantError]) -> AssistantError:
    error = failures.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error
