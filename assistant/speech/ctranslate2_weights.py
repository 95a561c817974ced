"""A CTranslate2 Whisper read as plain tensors, named as openai-whisper or transformers name them.

So that one verified download serves every Whisper engine, on a CPU or a GPU.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from assistant.errors import WeightsCorruptError, WeightsMissingError

_TYPES: Mapping[int, type[np.generic]] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
_VERSION = 6
_HEAD_WIDTH = 64
"""The same in every Whisper (arXiv:2212.04356, table 1)."""

_TO_TRANSFORMERS = (
    ("encoder.positional_embedding", "encoder.embed_positions.weight"),
    ("decoder.positional_embedding", "decoder.embed_positions.weight"),
    ("decoder.token_embedding", "decoder.embed_tokens"),
    ("encoder.ln_post", "encoder.layer_norm"),
    ("decoder.ln.", "decoder.layer_norm."),
    (".blocks.", ".layers."),
    (".cross_attn_ln", ".encoder_attn_layer_norm"),
    (".attn_ln", ".self_attn_layer_norm"),
    (".mlp_ln", ".final_layer_norm"),
    (".cross_attn.", ".encoder_attn."),
    (".attn.", ".self_attn."),
    (".query.", ".q_proj."),
    (".key.", ".k_proj."),
    (".value.", ".v_proj."),
    (".out.", ".out_proj."),
    (".mlp.0.", ".fc1."),
    (".mlp.2.", ".fc2."),
)


def read_config(folder: Path) -> Mapping[str, Any]:
    """The folder's `config.json`: `suppress_ids`, `suppress_ids_begin`, `lang_ids`.

    Raises:
        WeightsMissingError: There is none.
        WeightsCorruptError: It is not JSON.
    """
    try:
        config: Mapping[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsMissingError(f"{folder} holds no config.json", hint="pull the weights of the recognizer") from error
    except ValueError as error:
        raise WeightsCorruptError(
            f"{folder / 'config.json'} is not JSON", hint="pull the weights of the recognizer again"
        ) from error
    return config


def openai_state(file: Path) -> dict[str, torch.Tensor]:
    """The weights of a `model.bin` in float32 under openai-whisper's names.

    Raises:
        WeightsMissingError: There is no such file.
        WeightsCorruptError: It is no CTranslate2 Whisper of float weights.
    """
    try:
        return _renamed(_read(file.read_bytes()))
    except FileNotFoundError as error:
        raise WeightsMissingError(f"there is no {file}", hint="pull the weights of the recognizer") from error
    except (KeyError, ValueError, struct.error, UnicodeDecodeError) as error:
        message = f"{file.name} is no CTranslate2 Whisper of float weights"
        raise WeightsCorruptError(message, hint="pull the weights of the recognizer again") from error


def transformers_state(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same weights under the names of transformers' `WhisperForConditionalGeneration`."""
    renamed = {}
    for name, tensor in state.items():
        for old, new in _TO_TRANSFORMERS:
            name = name.replace(old, new)
        renamed["model." + name] = tensor
    renamed["proj_out.weight"] = renamed["model.decoder.embed_tokens.weight"]
    return renamed


def dimensions(state: Mapping[str, torch.Tensor]) -> dict[str, int]:
    """The sizes of a model under openai-whisper's names, as its `ModelDimensions` wants them."""
    audio_context, width = state["encoder.positional_embedding"].shape
    vocabulary, text_width = state["decoder.token_embedding.weight"].shape
    return {
        "n_mels": state["encoder.conv1.weight"].shape[1],
        "n_audio_ctx": audio_context,
        "n_audio_state": width,
        "n_audio_head": width // _HEAD_WIDTH,
        "n_audio_layer": _layers(state, "encoder"),
        "n_vocab": vocabulary,
        "n_text_ctx": state["decoder.positional_embedding"].shape[0],
        "n_text_state": text_width,
        "n_text_head": text_width // _HEAD_WIDTH,
        "n_text_layer": _layers(state, "decoder"),
    }


def _layers(state: Mapping[str, torch.Tensor], side: str) -> int:
    return 1 + max(int(name.split(".")[2]) for name in state if name.startswith(f"{side}.blocks."))


def _read(data: bytes) -> dict[str, torch.Tensor]:
    """All variables of a model.bin of version 6: name, rank, dimensions, type, bytes; then aliases."""
    position = 0

    def number(code: str) -> int:
        nonlocal position
        value: int = struct.unpack_from("<" + code, data, position)[0]
        position += struct.calcsize("<" + code)
        return value

    def word() -> str:
        nonlocal position
        length = number("H")
        text = data[position : position + length - 1].decode()
        position += length
        return text

    version = number("I")
    if version != _VERSION or word() != "WhisperSpec":
        raise ValueError(f"version {version} is not {_VERSION}, or not a Whisper")
    number("I")
    variables: dict[str, torch.Tensor] = {}
    for _ in range(number("I")):
        name = word()
        shape = [number("I") for _ in range(number("B"))]
        kind = np.dtype(_TYPES[number("B")])
        size_bytes = number("I")
        values = np.frombuffer(data, kind, size_bytes // kind.itemsize, position).reshape(shape)
        position += size_bytes
        if kind.kind == "f":
            variables[name] = torch.from_numpy(values.astype(np.float32))
    for _ in range(number("I")):
        alias, name = word(), word()
        if name in variables:
            variables[alias] = variables[name]
    return variables


def _renamed(variables: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = {}

    def copy(target: str, source: str, names: Mapping[str, str] | None = None) -> None:
        for new, old in (names or {"weight": "weight", "bias": "bias"}).items():
            state[f"{target}.{new}"] = variables[f"{source}/{old}"]

    def copy_norm(target: str, source: str) -> None:
        copy(target, source, {"weight": "gamma", "bias": "beta"})

    def split(target: str, source: str, names: tuple[str, ...]) -> None:
        """CTranslate2 stacks the projections that read the same input; a key has no bias in Whisper."""
        weights = variables[source + "/weight"].chunk(len(names))
        biases = variables[source + "/bias"].chunk(len(names))
        for name, weight, bias in zip(names, weights, biases, strict=True):
            state[f"{target}.{name}.weight"] = weight.clone()
            if name != "key":
                state[f"{target}.{name}.bias"] = bias.clone()

    for convolution in ("conv1", "conv2"):
        copy(f"encoder.{convolution}", f"encoder/{convolution}")
    state["encoder.positional_embedding"] = variables["encoder/position_encodings/encodings"]
    state["decoder.positional_embedding"] = variables["decoder/position_encodings/encodings"]
    state["decoder.token_embedding.weight"] = variables["decoder/embeddings/weight"]
    copy_norm("encoder.ln_post", "encoder/layer_norm")
    copy_norm("decoder.ln", "decoder/layer_norm")
    for side in ("encoder", "decoder"):
        layer = 0
        while f"{side}/layer_{layer}/ffn/linear_0/weight" in variables:
            source, target = f"{side}/layer_{layer}", f"{side}.blocks.{layer}"
            split(f"{target}.attn", f"{source}/self_attention/linear_0", ("query", "key", "value"))
            copy(f"{target}.attn.out", f"{source}/self_attention/linear_1")
            copy_norm(f"{target}.attn_ln", f"{source}/self_attention/layer_norm")
            if side == "decoder":
                split(f"{target}.cross_attn", f"{source}/attention/linear_0", ("query",))
                split(f"{target}.cross_attn", f"{source}/attention/linear_1", ("key", "value"))
                copy(f"{target}.cross_attn.out", f"{source}/attention/linear_2")
                copy_norm(f"{target}.cross_attn_ln", f"{source}/attention/layer_norm")
            copy(f"{target}.mlp.0", f"{source}/ffn/linear_0")
            copy(f"{target}.mlp.2", f"{source}/ffn/linear_1")
            copy_norm(f"{target}.mlp_ln", f"{source}/ffn/layer_norm")
            layer += 1
    return state
