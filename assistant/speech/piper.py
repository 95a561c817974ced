"""Speech with a Piper voice.

The package `piper-tts` is GPL-3.0-or-later: it is an extra, imported only when this engine is built.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from assistant.errors import MissingDependencyError, SynthesisError, WeightsCorruptError, WeightsMissingError
from assistant.speech.pieces import check_request, finished, phrases
from assistant.types import Audio
from assistant.worker import Worker

_MAX_CHARACTERS = 160


class PiperSynthesizer:
    """Speaks the one language of the voice file it is given."""

    def __init__(self, voice_file: str | Path, *, threads: int = 1) -> None:
        """Load the voice.

        Args:
            voice_file: A Piper voice, `NAME.onnx`, with `NAME.onnx.json` beside it.
            threads: Of the network.

        Raises:
            MissingDependencyError: `piper-tts` is not installed.
            WeightsMissingError: One of the two files is not there.
            WeightsCorruptError: The files are no Piper voice.
        """
        voice_file = Path(voice_file)
        try:
            # Any: the package need not be there when types are checked.
            piper: Any = importlib.import_module("piper")
        except ImportError as error:
            raise MissingDependencyError(
                "piper-tts is not installed",
                hint="pip install 'assistant[piper]'; its licence is GPL-3.0-or-later, and so is what you then distribute with it",
            ) from error
        for file in (voice_file, Path(f"{voice_file}.json")):
            if not file.is_file():
                raise WeightsMissingError(
                    f"there is no Piper voice {file}", hint="give the path of NAME.onnx with NAME.onnx.json beside it"
                )
        try:
            self._voice = piper.PiperVoice.load(voice_file)
            # PiperVoice takes every core; a session of our own takes what it is given.
            self._voice.session = _session(voice_file, threads)
            language = str(self._voice.config.espeak_voice).split("-")[0]
        except Exception as error:
            raise WeightsCorruptError(f"{voice_file} is no Piper voice: {error}", hint="fetch the voice again") from error
        self._synthesis_config: Any = piper.SynthesisConfig
        self.languages = frozenset({"zh" if language == "cmn" else language})
        self.voices: tuple[str, ...] = tuple(self._voice.config.speaker_id_map or ()) or (voice_file.stem,)
        self._worker = Worker("piper")

    def synthesize(self, text: str, *, language: str, voice: str | None = None, speed: float = 1.0) -> AsyncGenerator[Audio, None]:
        """The text aloud at the voice's rate, a sentence or long clause a piece."""
        check_request(language, voice, speed, languages=self.languages, voices=self.voices)
        return self._worker.stream(lambda: self._pieces(text, voice, speed))

    def _pieces(self, text: str, voice: str | None, speed: float) -> Iterator[Audio]:
        speakers = self._voice.config.speaker_id_map or {}
        # Piper's own loudness normalisation makes every piece peak at 1, a whisper as loud as a shout.
        config = self._synthesis_config(
            speaker_id=speakers.get(voice), length_scale=self._voice.config.length_scale / speed, normalize_audio=False
        )
        for phrase in phrases(text.replace("[[", " "), max_characters=_MAX_CHARACTERS):
            try:
                chunks = [chunk.audio_float_array for chunk in self._voice.synthesize(phrase, config)]
            except Exception as error:
                raise SynthesisError(f"Piper could not speak: {error}", hint="the text of the reply still stands") from error
            if chunks:
                samples_T = np.concatenate(chunks).astype(np.float32)
                yield finished(samples_T, self._voice.config.sample_rate, phrase, speed=speed)

    async def close(self) -> None:
        """Free the model."""
        await self._worker.close()
        del self._voice


def _session(voice_file: Path, threads: int) -> Any:
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(voice_file), options, providers=["CPUExecutionProvider"])
