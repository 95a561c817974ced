"""What a decoder is made from. Tensors are read where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from assistant.language.decoder_config import DecoderConfig, corrupt
from assistant.language.gguf import StoredTensor
from assistant.language.gguf_checkpoint import GgufCheckpoint, TokenizerSource
from assistant.language.safetensors_checkpoint import SafetensorsCheckpoint


class Checkpoint(Protocol):
    """A model's tensors by llama.cpp's names, whatever file they lie in."""

    config: DecoderConfig

    def tensor(self, name: str) -> StoredTensor | None:
        """None if it is not there. Rows of q and k lie such that the rotary pairs are neighbours."""

    def tokenizer(self) -> TokenizerSource | Path:
        """Its fields, or the folder with its files."""


def open_checkpoint(source: Path) -> Checkpoint:
    """A GGUF file, or a folder with `config.json` and `*.safetensors`.

    Raises:
        WeightsMissingError: There is no such file or folder.
        WeightsCorruptError: It cannot be parsed, is cut short, or is of an architecture this decoder does not run.
    """
    return SafetensorsCheckpoint(source) if source.is_dir() else GgufCheckpoint(source)


def needed(checkpoint: Checkpoint, name: str, rows: int, columns: int) -> StoredTensor:
    """A tensor that must be there in this shape.

    Raises:
        WeightsCorruptError: It is not.
    """
    tensor = checkpoint.tensor(name)
    if tensor is None:
        raise corrupt(f"tensor {name!r} is missing")
    if (tensor.rows, tensor.columns) != (rows, columns):
        raise corrupt(f"tensor {name!r} is {tensor.rows} x {tensor.columns}, not {rows} x {columns}")
    return tensor
