"""A decoder-only transformer of the Llama and Qwen2 families, in plain torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from torch import Tensor


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """The shape of a decoder."""

    architecture: Literal["llama", "qwen2"]
    vocabulary_size: int
    width: int
    """D, of the residual stream."""
    layers: int
    heads: int
    key_value_heads: int
    head_width: int
    intermediate_width: int
    rope_theta: float
    rms_epsilon: float
    context_tokens: int
    """The longest context it was trained for."""
    tied_embeddings: bool


class KeyValueCache:
    """Keys and values of the tokens seen so far, for B sequences in step."""

    length: int
    """Positions filled, padding included."""
    capacity: int
    """Positions there is room for."""

    def truncate(self, length: int) -> None:
        """Forget all positions from `length` on.

        Raises:
            ValueError: `length` is negative or more than is filled.
        """
        raise NotImplementedError


class Decoder:
    """The weights and the forward pass. Not for two threads at once."""

    config: DecoderConfig

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1, full_precision: bool = False) -> Decoder:
        """Map a converted folder (`checkpoint.convert`).

        Args:
            folder: Holds `config.json` and `model.safetensors`.
            threads: For torch, in this process.
            full_precision: Compute in float32 even where the processor has fast bfloat16.

        Raises:
            WeightsCorruptError: The folder is not whole.
        """
        raise NotImplementedError

    def new_cache(self, *, tokens: int, batch: int = 1, padding_B: Sequence[int] = ()) -> KeyValueCache:
        """Room for `tokens` positions of `batch` sequences.

        Args:
            tokens: At most the model's `context_tokens`.
            batch: B.
            padding_B: For prompts of unequal length: how many positions at the start of each row are padding.
                Pad on the left; padding is never attended to and does not count as a position.
        """
        raise NotImplementedError

    def embed(self, token_ids_BL: Tensor) -> Tensor:
        """Token ids as embeddings, (B, L, D)."""
        raise NotImplementedError

    def forward(self, embeddings_BLD: Tensor, cache: KeyValueCache, *, all_positions: bool = False) -> Tensor:
        """Append L positions to the cache and predict what follows.

        Args:
            embeddings_BLD: Of tokens, pictures, or both; any float dtype.
            cache: Filled by L more positions.
            all_positions: Logits of each new position, not of the last alone.

        Returns:
            float32 logits, (B, V), or (B, L, V).

        Raises:
            ValueError: The cache has no room for L more positions.
        """
        raise NotImplementedError
