import asyncio
from pathlib import Path

import pytest

from assistant.config import Settings, load_settings
from assistant.engines import ENGINES, Once, builder, model_languages
from assistant.errors import ConfigError, WeightsMissingError
from assistant.testing import ScriptedRecognizer, recognizer


def test_an_engine_is_found_by_name_or_by_import_path() -> None:
    assert builder("recognizer", "faster-whisper") is ENGINES["recognizer"]["faster-whisper"]
    assert builder("recognizer", "assistant.testing:recognizer") is recognizer


@pytest.mark.parametrize("name", ["ear", "no.such.module:ear", "assistant.testing:no_such_name"])
def test_an_engine_that_is_not_there_is_a_config_error(name: str) -> None:
    with pytest.raises(ConfigError):
        builder("recognizer", name)


OWN_WEIGHTS = ("hibari", "coqui", "langchain", "transformers")
"""Engines that read nothing from the store."""


@pytest.mark.parametrize(("role", "name"), [(role, name) for role in ENGINES for name in ENGINES[role] if name not in OWN_WEIGHTS])
def test_every_engine_says_what_it_is_missing(role: str, name: str, tmp_path: Path) -> None:
    settings = load_settings({"cache_dir": tmp_path, "data_dir": tmp_path}, environment={})
    with pytest.raises((WeightsMissingError, ConfigError)) as caught:
        builder(role, name)(settings)
    assert caught.value.hint


@pytest.mark.parametrize("engine", ["transformers", "langchain"])
def test_a_model_of_the_users_own_must_be_named(engine: str) -> None:
    settings = load_settings({"language_model": {"engine": engine, "model": ""}}, environment={})
    with pytest.raises(ConfigError, match=r"needs language_model.model"):
        builder("language_model", engine)(settings)


def test_the_languages_of_a_model_are_known_for_the_shipped_ones() -> None:
    def languages(profile: str) -> frozenset[str] | None:
        return model_languages(load_settings({"profile": profile}, environment={}))

    assert languages("tiny") == frozenset({"en"})
    assert {"en", "zh"} <= (languages("cpu") or set())
    assert languages("remote") is None


async def test_an_engine_is_built_once_though_many_ask() -> None:
    built: list[ScriptedRecognizer] = []

    def build() -> ScriptedRecognizer:
        built.append(ScriptedRecognizer())
        return built[-1]

    engine = Once(build)
    first, *others = await asyncio.gather(*(engine.get() for _ in range(5)))
    assert all(other is first for other in others)
    await engine.close()
    assert len(built) == 1


def test_settings_are_given_to_a_builder_of_the_users_own(tmp_path: Path) -> None:
    settings: Settings = load_settings({"recognizer": {"engine": "assistant.testing:recognizer"}}, environment={})
    assert isinstance(builder("recognizer", settings.recognizer.engine)(settings), ScriptedRecognizer)
