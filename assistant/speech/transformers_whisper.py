"""Whisper on transformers: any local Hugging Face folder, or the default engine's CTranslate2 weights; a GPU where there is one."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import GenerationConfig, GenerationMixin, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

from assistant.errors import RecognitionError, WeightsCorruptError, WeightsMissingError
from assistant.protocols import VoiceActivityDetector
from assistant.speech.audio import SAMPLE_RATE_HZ
from assistant.speech.ctranslate2_weights import dimensions, openai_state, read_config, transformers_state
from assistant.speech.listening import Heard, listen
from assistant.types import Audio, Transcript
from assistant.worker import Worker

_MAX_COMPRESSION = 2.4
_MAX_NEW_TOKENS = 224


class TransformersWhisperRecognizer:
    """A `SpeechRecognizer`."""

    def __init__(
        self,
        folder: Path,
        *,
        threads: int = 1,
        device: str = "auto",
        beam_size: int = 1,
        detector: VoiceActivityDetector | None = None,
    ) -> None:
        """Load the model.

        Args:
            folder: A Hugging Face Whisper with `tokenizer.json`, or a CTranslate2 one of float weights.
            threads: Of torch, for the whole process; a GPU needs none.
            device: As torch names it; "auto" takes a GPU where there is one.
            beam_size: 1 is greedy.
            detector: Finds the speech first; closed with the recognizer. None hears everything.

        Raises:
            WeightsMissingError: A file is not there.
            WeightsCorruptError: A file cannot be loaded.
        """
        if not (folder / "tokenizer.json").is_file():
            raise WeightsMissingError(f"{folder} holds no tokenizer.json", hint="pull the weights of the recognizer")
        self._device = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
        self._dtype = torch.float16 if self._device.startswith("cuda") else torch.float32
        torch.set_num_threads(threads)
        try:
            self._tokenizer = _tokenizer(folder / "tokenizer.json")
            if (folder / "model.bin").is_file():
                model = _from_ctranslate2(folder, self._tokenizer)
            else:
                model = WhisperForConditionalGeneration.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise WeightsCorruptError(f"{folder.name} cannot be loaded", hint="pull the weights of the recognizer again") from error
        self._model = cast(Any, model).to(self._device, self._dtype).train(False)
        self._model.generation_config.max_length = None  # a published folder says 448, prompt included
        extractor = cast(Any, WhisperFeatureExtractor)
        self._features: Any = extractor(feature_size=model.config.num_mel_bins)
        tokens = getattr(model.generation_config, "lang_to_id", None) or {}
        self._codes = {number: token.strip("<|>") for token, number in tokens.items()}
        self._languages = frozenset(self._codes.values()) or frozenset({"en"})
        self._beam_size = beam_size
        self._detector = detector
        self._worker = Worker("transformers-whisper")

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
        try:
            with torch.inference_mode():
                mel_BMF = self._features(samples_T, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt").input_features
                return self._decode(self._model.get_encoder()(mel_BMF.to(self._device, self._dtype)), language)
        except RuntimeError as error:
            raise RecognitionError("the recognizer failed on this recording", hint="try again or record anew") from error

    def _decode(self, encoded: Any, language: str | None) -> Heard:
        start = self._model.generation_config.decoder_start_token_id
        prompt, certainty = [start], 1.0
        if self._codes:
            if language is None:
                language, certainty = self._language(encoded, start)
            prompt += [self._tokenizer.token_to_id(f"<|{language}|>"), self._tokenizer.token_to_id("<|transcribe|>")]
        prompt.append(self._tokenizer.token_to_id("<|notimestamps|>"))
        # Whisper's own `generate` cuts long recordings into windows, which `listen` has done, and warns about its own arguments.
        generated: Any = GenerationMixin.generate(
            self._model,
            encoder_outputs=encoded,
            decoder_input_ids=torch.tensor([prompt], device=self._device),
            num_beams=self._beam_size,
            do_sample=False,
            max_new_tokens=_MAX_NEW_TOKENS,
            return_dict_in_generate=True,
            output_scores=True,
        )
        scores = self._model.compute_transition_scores(
            generated.sequences, generated.scores, getattr(generated, "beam_indices", None), normalize_logits=self._beam_size == 1
        )
        text: str = self._tokenizer.decode(generated.sequences[0].tolist(), skip_special_tokens=True).strip()
        raw = text.encode()
        if not raw or len(raw) / len(zlib.compress(raw)) > _MAX_COMPRESSION:
            return Heard("", "", 0.0, 0.0)
        finite = scores[0][torch.isfinite(scores[0])]
        return Heard(text, language or "en", certainty, float(finite.mean()) if len(finite) else 0.0)

    def _language(self, encoded: Any, start: int) -> tuple[str, float]:
        numbers = list(self._codes)
        logits_L = self._model(encoder_outputs=encoded, decoder_input_ids=torch.tensor([[start]], device=self._device)).logits[
            0, -1
        ]
        probability, index = logits_L[numbers].float().softmax(-1).max(-1)
        return self._codes[numbers[int(index)]], float(probability)


def _tokenizer(file: Path) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises no narrower class
        raise ValueError(f"{file.name} is no tokenizer") from error


def _from_ctranslate2(folder: Path, tokenizer: Tokenizer) -> WhisperForConditionalGeneration:
    state = openai_state(folder / "model.bin")
    size, config = dimensions(state), read_config(folder)
    special: Mapping[str, int] = tokenizer.get_vocab(with_added_tokens=True)
    end, start = special["<|endoftext|>"], special["<|startoftranscript|>"]
    model = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=size["n_vocab"],
            num_mel_bins=size["n_mels"],
            d_model=size["n_audio_state"],
            encoder_layers=size["n_audio_layer"],
            encoder_attention_heads=size["n_audio_head"],
            encoder_ffn_dim=4 * size["n_audio_state"],
            decoder_layers=size["n_text_layer"],
            decoder_attention_heads=size["n_text_head"],
            decoder_ffn_dim=4 * size["n_text_state"],
            max_source_positions=size["n_audio_ctx"],
            max_target_positions=size["n_text_ctx"],
            decoder_start_token_id=start,
            bos_token_id=end,
            eos_token_id=end,
            pad_token_id=end,
        )
    )
    model.load_state_dict(transformers_state(state))
    multilingual = size["n_vocab"] >= 51865  # the English-only vocabulary is one shorter
    generation: dict[str, Any] = {"is_multilingual": multilingual}
    if multilingual:
        generation["lang_to_id"] = {tokenizer.id_to_token(number): number for number in config["lang_ids"]}
        generation["task_to_id"] = {task: special[f"<|{task}|>"] for task in ("transcribe", "translate")}
    make_generation_config: Any = GenerationConfig
    model.generation_config = make_generation_config(
        decoder_start_token_id=start,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        suppress_tokens=list(config["suppress_ids"]),
        begin_suppress_tokens=list(config["suppress_ids_begin"]),
        no_timestamps_token_id=special["<|notimestamps|>"],
        **generation,
    )
    return model
