import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import PIL.Image
import pytest

from assistant import Assistant, AsyncAssistant, load_settings
from assistant.config import Settings
from assistant.dialogue.manager import DialogueManager
from assistant.errors import (
    ConfigError,
    EmptyTurnError,
    InputError,
    InvalidTextError,
    MediaTooLargeError,
    TextTooLongError,
    UnsupportedMediaError,
)
from assistant.testing import SCRIPTED, ScriptedVision
from assistant.types import Audio, Image, Sight, TextDelta


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {"data_dir": tmp_path / "data", "cache_dir": tmp_path / "cache"}
    return load_settings({**SCRIPTED, **folders}, environment={})


@pytest.fixture
def assistant(settings: Settings) -> Iterator[Assistant]:
    with Assistant(settings) as made:
        yield made


@pytest.fixture
async def async_assistant(settings: Settings) -> AsyncIterator[AsyncAssistant]:
    async with AsyncAssistant(settings) as made:
        yield made


def photo() -> bytes:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (8, 6), "red").save(buffer, "PNG")
    return buffer.getvalue()


def recording() -> bytes:
    return Audio(np.zeros(8000, np.float32), 16_000).to_wav()


def test_a_question_about_a_photo_is_answered_aloud_and_followed_up(assistant: Assistant, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(photo())
    reply = assistant.ask("What is this?", images=[str(tmp_path / "photo.png")], session="alice")
    assert (reply.text, reply.session_id, reply.language) == ("It is a cat.", "alice", "en")
    assert reply.audio is not None
    assert reply.audio.save(tmp_path / "reply.wav").stat().st_size > 1000
    assert assistant.ask("Are you sure?", session="alice").text == "A cat, as I said."
    assert [turn.user_text for turn in assistant.history("alice")] == ["What is this?", "Are you sure?"]


def test_a_recording_is_a_question_too(assistant: Assistant) -> None:
    reply = assistant.ask(audio=recording(), speak=False)
    assert (reply.transcript, reply.text, reply.audio) == ("What is this?", "It is a cat.", None)


def test_every_turn_without_a_session_starts_one(assistant: Assistant) -> None:
    assert assistant.ask("a").session_id != assistant.ask("b").session_id
    assert len(assistant.sessions()) == 2


def test_saying_speaks_numbers_as_people_do(assistant: Assistant) -> None:
    assert sum(piece.duration_s for piece in assistant.say("It costs $3.")) > 0.05 * len("It costs three dollars.") - 0.1


def test_a_recording_is_transcribed_without_a_turn(assistant: Assistant) -> None:
    assert assistant.transcribe(recording()).text == "What is this?"
    assert assistant.sessions() == ()


def test_an_unknown_engine_names_the_known_ones(tmp_path: Path) -> None:
    with Assistant(None, **{**SCRIPTED, "recognizer": {"engine": "ear"}}, data_dir=tmp_path) as made:
        with pytest.raises(ConfigError) as caught:
            made.transcribe(recording())
        assert "faster-whisper" in caught.value.hint


@pytest.mark.parametrize(
    ("turn", "error"),
    [
        ({}, EmptyTurnError),
        ({"text": " \n"}, EmptyTurnError),
        ({"text": "\x00\x07"}, EmptyTurnError),
        ({"text": "a\ud800b"}, InvalidTextError),
        ({"text": "a" * 40_000}, TextTooLongError),
        ({"text": "x", "images": [b"<svg/>"]}, UnsupportedMediaError),
        ({"text": "x", "images": [b""] * 11}, MediaTooLargeError),
        ({"text": "x", "audio": b"MZ not a recording"}, UnsupportedMediaError),
        ({"text": "x", "session": "two words"}, InputError),
        ({"text": "x", "session": ""}, InputError),
    ],
)
def test_bad_input_costs_its_own_turn_and_nothing_else(
    assistant: Assistant, turn: dict[str, object], error: type[InputError]
) -> None:
    with pytest.raises(error):
        assistant.ask(**turn)  # type: ignore[arg-type]
    assert assistant.sessions() == ()
    assert assistant.ask("Hello").text


async def test_turns_of_one_session_are_answered_in_order(async_assistant: AsyncAssistant) -> None:
    asked = [f"question {i}" for i in range(5)]
    await asyncio.gather(*(async_assistant.ask(text, session="alice", speak=False) for text in asked))
    turns = await async_assistant.history("alice")
    assert [turn.user_text for turn in turns] == asked
    assert all(turn.status == "done" for turn in turns)


async def test_closing_the_async_stream_interrupts_the_turn(async_assistant: AsyncAssistant) -> None:
    async with aclosing(async_assistant.stream("Hello", session="alice")) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    (turn,) = await async_assistant.history("alice")
    assert turn.status == "interrupted"


@dataclass
class NoticedVision(ScriptedVision):
    """Tells when it looks."""

    looks: asyncio.Event = field(default_factory=asyncio.Event)

    async def encode(self, image: Image) -> Sight:
        self.looks.set()
        return await super().encode(image)


EYES = NoticedVision()


def eyes(settings: Settings) -> NoticedVision:
    return EYES


async def test_pictures_may_be_looked_at_ahead_of_their_turn_and_bad_ones_are_told_in_it(settings: Settings) -> None:
    watched = settings.model_copy(update={"vision": settings.vision.model_copy(update={"engine": f"{__name__}:eyes"})})
    async with AsyncAssistant(watched) as assistant:
        await assistant.look_ahead([b"no picture"])
        await assistant.look_ahead([photo()])
        await asyncio.wait_for(EYES.looks.wait(), 10)
        with pytest.raises(UnsupportedMediaError):
            await assistant.ask("What is this?", images=[b"no picture"])
        assert (EYES.seen[0].width_px, EYES.seen[0].height_px) == (8, 6)


async def test_a_picture_looked_at_ahead_is_read_by_the_model_too_while_no_turn_of_its_session_is_in_flight(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = asyncio.Queue[tuple[str, int]]()
    EYES.looks = asyncio.Event()

    async def look_ahead(manager: DialogueManager, session_id: str, images: Sequence[Image]) -> None:
        await ahead.put((session_id, len(images)))

    monkeypatch.setattr(DialogueManager, "look_ahead", look_ahead)
    watched = settings.model_copy(update={"vision": settings.vision.model_copy(update={"engine": f"{__name__}:eyes"})})
    async with AsyncAssistant(watched) as assistant:
        shown = [photo()]
        await assistant.look_ahead(shown, session="alice")
        shown.clear()
        assert await asyncio.wait_for(ahead.get(), 10) == ("alice", 1)
        await asyncio.wait_for(EYES.looks.wait(), 10)
        EYES.looks.clear()
        lock = assistant._locks.setdefault("alice", asyncio.Lock())
        async with lock:
            await assistant.look_ahead([photo()], session="alice")
            await asyncio.wait_for(EYES.looks.wait(), 10)
        assert ahead.empty()


async def test_warming_up_loads_every_engine_that_is_asked_for(settings: Settings) -> None:
    blind = settings.model_copy(update={"vision": settings.vision.model_copy(update={"engine": "none:such"})})
    async with AsyncAssistant(blind) as assistant:
        await assistant.warm()
        with pytest.raises(ConfigError):
            await assistant.warm(pictures=True)
        assert await assistant.sessions() == ()


def test_a_picture_is_found_by_words_or_by_another_one(assistant: Assistant) -> None:
    for session in ("alice", "bob"):
        assistant.ask("What is this?", images=[photo()], session=session)
    assert [one.picture.session_id for one in assistant.search("a cat")] == ["bob"]
    assert [one.picture.session_id for one in assistant.search("cat", session="alice")] == ["alice"]
    assert assistant.search("cat", limit=0) == ()
    with pytest.raises(InputError):
        assistant.search(" ")


@pytest.mark.weights
def test_a_picture_finds_those_like_it(settings: Settings, weights_dir: Callable[[str], Path]) -> None:
    weights_dir(settings.vision.model)
    with Assistant(settings.model_copy(update={"cache_dir": load_settings().cache_dir})) as assistant:
        for name in ("street", "garden"):
            assistant.ask("Look.", images=[picture_of(name)], session=name)
        for _ in range(2):  # the second time with the vectors that were kept
            first, second = assistant.search(image=picture_of("garden", quality=40))
            assert [first.picture.session_id, second.picture.session_id] == ["garden", "street"]
            assert 1 >= first.score > second.score + 0.1
        assert assistant.search("submarine", image=picture_of("garden")) == ()


@pytest.mark.weights
def test_a_damaged_picture_is_passed_over_when_others_are_sought(settings: Settings, weights_dir: Callable[[str], Path]) -> None:
    weights_dir(settings.vision.model)
    with Assistant(settings.model_copy(update={"cache_dir": load_settings().cache_dir})) as assistant:
        for name in ("street", "garden"):
            assistant.ask("Look.", images=[picture_of(name)], session=name)
        (street,) = assistant.search("cat", session="street")
        Path(street.picture.path).write_bytes(b"damaged")
        assert [one.picture.session_id for one in assistant.search(image=picture_of("garden"))] == ["garden"]


def test_a_clip_is_watched_and_its_words_are_the_question_only_where_there_is_no_other(assistant: Assistant) -> None:
    alone = assistant.ask(video=clip(), speak=False, session="alice")
    assert (alone.transcript, len(alone.evidence)) == ("What is this?", 2)
    asked = assistant.ask("What happens?", video=clip(), speak=False, session="alice")
    assert asked.transcript == ""
    first, second = (turn.user_text for turn in assistant.history("alice"))
    assert first == "[The last 2 pictures are from a video of 1.0 s, at 0.0, 0.5 s]\nWhat is this?"
    assert second.endswith('at 0.0, 0.5 s; said in it: "What is this?"]\nWhat happens?')


def clip() -> bytes:
    """Half a second of black, half a second of white, and a second of silence."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        film, sound = cast(Any, container.add_stream("mpeg4", rate=10)), cast(Any, container.add_stream("aac", rate=16_000))
        film.width, film.height, film.pix_fmt = 64, 48, "yuv420p"
        for index in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 255 * (index // 5), np.uint8), format="rgb24")
            frame.pts = index
            container.mux(film.encode(frame))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 16_000
        container.mux(sound.encode(silence))
        for stream in (film, sound):
            container.mux(stream.encode())
    return buffer.getvalue()


def picture_of(place: str, *, quality: int = 95) -> bytes:
    """Stripes or blobs, such as no street and no garden has."""
    down, across = np.mgrid[:96, :128]
    waves_HW = np.sin(across / 3) if place == "street" else np.sin(down / 9) * np.cos(across / 9)
    tint = (220, 40, 40) if place == "street" else (40, 160, 60)
    buffer = io.BytesIO()
    pixels_HWC = (127 + 60 * waves_HW[..., None] + 0.4 * np.array(tint)).clip(0, 255).astype(np.uint8)
    PIL.Image.fromarray(pixels_HWC).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
