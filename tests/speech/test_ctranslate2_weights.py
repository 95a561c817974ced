from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import ctranslate2  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch

from assistant.errors import WeightsCorruptError, WeightsMissingError
from assistant.speech.ctranslate2_weights import dimensions, openai_state, read_config, transformers_state


def model_bin(*variables: tuple[str, np.ndarray], kind: int, version: int = 6) -> bytes:
    """A CTranslate2 file of these variables; `kind` is its number for their type."""

    def word(text: str) -> bytes:
        return struct.pack("<H", len(text) + 1) + text.encode() + b"\0"

    data = struct.pack("<I", version) + word("WhisperSpec") + struct.pack("<II", 3, len(variables))
    for name, values in variables:
        data += word(name) + struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
        data += struct.pack("<BI", kind, values.nbytes) + values.tobytes()
    return data + struct.pack("<I", 0)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a model",
        model_bin(kind=0, version=5),
        model_bin(("encoder/conv1/weight", np.zeros((2, 3), np.float32)), kind=0),
        model_bin(("encoder/conv1/weight", np.zeros((2, 3), np.int8)), kind=1),
        model_bin(("encoder/conv1/weight", np.zeros((2, 3), np.float32)), kind=0)[:-9],
        model_bin(("encoder/conv1/weight", np.zeros((2, 3), np.float32)), kind=9),
    ],
    ids=["empty", "text", "another version", "incomplete", "whole numbers", "cut off", "unknown type"],
)
def test_what_is_no_float_whisper_is_called_corrupt(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "model.bin").write_bytes(data)
    with pytest.raises(WeightsCorruptError, match=r"model\.bin"):
        openai_state(tmp_path / "model.bin")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match=r"model\.bin"):
        openai_state(tmp_path / "model.bin")
    with pytest.raises(WeightsMissingError, match=r"config\.json"):
        read_config(tmp_path)


def test_a_config_that_is_no_json_is_called_corrupt(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(WeightsCorruptError, match=r"config\.json"):
        read_config(tmp_path)


@pytest.mark.weights
def test_the_encoder_computes_in_transformers_what_it_computes_in_ctranslate2(weights_dir: Callable[[str], Path]) -> None:
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    folder = weights_dir("whisper-tiny.en")
    state = openai_state(folder / "model.bin")
    size = dimensions(state)
    assert size == {
        "n_mels": 80,
        "n_audio_ctx": 1500,
        "n_audio_state": 384,
        "n_audio_head": 6,
        "n_audio_layer": 4,
        "n_vocab": 51864,
        "n_text_ctx": 448,
        "n_text_state": 384,
        "n_text_head": 6,
        "n_text_layer": 4,
    }
    mel_BMF = np.random.default_rng(0).standard_normal((1, 80, 3000)).astype(np.float32)
    whisper = ctranslate2.models.Whisper(str(folder), compute_type="float32", intra_threads=1)
    expected = np.array(whisper.encode(ctranslate2.StorageView.from_array(mel_BMF)))

    encoder = WhisperEncoder(WhisperConfig(d_model=384, encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536))
    prefix = "model.encoder."
    named = transformers_state(state)
    encoder.load_state_dict({name.removeprefix(prefix): tensor for name, tensor in named.items() if name.startswith(prefix)})
    with torch.inference_mode():
        states = encoder.train(False)(torch.from_numpy(mel_BMF)).last_hidden_state.numpy()
    assert np.abs(states - expected).max() < 1e-2 * np.abs(expected).max()
