"""A model's own embeddings of words: what pictures are made of that a language model shall read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from assistant.language.checkpoint import Checkpoint, needed
from assistant.language.tokenizer import Tokenizer


class CheckpointWords:
    """Words looked up in a checkpoint, without its decoder."""

    def __init__(self, checkpoint: Checkpoint, tokenizer: Tokenizer, *, sha256: str) -> None:
        """Find the table; nothing of it is read yet.

        Args:
            checkpoint: See `open_checkpoint`.
            tokenizer: Its own.
            sha256: Of its file.

        Raises:
            WeightsCorruptError: It has no table of embeddings.
        """
        config = checkpoint.config
        self._table = needed(checkpoint, "token_embd.weight", config.vocabulary_size, config.width)
        self._tokenizer = tokenizer
        self.sha256 = sha256
        self.width = config.width
        """Of an embedding."""
        self.layers = config.layers
        """Of the decoder."""

    def __call__(self, text: str) -> Tensor:
        """The embeddings of a text's tokens, float32 (N, D)."""
        ids = np.array(self._tokenizer.encode(text), np.int64)
        return torch.from_numpy(self._table.take(ids).dequantize()) if len(ids) else torch.zeros(0, self.width)


def weights_sha256(source: Path) -> str:
    """Of a GGUF file, or of all safetensors of a folder one after the other; a second for a gigabyte."""
    digest = hashlib.sha256()
    for path in sorted(source.glob("*.safetensors")) if source.is_dir() else [source]:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()
