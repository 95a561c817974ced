from pathlib import Path

import pytest

from assistant.config import load_settings, profile_with
from assistant.errors import ConfigError


def test_the_callers_word_beats_the_environment_beats_the_file_beats_the_profile(tmp_path: Path) -> None:
    file = tmp_path / "assistant.toml"
    file.write_text('profile = "tiny"\n[language_model]\nmax_tokens = 10\ntemperature = 0.1\nseed = 1\n')
    environment = {"ASSISTANT_LANGUAGE_MODEL__TEMPERATURE": "0.2", "ASSISTANT_LANGUAGE_MODEL__SEED": "2", "HOME": "/"}
    settings = load_settings({"language_model": {"seed": 3}}, environment=environment, file=file)
    model = settings.language_model
    assert (model.model, model.max_tokens, model.temperature, model.seed) == ("smollm2-135m-instruct", 10, 0.2, 3)
    assert settings.recognizer.model == "whisper-tiny.en"


def test_the_default_profile_is_cpu() -> None:
    settings = load_settings(environment={}, file=None)
    assert (settings.profile, settings.language_model.model) == ("cpu", "qwen2.5-coder-1.5b-instruct")


def test_a_model_is_in_the_first_profile_that_was_made_for_it() -> None:
    assert profile_with("smollm2-135m-instruct") == "tiny"
    assert profile_with("qwen2.5-coder-1.5b-instruct") == "cpu"
    assert profile_with("llama") is None


@pytest.mark.parametrize(
    ("environment", "message", "hint"),
    [
        ({"ASSISTANT_LIMITS__AUDIO": "1"}, "unknown setting 'limits.audio'", "audio_bytes, audio_s"),
        ({"ASSISTANT_COLOUR": "red"}, "unknown setting 'colour'", "profile"),
        ({"ASSISTANT_PROFILE": "huge"}, "unknown profile 'huge'", "tiny, fast, cpu, gpu, remote"),
        ({"ASSISTANT_LIMITS__AUDIO_S": "-1"}, "setting 'limits.audio_s'", "-1"),
        ({"ASSISTANT_THREADS": "many"}, "setting 'threads'", "many"),
        ({"ASSISTANT_CONFIG": "/no/such/file"}, "no settings file", "ASSISTANT_CONFIG"),
        ({"ASSISTANT_LIMITS": "7"}, "setting 'limits'", "7"),
        ({"ASSISTANT_LIMITS": "7", "ASSISTANT_LIMITS__AUDIO_S": "60"}, "ASSISTANT_LIMITS__AUDIO_S is set", "unset"),
        ({"ASSISTANT_LIMITS__AUDIO_S": "60", "ASSISTANT_LIMITS": "7"}, "ASSISTANT_LIMITS__AUDIO_S is set", "unset"),
        ({"ASSISTANT_PROFILE": '["tiny"]'}, "unknown profile", "tiny, fast, cpu, gpu, remote"),
        ({"ASSISTANT_CONFIG": "x" * 300}, "cannot read x", "rights"),
    ],
)
def test_a_wrong_setting_names_itself_and_what_is_allowed(environment: dict[str, str], message: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_settings(environment=environment)
    assert hint in caught.value.hint


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "assistant.toml"
    file.write_text("profile = ")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_settings(environment={}, file=file)


def test_settings_cannot_be_changed() -> None:
    settings = load_settings(environment={})
    with pytest.raises(ValueError, match="frozen"):
        settings.threads = 2


def test_an_environment_value_for_a_mapping_is_json() -> None:
    settings = load_settings(environment={"ASSISTANT_SYNTHESIZER__BY_LANGUAGE": '{"zh": "piper"}'})
    assert settings.synthesizer.by_language == {"zh": "piper"}


def test_a_single_setting_refines_a_section_whatever_the_order() -> None:
    environment = {"ASSISTANT_LIMITS__AUDIO_S": "60", "ASSISTANT_LIMITS": '{"audio_s": 5, "video_s": 7}'}
    limits = load_settings(environment=environment).limits
    assert (limits.audio_s, limits.video_s) == (60.0, 7.0)


@pytest.mark.parametrize(("cores", "threads"), [(None, 1), (1, 1), (2, 2), (64, 2)])
def test_two_threads_where_there_are_two_cores(monkeypatch: pytest.MonkeyPatch, cores: int | None, threads: int) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert load_settings(environment={}).threads == threads
