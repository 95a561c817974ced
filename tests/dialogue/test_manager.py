import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.dialogue.compose import Manner
from assistant.dialogue.manager import DialogueManager, DialogueOptions
from assistant.errors import EmptyTurnError, GenerationError, RecognitionError, StorageFullError, SynthesisError, VisionError
from assistant.memory.attachments import AttachmentFolder
from assistant.memory.store import SqlMemory
from assistant.testing import ScriptedLanguageModel, ScriptedRecognizer, ScriptedSynthesizer, ScriptedVision
from assistant.types import (
    Audio,
    AudioDelta,
    Event,
    Image,
    ImageSeen,
    Message,
    Problem,
    Sight,
    TextDelta,
    TranscriptReady,
    Turn,
    TurnCompleted,
    Video,
    Voice,
)

SPEECH = Audio(np.zeros(16_000, np.float32), 16_000)
PHOTO = Image(np.zeros((3, 4, 3), np.uint8), "ab" * 32)


@dataclass
class Desk:
    """A manager over scripted engines and a real store, and the events it sent."""

    memory: SqlMemory
    folder: Path
    recognizer: ScriptedRecognizer = field(default_factory=ScriptedRecognizer)
    vision: ScriptedVision = field(default_factory=ScriptedVision)
    language_model: ScriptedLanguageModel = field(default_factory=ScriptedLanguageModel)
    synthesizer: ScriptedSynthesizer = field(default_factory=ScriptedSynthesizer)
    events: list[Event] = field(default_factory=list)
    third_word: asyncio.Event = field(default_factory=asyncio.Event)
    options: DialogueOptions = DialogueOptions(preamble=(Message("system", "Be brief."),))
    measure_voice: Callable[[Audio, str], Voice | None] | None = None

    def manager(self) -> DialogueManager:
        return DialogueManager(
            recognizer=self.recognizer,
            vision=self.vision,
            language_model=self.language_model,
            synthesizer=self.synthesizer,
            memory=self.memory,
            options=self.options,
            spoken=lambda text, language: text.strip(),
            identify_language=lambda text: "en",
            measure_voice=self.measure_voice,
        )

    async def respond(self, turn: Turn) -> None:
        async def send(event: Event) -> None:
            self.events.append(event)
            if len(self.sent(TextDelta)) == 3:
                self.third_word.set()

        await self.manager().respond(turn, send)

    def sent(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    memory = SqlMemory(tmp_path)
    yield Desk(memory, tmp_path)
    await memory.close()


def turn(
    text: str = "", *, number: int = 1, audio: Audio | None = None, images: tuple[Image, ...] = (), speak: bool = False
) -> Turn:
    return Turn("alice", f"turn-{number}", text, audio, images, speak)


async def test_a_spoken_question_about_a_picture_is_heard_seen_answered_and_remembered(desk: Desk) -> None:
    desk.recognizer.script = ["What is this?"]
    desk.language_model.script = ["It is a cat."]
    await desk.respond(turn(audio=SPEECH, images=(PHOTO,), speak=True))
    kinds = [type(event) for event in desk.events]
    assert {TranscriptReady, ImageSeen} == set(kinds[:2])
    assert kinds[-1] is TurnCompleted
    done = desk.events[-1]
    assert isinstance(done, TurnCompleted)
    assert (done.reply.transcript, done.reply.text) == ("What is this?", "It is a cat.")
    assert set(done.reply.timings_ms) == {"transcribe", "see", "first_token", "first_audio", "total"}
    (stored,) = await desk.memory.history("alice", limit=5)
    assert (stored.user_text, stored.reply_text, stored.status) == ("What is this?", "It is a cat.", "done")
    assert stored.evidence[0].labels[0].name == "cat"
    assert await desk.memory.image(PHOTO.sha256)


async def test_a_follow_up_is_given_what_was_said_and_seen_before(desk: Desk) -> None:
    await desk.respond(turn("What is this?", images=(PHOTO,)))
    await desk.respond(turn("Are you sure?", number=2))
    texts = [message.text for message in desk.language_model.prompts[1].messages]
    assert "looks like cat (100%)" in texts[1]
    assert texts[2:] == ["Hello, how can I help?", "Are you sure?"]


async def test_a_voice_is_measured_remembered_and_told_of_where_it_changes(desk: Desk) -> None:
    desk.recognizer.script = ["Where is it?", "Where is it now?"]
    desk.measure_voice = lambda audio, words: Voice(-10.0 if words.endswith("now?") else -20.0, 150.0, 5.0)
    await desk.respond(turn(number=1, audio=SPEECH))
    await desk.respond(turn("Typed.", number=2))
    await desk.respond(turn(number=3, audio=SPEECH))
    calm, typed, loud = await desk.memory.history("alice", limit=5)
    assert [past.user_text for past in (calm, typed)] == ["Where is it?", "Typed."]
    assert typed.voice is None
    assert loud.voice == Voice(-10.0, 150.0, 5.0)
    assert loud.user_text == "Where is it now?\n[The user speaks louder than before.]"


async def test_a_long_session_keeps_the_beginning_of_its_prompt_for_a_block_of_turns(desk: Desk) -> None:
    desk.options = replace(desk.options, history_turns=4)
    for number in range(24):
        await desk.respond(turn(f"question {number}", number=number))
    prompts = [[message.text for message in prompt.messages] for prompt in desk.language_model.prompts]
    assert sum(prompts[n][:-1] == prompts[n + 1][: len(prompts[n]) - 1] for n in range(23)) >= 20
    assert all(f"question {n - 4}" in prompts[n] for n in range(4, 24))


async def test_nothing_is_looked_back_on_where_the_settings_say_so(desk: Desk) -> None:
    desk.options = replace(desk.options, history_turns=0)
    for number in range(2):
        await desk.respond(turn(f"question {number}", number=number))
    assert [message.text for message in desk.language_model.prompts[1].messages] == ["Be brief.", "question 1"]


async def test_the_first_clause_is_spoken_before_the_text_is_complete(desk: Desk) -> None:
    desk.language_model = ScriptedLanguageModel(["Yes it is open, and it closes late this evening."], pause_s=0.005)
    await desk.respond(turn("Is it open?", speak=True))
    kinds = [type(event) for event in desk.events]
    assert kinds.index(AudioDelta) < len(kinds) - 1 - kinds[::-1].index(TextDelta)
    assert desk.synthesizer.spoken == ["Yes it is open,", "and it closes late this evening."]


async def test_a_failing_voice_costs_the_voice_and_not_the_text(desk: Desk) -> None:
    desk.synthesizer.error = SynthesisError("no sound", hint="turn it on")
    await desk.respond(turn("Hello", speak=True))
    (problem,) = desk.sent(Problem)
    assert problem == Problem("synthesis_failed", "the voice stopped: no sound", "turn it on")
    assert isinstance(desk.events[-1], TurnCompleted)


async def test_a_language_without_a_voice_is_said_and_answered_in_text(desk: Desk) -> None:
    desk.recognizer.language = "fr"
    await desk.respond(turn(audio=SPEECH, speak=True))
    (problem,) = desk.sent(Problem)
    assert isinstance(problem, Problem)
    assert problem.code == "unsupported_language"
    assert isinstance(desk.events[-1], TurnCompleted)


async def test_a_language_the_model_does_not_know_is_said(desk: Desk) -> None:
    desk.options = DialogueOptions((Message("system", "Be brief."),), model_languages=frozenset({"de"}))
    await desk.respond(turn("Hello"))
    (problem,) = desk.sent(Problem)
    assert problem == Problem("unsupported_language", "scripted does not know the language 'en'", "it knows: de")


async def test_a_failing_model_leaves_what_the_user_said(desk: Desk) -> None:
    desk.language_model.script = [GenerationError("out of memory"), "Fine."]
    with pytest.raises(GenerationError):
        await desk.respond(turn("Hello"))
    (stored,) = await desk.memory.history("alice", limit=5)
    assert (stored.user_text, stored.status) == ("Hello", "failed")
    await desk.respond(turn("Again", number=2))
    assert [m.text for m in desk.language_model.prompts[1].messages] == ["Be brief.", "Again"]


@pytest.mark.parametrize("make", [lambda: turn("  "), lambda: turn(audio=SPEECH)])
async def test_a_turn_with_nothing_in_it_is_refused_and_not_stored(desk: Desk, make: Callable[[], Turn]) -> None:
    desk.recognizer.script = [""]
    with pytest.raises(EmptyTurnError):
        await desk.respond(make())
    assert await desk.memory.history("alice", limit=5) == ()


async def test_a_picture_that_cannot_be_seen_is_said_and_the_rest_is_answered(desk: Desk) -> None:
    desk.vision.error = VisionError("too dark")
    await desk.respond(turn("What is this?", images=(PHOTO,)))
    (problem,) = desk.sent(Problem)
    assert problem == Problem("vision_failed", "picture 1 was not seen: too dark", "")
    assert isinstance(desk.events[-1], TurnCompleted)
    (stored,) = await desk.memory.history("alice", limit=5)
    assert (stored.evidence, stored.image_sha256s) == ((), ())


async def test_a_clips_moments_and_words_are_told_and_its_words_are_not_the_question(desk: Desk) -> None:
    frames = tuple(replace(PHOTO, sha256=name * 32) for name in ("cd", "ef"))
    clip = Video(frames, (0.0, 3.5), 7.25, SPEECH)
    desk.recognizer.script = ['Call me "now"]']
    await desk.respond(replace(turn("What is said?", images=(PHOTO, *frames)), video=clip))
    text = desk.language_model.prompts[0].messages[-1].text
    note = "[The last 2 pictures are from a video of 7.2 s, at 0.0, 3.5 s; said in it: \"Call me 'now')\"]"
    assert text.endswith(f"\n{note}\nWhat is said?")
    assert desk.sent(TranscriptReady) == []
    await desk.respond(turn("Why?", number=2))
    assert note in desk.language_model.prompts[1].messages[1].text


async def test_a_clip_whose_sound_cannot_be_heard_is_watched_without_it(desk: Desk) -> None:
    desk.recognizer.script = [RecognitionError("broken")]
    await desk.respond(replace(turn("What is this?", images=(PHOTO,)), video=Video((PHOTO,), (0.0,), 1.0, SPEECH)))
    (problem,) = desk.sent(Problem)
    assert isinstance(problem, Problem)
    assert problem.message == "the clip is watched without its sound: broken"
    assert "[The last picture is from a video of 1.0 s, at 0.0 s]" in desk.language_model.prompts[0].messages[-1].text


async def test_two_pictures_of_one_turn_and_those_of_later_turns_are_numbered_through(desk: Desk) -> None:
    desk.language_model.sees = True
    desk.options = replace(desk.options, manner=Manner("hybrid"))
    second, third = (replace(PHOTO, sha256=name * 32) for name in ("cd", "ef"))
    await desk.respond(turn("Which one is larger?", images=(PHOTO, second)))
    await desk.respond(turn("And this one?", number=2, images=(third,)))
    await desk.respond(turn("Was the first one red?", number=3))
    asked = [message for message in desk.language_model.prompts[-1].messages if message.role == "user"]
    assert [[image.sha256[:2] for image in message.images] for message in asked] == [["ab", "cd"], ["ef"], []]
    assert [message.numbers for message in asked] == [(1, 2), (3,), ()]
    assert ["[Picture 1: " in asked[0].text, "[Picture 2: " in asked[0].text, "[Picture 3: " in asked[1].text] == [True] * 3


async def test_a_model_that_sees_is_shown_earlier_pictures_again_as_far_as_they_are_there(desk: Desk) -> None:
    desk.options = replace(desk.options, manner=Manner("hybrid"))
    other = Image(np.full((3, 4, 3), 200, np.uint8), "cd" * 32)
    await desk.respond(turn("What is this?", images=(PHOTO, other)))
    await desk.respond(turn("Are you sure?", number=2))
    first, second = (prompt.messages[1] for prompt in desk.language_model.prompts)
    assert first.text == second.text == "[Picture 1: looks like cat (100%)]\n[Picture 2: looks like cat (100%)]\nWhat is this?"
    assert [image.sha256 for image in second.images] == [PHOTO.sha256, other.sha256]
    assert np.abs(second.images[1].pixels_HWC.astype(int) - 200).max() <= 2
    AttachmentFolder(desk.folder / "attachments").remove(PHOTO.sha256)
    await desk.respond(turn("Really?", number=3))
    third = desk.language_model.prompts[2].messages[1]
    assert third.text == first.text
    assert [(number, image.sha256) for number, image in third.numbered] == [(2, other.sha256)]


class Reading(ScriptedLanguageModel):
    """Notes what it read ahead, and fails at it if told to."""

    def __init__(self, error: GenerationError | None = None) -> None:
        super().__init__(sees=True)
        self.ahead: list[tuple[Message, ...]] = []
        self.error = error

    async def warm_up(self, messages: Sequence[Message]) -> None:
        self.ahead.append(tuple(messages))
        if self.error is not None:
            raise self.error


async def test_while_a_turn_is_heard_and_seen_the_model_reads_what_comes_before(desk: Desk) -> None:
    desk.options = replace(desk.options, manner=Manner("hybrid"))
    desk.language_model = model = Reading()
    await desk.respond(turn("Hello"))
    assert model.ahead == []
    await desk.respond(turn("What is this?", number=2, images=(PHOTO,)))
    (ahead,) = model.ahead
    assert ahead[:-1] == model.prompts[1].messages[:-1]
    assert (ahead[-1].text, ahead[-1].numbered) == ("", model.prompts[1].messages[-1].numbered)
    await desk.respond(turn(number=3, audio=SPEECH))
    assert [message.text for message in model.ahead[1]] == [message.text for message in model.prompts[2].messages[:-1]] + [""]


async def test_a_model_that_fails_to_read_ahead_may_still_answer(desk: Desk) -> None:
    desk.language_model = Reading(GenerationError("not now"))
    await desk.respond(turn("What is this?", images=(PHOTO,)))
    assert isinstance(desk.events[-1], TurnCompleted)


@dataclass
class Glancing(ScriptedVision):
    """Reads "STOP" in every picture, if it is given the time."""

    error_in_reading: VisionError | None = None

    async def glance(self, image: Image) -> Sight:
        sight = await super().encode(image)
        return Sight(replace(sight.evidence, read_later=True))

    async def encode(self, image: Image) -> Sight:
        sight = await super().encode(image)
        if self.error_in_reading is not None:
            raise self.error_in_reading
        return Sight(replace(sight.evidence, text_lines=("STOP",)))


def notes_of(desk: Desk) -> list[str]:
    """The user's messages of the last prompt."""
    return [message.text for message in desk.language_model.prompts[-1].messages if message.role == "user"]


async def test_text_that_nobody_asks_for_is_read_behind_the_reply_and_told_with_the_next_turn(desk: Desk) -> None:
    desk.vision = Glancing()
    desk.options = replace(desk.options, manner=Manner("hybrid"), must_read=lambda question: "say" in question)
    await desk.respond(turn("What is this?", images=(PHOTO,)))
    assert notes_of(desk) == ["[Picture 1: looks like cat (100%)]\nWhat is this?"]
    done = desk.events[-1]
    assert isinstance(done, TurnCompleted)
    assert done.reply.evidence[0].text_lines == ("STOP",)
    for number in (2, 3):
        await desk.respond(turn("Are you sure?", number=number))
    assert notes_of(desk) == [
        "[Picture 1: looks like cat (100%)]\nWhat is this?",
        '[Picture 1: text read: "STOP"]\nAre you sure?',
        "Are you sure?",
    ]


async def test_a_question_about_text_waits_for_it_typed_or_spoken(desk: Desk) -> None:
    desk.vision = Glancing()
    desk.recognizer.script = ["What does it say?"]
    desk.options = replace(desk.options, must_read=lambda question: "say" in question)
    await desk.respond(turn("What does it say?", images=(PHOTO,)))
    await desk.respond(turn(audio=SPEECH, images=(PHOTO,), number=2))
    assert all('text read: "STOP"' in note for note in notes_of(desk))
    await desk.respond(turn("And?", number=3))
    assert notes_of(desk)[-1] == "And?"


async def test_an_interrupted_reply_leaves_what_was_read_behind_it(desk: Desk) -> None:
    desk.vision = Glancing()
    desk.options = replace(desk.options, must_read=lambda question: False)
    desk.language_model = ScriptedLanguageModel(["one two three four five six seven eight"], pause_s=0.02)
    task = asyncio.create_task(desk.respond(turn("Count", images=(PHOTO,))))
    await desk.third_word.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await desk.respond(turn("What does it say?", number=2))
    assert notes_of(desk)[-1] == '[Picture 1: text read: "STOP"]\nWhat does it say?'


async def test_text_that_cannot_be_read_behind_the_reply_costs_the_text_only(desk: Desk) -> None:
    desk.vision = Glancing(error_in_reading=VisionError("too small"))
    desk.options = replace(desk.options, must_read=lambda question: False)
    await desk.respond(turn("What is this?", images=(PHOTO,)))
    assert desk.sent(Problem) == [Problem("vision_failed", "the text in picture 1 was not read: too small", "")]
    assert isinstance(desk.events[-1], TurnCompleted)


async def test_typed_words_and_pictures_are_read_at_once_unless_there_is_text_to_wait_for(desk: Desk) -> None:
    desk.options = replace(desk.options, manner=Manner("hybrid"), must_read=lambda question: "say" in question)
    desk.language_model = model = Reading()
    await desk.respond(turn("What is this?", images=(PHOTO,)))
    await desk.respond(turn("What does it say?", number=2, images=(PHOTO,)))
    assert [ahead[-1].numbers for ahead in model.ahead] == [(), (2,)]


async def test_a_picture_shown_ahead_is_read_with_all_that_is_known_of_it(desk: Desk) -> None:
    desk.options = replace(desk.options, manner=Manner("hybrid"))
    desk.language_model = model = Reading()
    await desk.respond(turn("Hello"))
    await desk.manager().look_ahead("alice", (PHOTO,))
    await desk.respond(turn("What is this?", number=2, images=(PHOTO,)))
    ahead, asked = model.ahead[0], model.prompts[1].messages
    assert ahead[:-1] == asked[:-1]
    assert f"{ahead[-1].text}\nWhat is this?" == asked[-1].text
    assert ahead[-1].numbered == asked[-1].numbered


async def test_nothing_of_a_reply_is_sent_before_the_question_is_written(desk: Desk) -> None:
    class FullMemory(SqlMemory):
        async def begin(self, *arguments: Any, **named: Any) -> None:
            await asyncio.sleep(0.05)
            raise StorageFullError("the disk is full")

    desk.memory.__class__ = FullMemory
    with pytest.raises(StorageFullError):
        await desk.respond(turn("Hello", speak=True))
    assert desk.events == []


async def test_a_turn_that_is_still_open_elsewhere_is_not_shown_to_the_model(desk: Desk) -> None:
    await desk.memory.begin(turn("Slow one"), user_text="Slow one", language="en", evidence=())
    await desk.respond(turn("Quick one", number=2))
    assert [message.text for message in desk.language_model.prompts[0].messages] == ["Be brief.", "Quick one"]


async def test_a_turn_cancelled_while_it_is_written_is_not_left_open(desk: Desk) -> None:
    class SlowMemory(SqlMemory):
        async def begin(self, *arguments: Any, **named: Any) -> None:
            await super().begin(*arguments, **named)
            task.cancel()
            await asyncio.sleep(10)

    desk.memory.__class__ = SlowMemory
    task = asyncio.create_task(desk.respond(turn("Hello")))
    with pytest.raises(asyncio.CancelledError):
        await task
    (stored,) = await desk.memory.history("alice", limit=5)
    assert stored.status == "interrupted"


async def test_a_failing_recognizer_ends_the_turn_with_its_own_error(desk: Desk) -> None:
    desk.recognizer.script = [RecognitionError("broken")]
    with pytest.raises(RecognitionError, match="broken"):
        await desk.respond(turn(audio=SPEECH, images=(PHOTO,)))


async def test_an_interrupted_reply_is_remembered_as_far_as_it_went(desk: Desk) -> None:
    desk.language_model = ScriptedLanguageModel(["one two three four five six seven eight"], pause_s=0.02)
    task = asyncio.create_task(desk.respond(turn("Count", speak=True)))
    await desk.third_word.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (stored,) = await desk.memory.history("alice", limit=5)
    assert stored.status == "interrupted"
    assert stored.reply_text.startswith("one two three")
    assert "eight" not in stored.reply_text
