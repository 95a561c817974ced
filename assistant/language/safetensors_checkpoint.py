"""A model in a folder with `config.json` and `*.safetensors`, as transformers saves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from assistant.errors import WeightsMissingError
from assistant.language.decoder_config import checked_config, corrupt
from assistant.language.gguf import BlockType, StoredTensor, side_by_side

CONFIG_FILE = "config.json"

_FOLDER_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
_FOLDER_TYPES = {torch.float32: BlockType.F32, torch.float16: BlockType.F16, torch.bfloat16: BlockType.BF16}


class SafetensorsCheckpoint:
    """The tensors stay in the mapped files, but for q and k, whose rows are copied into another order."""

    def __init__(self, folder: Path) -> None:
        """Read what the folder says of the model.

        Raises:
            WeightsMissingError: There is no such folder, or nothing in it.
            WeightsCorruptError: It is damaged, or of a model that is not run here.
        """
        if not (folder / CONFIG_FILE).is_file() or not any(folder.glob("*.safetensors")):
            raise WeightsMissingError(f"there is no checkpoint at {folder}", hint="pull the model's weights first")
        self._folder = folder
        self._files: dict[str, Any] = {}
        try:
            given = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
            if not isinstance(given, dict):
                raise corrupt(f"{folder / CONFIG_FILE} is not a JSON object")
            for path in sorted(folder.glob("*.safetensors")):
                opened: Any = safe_open(path, framework="pt")
                self._files |= dict.fromkeys(opened.keys(), opened)
        except (SafetensorError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise corrupt(f"{folder}: {error}") from error
        try:
            rope = given.get("rope_parameters") or {"rope_theta": given.get("rope_theta", 10_000.0)}
            if rope.get("rope_type", "default") != "default" or given.get("rope_scaling"):
                raise corrupt("scaled rotary positions are not supported")
            heads = given["num_attention_heads"]
            self.config = checked_config(
                architecture=given["model_type"],
                vocabulary_size=given["vocab_size"],
                width=given["hidden_size"],
                layers=given["num_hidden_layers"],
                heads=heads,
                key_value_heads=given.get("num_key_value_heads") or heads,
                head_width=given.get("head_dim") or given["hidden_size"] // heads,
                intermediate_width=given["intermediate_size"],
                rope_theta=float(rope["rope_theta"]),
                rms_epsilon=given["rms_norm_eps"],
                context_tokens=given["max_position_embeddings"],
                tied_embeddings=bool(given.get("tie_word_embeddings", False)),
            )
        except (KeyError, TypeError, ValueError, ZeroDivisionError, AttributeError) as error:
            raise corrupt(f"{folder / CONFIG_FILE}: {error!r}") from error

    def tokenizer(self) -> Path:
        """The folder, for `tokenizer.json`."""
        return self._folder

    def tensor(self, name: str) -> StoredTensor | None:
        """By llama.cpp's name; q and k rows such that the rotary pairs lie side by side. None if it is not there."""
        if name == "output.weight" and self.config.tied_embeddings:
            return None
        stored = self._name(name)
        if stored not in self._files:
            return None
        tensor: Tensor = self._files[stored].get_tensor(stored)
        if tensor.dtype not in _FOLDER_TYPES or tensor.dim() > 2:
            raise corrupt(f"{stored!r} is {tensor.dtype} of shape {tuple(tensor.shape)}")
        rows: NDArray[np.uint8] = tensor.reshape(-1, tensor.shape[-1]).contiguous().view(torch.uint8).numpy()
        matrix = StoredTensor(_FOLDER_TYPES[tensor.dtype], rows, tensor.shape[-1])
        return side_by_side(matrix, self.config.head_width) if ".attn_q." in name or ".attn_k." in name else matrix

    @staticmethod
    def _name(name: str) -> str:
        match name.split("."):
            case ["blk", index, part, kind]:
                return f"model.layers.{index}.{_FOLDER_NAMES[part]}.{kind}"
            case ["token_embd", kind]:
                return f"model.embed_tokens.{kind}"
            case ["output_norm", kind]:
                return f"model.norm.{kind}"
            case _:
                return "lm_head.weight"
