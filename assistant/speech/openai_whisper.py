"""OpenAI's own Whisper package (extra `openai-whisper`) on the same weights as the default engine."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from assistant.errors import MissingDependencyError, RecognitionError
from assistant.protocols import VoiceActivityDetector
from assistant.speech.audio import SAMPLE_RATE_HZ
from assistant.speech.ctranslate2_weights import dimensions, openai_state
from assistant.speech.listening import Heard, listen
from assistant.types import Audio, Transcript
from assistant.worker import Worker

_MAX_COMPRESSION = 2.4
_MIN_LOG_PROBABILITY = -1.0
_MAX_NO_SPEECH = 0.6


class OpenAIWhisperRecognizer:
    """A `SpeechRecognizer`."""

    def __init__(
        self,
        folder: Path,
        *,
        threads: int = 1,
        device: str = "cpu",
        beam_size: int = 1,
        detector: VoiceActivityDetector | None = None,
    ) -> None:
        """Load the model.

        Args:
            folder: A CTranslate2 Whisper of float weights.
            threads: Of torch, for the whole process.
            device: As torch names it.
            beam_size: 1 is greedy.
            detector: Finds the speech first; closed with the recognizer. None hears everything.

        Raises:
            MissingDependencyError: The package is not installed.
            WeightsMissingError: A file is not there.
            WeightsCorruptError: A file cannot be loaded.
        """
        try:
            import whisper  # type: ignore[import-not-found, import-untyped, unused-ignore]
            from whisper.model import ModelDimensions, Whisper  # type: ignore[import-not-found, import-untyped, unused-ignore]
        except ImportError as error:
            raise MissingDependencyError(
                "the package openai-whisper is not installed", hint="install assistant with the extra openai-whisper"
            ) from error
        state = openai_state(folder / "model.bin")
        torch.set_num_threads(threads)
        model = Whisper(ModelDimensions(**dimensions(state)))
        model.load_state_dict(state)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # its vocabulary file is left for the collector to close
            whisper.tokenizer.get_tokenizer(model.is_multilingual, num_languages=model.num_languages)
        self._whisper = whisper
        self._model = model.eval().to(device)
        self._beam_size = beam_size if beam_size > 1 else None
        self._languages = frozenset(whisper.tokenizer.LANGUAGES) if model.is_multilingual else frozenset({"en"})
        self._detector = detector
        self._worker = Worker("openai-whisper")

    async def transcribe(self, audio: Audio, *, language: str | None = None) -> Transcript:
        """See `SpeechRecognizer.transcribe`."""
        return await listen(
            audio, self._hear, worker=self._worker, detector=self._detector, language=language, languages=self._languages
        )

    async def close(self) -> None:
        """See `SpeechRecognizer.close`."""
        await self._worker.close()
        if self._detector is not None:
            await self._detector.close()

    def _hear(self, samples_T: NDArray[np.float32], language: str | None) -> Heard:
        options = self._whisper.DecodingOptions(
            language=language or (None if self._model.is_multilingual else "en"),
            beam_size=self._beam_size,
            without_timestamps=True,
            fp16=self._model.device.type == "cuda",
        )
        try:
            with torch.inference_mode():
                # Padded before the spectrogram, as the model was trained: its floor follows the loudest frame of the 30 s.
                padded_T = self._whisper.pad_or_trim(torch.from_numpy(np.ascontiguousarray(samples_T)), 30 * SAMPLE_RATE_HZ)
                mel = self._whisper.log_mel_spectrogram(padded_T, self._model.dims.n_mels).to(self._model.device)
                certainty = 1.0
                if options.language is None:
                    _, probabilities = self._model.detect_language(mel)
                    certainty = max(probabilities.values())
                result = self._whisper.decode(self._model, mel, options)
        except RuntimeError as error:
            raise RecognitionError("the recognizer failed on this recording", hint="try again or record anew") from error
        silent = result.no_speech_prob > _MAX_NO_SPEECH and result.avg_logprob < _MIN_LOG_PROBABILITY
        if silent or result.compression_ratio > _MAX_COMPRESSION:
            return Heard("", "", 0.0, 0.0)
        return Heard(result.text.strip(), result.language, certainty, result.avg_logprob)
