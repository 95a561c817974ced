"""The shape of a decoder, as its checkpoint says it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from assistant.errors import WeightsCorruptError


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


def checked_config(**fields: Any) -> DecoderConfig:
    """A config of what a file says.

    Raises:
        WeightsCorruptError: A size is no whole number or out of bounds, or the architecture is none that is run here.
    """
    config = DecoderConfig(**fields)
    sizes = (config.vocabulary_size, config.width, config.layers, config.heads, config.key_value_heads, config.intermediate_width)
    if config.architecture not in ("llama", "qwen2"):
        raise corrupt(f"architecture {config.architecture!r} is not supported")
    if not all(isinstance(size, int) for size in (*sizes, config.head_width, config.context_tokens)):
        raise corrupt(f"sizes are not whole numbers: {config}")
    if not all(0 < size <= 1 << 20 for size in (*sizes, config.context_tokens)) or config.layers > 1024:
        raise corrupt(f"sizes out of bounds: {config}")
    if config.heads % config.key_value_heads or config.head_width % 2 or not 0 < config.head_width <= 1024:
        raise corrupt(f"the heads do not fit together: {config}")
    if not 0 < config.rms_epsilon < 1 or not 1 < config.rope_theta < 1e12:
        raise corrupt(f"constants out of bounds: {config}")
    return config


def corrupt(message: str) -> WeightsCorruptError:
    """The error of a checkpoint that cannot be used."""
    return WeightsCorruptError(message, hint="pull the model's weights again, or choose a Llama or Qwen2 model")
