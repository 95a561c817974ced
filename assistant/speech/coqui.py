"""Speech with Coqui TTS: in this process where the package can be imported, else from a running `tts-server`."""

from __future__ import annotations

import importlib
import io
import wave
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from assistant.errors import MissingDependencyError, SynthesisError, WeightsError
from assistant.speech.pieces import check_request, finished, phrases
from assistant.types import Audio
from assistant.worker import Worker

_MAX_CHARACTERS = 200
_TIMEOUT_S = 60.0

Speak = Callable[[str, str, str | None], tuple[NDArray[np.float32], int]]
"""Text, language and speaker to samples and their rate."""


class CoquiSynthesizer:
    """Speaks with any model Coqui has; the speed is changed afterwards, for few of its models know one."""

    def __init__(
        self,
        *,
        url: str | None = None,
        model: str | None = None,
        languages: frozenset[str] = frozenset({"en"}),
        voices: tuple[str, ...] = ("",),
        device: str = "cpu",
    ) -> None:
        """Connect, or load the model.

        Args:
            url: Of a running `tts-server`; with it nothing is imported.
            model: A Coqui model name, or the folder of one, to load in this process.
            languages: That the model speaks.
            voices: Speaker names of the model; "" is its only one.
            device: Where the model of this process runs.

        Raises:
            MissingDependencyError: There is neither a URL nor an importable `TTS`.
            WeightsError: Coqui could not load the model.
        """
        self.languages = languages
        self.voices = voices
        self._client: httpx.Client | None = None
        self._speak: Speak
        if url is not None:
            self._client = httpx.Client(base_url=url, timeout=_TIMEOUT_S)
            self._speak = self._over_http
        else:
            self._speak = _in_process(model or "tts_models/en/ljspeech/vits", device)
        self._worker = Worker("coqui")

    def synthesize(self, text: str, *, language: str, voice: str | None = None, speed: float = 1.0) -> AsyncGenerator[Audio, None]:
        """The text aloud at the model's rate, a sentence or long clause a piece."""
        check_request(language, voice, speed, languages=self.languages, voices=self.voices)
        return self._worker.stream(lambda: self._pieces(text, language, voice or self.voices[0] or None, speed))

    def _pieces(self, text: str, language: str, voice: str | None, speed: float) -> Iterator[Audio]:
        for phrase in phrases(text, max_characters=_MAX_CHARACTERS):
            samples_T, sample_rate_hz = self._speak(phrase, language, voice)
            if len(samples_T):
                yield finished(stretched(samples_T, speed), sample_rate_hz, phrase, speed=speed)

    def _over_http(self, text: str, language: str, voice: str | None) -> tuple[NDArray[np.float32], int]:
        assert self._client is not None
        query = {"text": text, "speaker_id": voice or "", "language_id": language, "style_wav": ""}
        try:
            reply = self._client.get("/api/tts", params=query)
            reply.raise_for_status()
            return _from_wav(reply.content)
        except (httpx.HTTPError, wave.Error, EOFError, ValueError) as error:
            raise SynthesisError(
                f"the Coqui server did not speak: {error}", hint=f"is `tts-server` running at {self._client.base_url}?"
            ) from error

    async def close(self) -> None:
        """Free the model or the connection."""
        await self._worker.close()
        if self._client is not None:
            self._client.close()


def _in_process(model: str, device: str) -> Speak:
    try:
        # Any: the package need not be there when types are checked.
        api: Any = importlib.import_module("TTS.api")
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"Coqui TTS cannot be imported: {error}",
            hint="pip install 'assistant[coqui]' (it needs torchaudio and torchcodec built for your torch), "
            "or run `tts-server` and set synthesizer.url",
        ) from error
    try:
        engine = api.TTS(model).to(device)
    except Exception as error:
        raise WeightsError(f"Coqui could not load {model}: {error}", hint="`tts --list_models` names the models") from error

    def speak(text: str, language: str, voice: str | None) -> tuple[NDArray[np.float32], int]:
        try:
            samples = engine.tts(text, speaker=voice, language=language if engine.is_multi_lingual else None)
        except Exception as error:
            raise SynthesisError(f"Coqui could not speak: {error}", hint="the text of the reply still stands") from error
        return np.asarray(samples, np.float32), int(engine.synthesizer.output_sample_rate)

    return speak


def _from_wav(content: bytes) -> tuple[NDArray[np.float32], int]:
    with wave.open(io.BytesIO(content)) as reader:
        if reader.getsampwidth() != 2:
            raise ValueError(f"expected 16-bit samples, got {8 * reader.getsampwidth()}")
        pcm_T = np.frombuffer(reader.readframes(reader.getnframes()), "<i2").reshape(-1, reader.getnchannels())
        return (pcm_T.mean(1) / 32768.0).astype(np.float32), reader.getframerate()


def stretched(samples_T: NDArray[np.float32], speed: float) -> NDArray[np.float32]:
    """The sound `speed` times as fast at the same pitch, by overlapping 40 ms windows where they match best (WSOLA, 1993)."""
    if speed == 1.0 or len(samples_T) < 2048:
        return samples_T
    size, hop, reach = 1024, 512, 256
    fade = np.hanning(size + 1)[:size].astype(np.float32)
    count = int(len(samples_T) / speed) // hop
    padded_T = np.pad(samples_T, (0, int(hop * speed) + size + 2 * reach))
    out_T = np.zeros((count + 1) * hop + size, np.float32)
    position = 0
    for index in range(count):
        out_T[index * hop : index * hop + size] += fade * padded_T[position : position + size]
        expected_T = padded_T[position + hop : position + hop + size]
        start = max(0, int((index + 1) * hop * speed) - reach)
        nearby_T = padded_T[start : start + size + 2 * reach]
        if len(nearby_T) < size or len(expected_T) < size:
            break
        position = start + int(np.correlate(nearby_T, expected_T, "valid").argmax())
    return out_T[: int(len(samples_T) / speed)]
