"""Whisper (arXiv:2212.04356) on CTranslate2 through faster-whisper, at a fraction of its usual cost for short speech.

Whisper encodes 30 s, whatever it hears, and its decoder expects to see that many states. Here the encoder gets the real frames
and one second of silence; the decoder sees 15 s, filled with states of the silence after a voice, encoded once when the model
loads. A loop is decoded again with 30 s of such states, which costs no encoding; if it still is one, it is heard the usual way.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

import ctranslate2  # type: ignore[import-untyped]
import numpy as np
from faster_whisper import WhisperModel  # type: ignore[import-untyped]
from faster_whisper.tokenizer import Tokenizer  # type: ignore[import-untyped]
from numpy.typing import NDArray

from assistant.errors import RecognitionError, WeightsCorruptError, WeightsMissingError
from assistant.protocols import VoiceActivityDetector
from assistant.speech.audio import SAMPLE_RATE_HZ
from assistant.speech.listening import Heard, listen
from assistant.types import Audio, Transcript
from assistant.worker import Worker

States: TypeAlias = NDArray[np.float32]
"""Encoder output, shape (1, positions, width); a position is 20 ms."""

_ALL_SAMPLES = 30 * SAMPLE_RATE_HZ
_ALL_POSITIONS = 1500
_SHORT_VIEW = 750
_SHORT_VIEW_SILENCE = 100
"""Positions of it that the decoder sees at least: it must see that the speech is over."""
_SAMPLES_PER_POSITION = 320
_PAD_SAMPLES = SAMPLE_RATE_HZ
_VOICE_SAMPLES = SAMPLE_RATE_HZ
_WORD_SAMPLES = int(1.5 * SAMPLE_RATE_HZ)
_LEAD_SAMPLES = int(0.4 * SAMPLE_RATE_HZ)
"""Silence before a single word, which is else misheard: it was trimmed to its first sound."""

# Whisper's own limits for "this is a loop", "this is a guess" and "nobody speaks".
_MAX_COMPRESSION = 2.4
_MIN_LOG_PROBABILITY = -1.0
_MAX_NO_SPEECH = 0.6

_TOKENS_PER_S = 12
"""Twice the densest speech measured; a text that fills it is a loop."""
_TOKENS_AT_LEAST = 24
_MAX_TOKENS = 440


class FasterWhisperRecognizer:
    """A `SpeechRecognizer`."""

    def __init__(
        self, folder: Path, *, threads: int, beam_size: int, short_context: bool, detector: VoiceActivityDetector | None
    ) -> None:
        """Load the model.

        Args:
            folder: A CTranslate2 Whisper with its `tokenizer.json`.
            threads: Of the model.
            beam_size: 1 is greedy.
            short_context: Encode the real frames only; False encodes 30 s always.
            detector: Finds the speech first; closed with the recognizer. None hears everything.

        Raises:
            WeightsMissingError: A file is not there.
            WeightsCorruptError: A file cannot be loaded.
        """
        for name in ("model.bin", "config.json", "tokenizer.json"):
            if not (folder / name).is_file():
                raise WeightsMissingError(f"{folder} holds no {name}", hint="pull the weights of the recognizer")
        try:
            model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)
        except Exception as error:  # the tokenizer's library raises no narrower class
            raise WeightsCorruptError(f"{folder.name} cannot be loaded", hint="pull the weights of the recognizer again") from error
        self._model = model.model
        self._features = model.feature_extractor
        self._vocabulary = model.hf_tokenizer
        self._languages = frozenset(model.supported_languages)
        self._beam_size = beam_size
        self._detector = detector
        self._worker = Worker("whisper")
        self._silence = self._states_of_silence() if short_context else None

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes it can hear."""
        return self._languages

    async def transcribe(self, audio: Audio, *, language: str | None = None) -> Transcript:
        """See `SpeechRecognizer.transcribe`. One segment for each stretch of speech between long pauses, 28 s at most."""
        return await listen(
            audio, self._hear, worker=self._worker, detector=self._detector, language=language, languages=self._languages
        )

    async def close(self) -> None:
        """See `SpeechRecognizer.close`."""
        await self._worker.close()
        if self._detector is not None:
            await self._detector.close()
        self._model.unload_model()

    def _hear(self, samples_T: NDArray[np.float32], language: str | None) -> Heard:
        if len(samples_T) < _WORD_SAMPLES:
            samples_T = np.pad(samples_T, (_LEAD_SAMPLES, 0))
        try:
            if self._silence is None:
                return self._hear_views(samples_T, language, [partial(self._encode, samples_T, _ALL_SAMPLES)])
            heard = self._short_states(samples_T)
            views = [partial(_filled, heard, self._silence, n) for n in (_SHORT_VIEW, _ALL_POSITIONS)]
            return self._hear_views(samples_T, language, [*views, partial(self._encode, samples_T, _ALL_SAMPLES)])
        except (RuntimeError, ValueError) as error:
            raise RecognitionError(
                "the recognizer failed on this recording", hint="try again, or send another recording"
            ) from error

    def _hear_views(self, samples_T: NDArray[np.float32], language: str | None, views: list[Callable[[], States]]) -> Heard:
        """What the first view says that reads like speech.

        Doubtful words get no better in another view, unless they were taken for another language.
        """
        best: _Decoded | None = None
        for view in views:
            states = ctranslate2.StorageView.from_array(view())
            spoken, certainty = (language, 1.0) if language else self._language(states)
            if best is not None and spoken == best.language:
                break
            decoded = self._decode(states, spoken, certainty, len(samples_T) / SAMPLE_RATE_HZ)
            if decoded.is_speech and (best is None or decoded.log_probability > best.log_probability):
                best = decoded
            if best is not None and best.log_probability >= _MIN_LOG_PROBABILITY:
                break
        if best is None:
            return Heard("", "", 0.0, 0.0)
        return Heard(best.text, best.language, best.language_probability, best.log_probability)

    def _language(self, states: ctranslate2.StorageView) -> tuple[str, float]:
        if not self._model.is_multilingual:
            return "en", 1.0
        token, probability = self._model.detect_language(states)[0][0]
        return token.removeprefix("<|").removesuffix("|>"), float(probability)

    def _decode(self, states: ctranslate2.StorageView, language: str, certainty: float, duration_s: float) -> _Decoded:
        tokenizer = Tokenizer(self._vocabulary, self._model.is_multilingual, task="transcribe", language=language)
        prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
        room = min(_MAX_TOKENS, int(_TOKENS_AT_LEAST + _TOKENS_PER_S * duration_s))
        result = self._model.generate(
            states,
            [prompt],
            beam_size=self._beam_size,
            max_length=len(prompt) + room,
            return_scores=True,
            return_no_speech_prob=True,
        )[0]
        tokens = result.sequences_ids[0]
        return _Decoded(
            tokenizer.decode(tokens).strip(),
            language,
            certainty,
            result.scores[0] * len(tokens) / (len(tokens) + 1),
            result.no_speech_prob,
            len(tokens) >= room - 1,
        )

    def _encode(self, samples_T: NDArray[np.float32], padded_samples: int) -> States:
        features = self._features(samples_T, padding=max(0, padded_samples - len(samples_T)))
        features = features[:, : min(padded_samples, _ALL_SAMPLES) // 160]
        encoded = self._model.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(features[None], np.float32)))
        return np.array(encoded, np.float32)

    def _short_states(self, samples_T: NDArray[np.float32]) -> States:
        """States of the real frames and the second behind them."""
        padded = -(-(len(samples_T) + _PAD_SAMPLES) // _SAMPLES_PER_POSITION) * _SAMPLES_PER_POSITION
        return self._encode(samples_T, min(padded, _ALL_SAMPLES))

    def _states_of_silence(self) -> States:
        """Of 30 s that begin with a second of something like a voice.

        Silence that follows no voice makes the decoder say the words again and again. The voice's own states are never seen:
        the shortest sound with its pads is longer.
        """
        t = np.arange(_VOICE_SAMPLES) / SAMPLE_RATE_HZ
        glide = np.sin(2 * np.pi * 1.3 * t)
        tones = [np.sin(2 * np.pi * 120 * k * t + 3 / 8 * k * glide) / k for k in range(1, 25)]
        syllables = 0.5 + 0.5 * np.sin(2 * np.pi * 3 * t)
        return self._encode((0.1 * syllables * sum(tones)).astype(np.float32), _ALL_SAMPLES)


def _filled(states: States, silence: States, positions: int) -> States:
    """The states, then silence up to so many positions, or a little more where the sound is long."""
    real = states.shape[1]
    view = min(_ALL_POSITIONS, max(positions, real + _SHORT_VIEW_SILENCE))
    return np.ascontiguousarray(np.concatenate([states, silence[:, real:view]], axis=1))


class _Decoded:
    """One attempt at a window."""

    def __init__(
        self, text: str, language: str, language_probability: float, log_probability: float, no_speech: float, is_cut: bool
    ) -> None:
        self.text = text
        self.language = language
        self.language_probability = language_probability
        self.log_probability = log_probability
        self.is_loop = is_cut or _compression(text) > _MAX_COMPRESSION
        self.is_silence = not text or (no_speech > _MAX_NO_SPEECH and log_probability < _MIN_LOG_PROBABILITY)

    @property
    def is_speech(self) -> bool:
        """It may be wrong, but it reads like something said."""
        return not self.is_loop and not self.is_silence


def _compression(text: str) -> float:
    """How well a text packs: repeated text packs well."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0
