from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assistant import Assistant, load_settings
from assistant.config import Settings
from assistant.errors import ConfigError, InputError, NotFoundError
from assistant.testing import SCRIPTED, ScriptedLanguageModel
from assistant.types import AudioDelta, TextDelta, TurnCompleted


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({**SCRIPTED, "data_dir": tmp_path}, environment={})


@pytest.fixture
def assistant(settings: Settings) -> Iterator[Assistant]:
    with Assistant(settings) as made:
        yield made


def test_events_come_as_they_happen(assistant: Assistant) -> None:
    events = list(assistant.stream("Hello", session="alice"))
    assert isinstance(events[-1], TurnCompleted)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "It is a cat."
    assert any(isinstance(event, AudioDelta) for event in events)


def slow_model(settings: Settings) -> ScriptedLanguageModel:
    return ScriptedLanguageModel(["One, two, three, four. " * 20, "Yes."], pause_s=0.02)


def test_leaving_the_stream_interrupts_the_turn(settings: Settings) -> None:
    slow = settings.model_copy(
        update={"language_model": settings.language_model.model_copy(update={"engine": f"{__name__}:slow_model"})}
    )
    with Assistant(slow) as assistant:
        for event in assistant.stream("Hello", session="alice"):
            if isinstance(event, TextDelta):
                break
        (turn,) = assistant.history("alice")
        assert turn.status == "interrupted"
        assert assistant.ask("Still there?", session="alice").text == "Yes."


def test_a_session_is_forgotten(assistant: Assistant) -> None:
    assistant.ask("a", session="alice")
    assistant.delete_session("alice")
    assert assistant.sessions() == ()
    with pytest.raises(NotFoundError):
        assistant.delete_session("alice")


def test_closing_twice_does_nothing(settings: Settings) -> None:
    made = Assistant(settings)
    made.close()
    made.close()


def test_single_settings_can_be_given(tmp_path: Path) -> None:
    with Assistant(None, **SCRIPTED, data_dir=tmp_path, limits={"audio_s": 1}) as made:
        assert made.settings.limits.audio_s == 1
    with pytest.raises(ConfigError):
        Assistant(colour="red")


def test_several_threads_may_ask_at_once(assistant: Assistant) -> None:
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda i: assistant.ask(f"question {i}", speak=False), range(8)))
    assert len({reply.session_id for reply in replies}) == len(assistant.sessions()) == 8


def test_a_closed_assistant_says_so(settings: Settings) -> None:
    made = Assistant(settings)
    made.close()
    with pytest.raises(InputError, match="closed"):
        made.ask("Hello")


def test_an_argument_nobody_knows_is_a_type_error(assistant: Assistant) -> None:
    with pytest.raises(TypeError, match="colour"):
        assistant.ask("Hello", colour="red")  # type: ignore[call-arg]
