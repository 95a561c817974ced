import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from assistant.config import Settings, load_settings
from assistant.engines import ENGINES, Lazy, LazyVision, Once, build_language_model, builder, model_languages
from assistant.errors import ConfigError, WeightsMismatchError, WeightsMissingError
from assistant.language.embedded import EmbeddedModel
from assistant.language.word_vectors import weights_sha256
from assistant.testing import ScriptedRecognizer, ScriptedVision, recognizer
from assistant.types import Image, Message, Prompt
from assistant.vision.connector_file import describe, save_connector
from assistant.vision.connector_kinds import build_connector
from assistant.vision.experts import EvidenceEncoder
from assistant.weights.catalogue import CATALOGUE
from tests.language.tiny_models import save_tiny_chat_model
from tests.vision.tiny_vision import TinyEncoder, TinyWords, noise


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


def test_what_several_threads_need_at_once_is_built_once_and_again_if_it_failed() -> None:
    built: list[object] = []

    def build() -> object:
        built.append(object())
        if len(built) == 1:
            raise ValueError("not yet")
        return built[-1]

    lazy = Lazy(build)
    with pytest.raises(ValueError, match="not yet"):
        lazy.now()
    with ThreadPoolExecutor(8) as pool:
        assert len({id(made) for made in pool.map(lambda _: lazy.now(), range(32))}) == 1
    assert len(built) == 2


async def test_an_engine_that_a_thread_built_is_the_one_that_is_awaited_and_closed() -> None:
    closed: list[bool] = []

    class Ear(ScriptedRecognizer):
        async def close(self) -> None:
            closed.append(True)

    engine = Once(Ear)
    made = await asyncio.to_thread(engine.now)
    assert await engine.get() is made
    await engine.close()
    await engine.close()
    assert closed == [True]


def seeing_model(tmp_path: Path, **vision: object) -> EmbeddedModel:
    """A tiny model of two layers, built as the settings say; its experts are never loaded."""
    folder = save_tiny_chat_model(tmp_path / "model")
    settings = load_settings(
        {"language_model": {"model": str(folder)}, "vision": vision, "cache_dir": tmp_path, "threads": 1}, environment={}
    )
    model = build_language_model(settings, LazyVision(lambda: EvidenceEncoder(TinyEncoder())))
    assert isinstance(model, EmbeddedModel)
    return model


async def test_a_model_in_this_process_sees_through_an_untrained_connector_unless_told_otherwise(tmp_path: Path) -> None:
    message = Message("user", "?", (Image(noise(9, 9), "a"),))
    model = seeing_model(tmp_path)
    assert model.sees
    assert model.count_tokens([message]) > model.count_tokens([Message("user", "Picture 1: ?")])
    await model.close()
    for vision in ({"fusion": "late"}, {"connector": "none"}, {"engine": "assistant.testing:vision"}):
        blind = seeing_model(tmp_path, **vision)
        assert not blind.sees
        assert blind.count_tokens([message]) == blind.count_tokens([Message("user", "?")])
        await blind.close()


async def test_a_trained_connector_brings_its_changes_to_the_language_model(tmp_path: Path) -> None:
    plain = seeing_model(tmp_path)
    encoder, words = TinyEncoder(), plain.words(weights_sha256(tmp_path / "model"))
    encoder.sha256 = CATALOGUE["efficientnet-lite2"].files[0].sha256
    connector = build_connector("mlp", encoder, words)
    chance = torch.Generator().manual_seed(0)
    adapters = {"blk.0.attn_q.down": torch.randn(4, 64, generator=chance), "blk.0.attn_q.up": torch.randn(64, 4, generator=chance)}
    save_connector(tmp_path / "eyes.safetensors", connector, describe("mlp", {}, connector, encoder, words), adapters=adapters)
    changed = seeing_model(tmp_path, connector=str(tmp_path / "eyes.safetensors"))
    prompt = Prompt((Message("user", "What is the capital of France?"),))
    assert (await changed.score(prompt, ["Paris"]))[0] != pytest.approx((await plain.score(prompt, ["Paris"]))[0], abs=1e-3)
    await plain.close()
    await changed.close()


def test_a_connector_that_does_not_fit_or_is_not_there_is_refused_before_anything_is_shown(tmp_path: Path) -> None:
    encoder, words = TinyEncoder(), TinyWords()
    connector = build_connector("mlp", encoder, words)
    save_connector(tmp_path / "eyes.safetensors", connector, describe("mlp", {}, connector, encoder, words, encoder_name="tiny"))
    with pytest.raises(WeightsMismatchError, match="another encoder: tiny") as caught:
        seeing_model(tmp_path, connector=str(tmp_path / "eyes.safetensors"))
    assert "vision.connector" in caught.value.hint
    with pytest.raises(WeightsMissingError):
        seeing_model(tmp_path, connector=str(tmp_path / "none.safetensors"))


def test_a_way_that_the_connector_or_the_engine_does_not_serve_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="untrained connector does not serve") as caught:
        seeing_model(tmp_path, fusion="cross_attention")
    assert "train connector --kind gated_cross_attention" in caught.value.hint
    file = tmp_path / "eyes.safetensors"
    connector = build_connector("co_attention", TinyEncoder(), TinyWords())
    save_connector(file, connector, describe("co_attention", {}, connector, TinyEncoder(), TinyWords()))
    for fusion in (None, "early", "cross_attention"):
        with pytest.raises(ConfigError, match="eyes.safetensors does not serve") as caught:
            seeing_model(tmp_path, connector=str(file), fusion=fusion)
        assert 'set vision.fusion to "co_attention"' in caught.value.hint
    settings = load_settings(
        {"language_model": {"engine": "transformers", "model": str(tmp_path)}, "vision": {"fusion": "co_attention"}}, environment={}
    )
    with pytest.raises(ConfigError, match="as its model was made for"):
        builder("language_model", "transformers")(settings)


def test_settings_are_given_to_a_builder_of_the_users_own(tmp_path: Path) -> None:
    settings: Settings = load_settings({"recognizer": {"engine": "assistant.testing:recognizer"}}, environment={})
    assert isinstance(builder("recognizer", settings.recognizer.engine)(settings), ScriptedRecognizer)


async def test_vision_of_the_users_own_that_cannot_glance_looks_in_full() -> None:
    sight = await LazyVision(ScriptedVision).glance(Image(noise(3, 4), ""))
    assert (sight.evidence.labels[0].name, sight.evidence.read_later) == ("cat", False)
