"""Every kind of connector by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from types import MappingProxyType
from typing import Any, cast

import torch
from torch import nn

from assistant.errors import ConfigError
from assistant.types import Fusion
from assistant.vision.connector import Connector, WordVectors
from assistant.vision.connectors.anchored import Anchored
from assistant.vision.connectors.co_attention import CoAttention
from assistant.vision.connectors.conv_pool import ConvolutionPool
from assistant.vision.connectors.gated_cross_attention import GatedCrossAttention
from assistant.vision.connectors.grid import GridConnector
from assistant.vision.connectors.pixel_shuffle import PixelShuffle
from assistant.vision.connectors.projection import Linear, Mlp
from assistant.vision.connectors.resampler import Resampler
from assistant.vision.encoder import FeatureEncoder

_BODIES: Mapping[str, Callable[..., nn.Module]] = {
    "linear": Linear,
    "mlp": Mlp,
    "pixel_shuffle": PixelShuffle,
    "conv_pool": ConvolutionPool,
    "resampler": Resampler,
}
_AROUND: Mapping[str, Callable[..., nn.Module]] = {"gated_cross_attention": GatedCrossAttention, "co_attention": CoAttention}
_ANCHORED = ("anchored", *_AROUND)

KINDS = (*_ANCHORED, *_BODIES)
"""Their names, the default first."""
UNTRAINED: Mapping[str, Any] = MappingProxyType({"name_drawings": False})
"""Options of the default kind where no file was trained for the language model."""
FUSIONS: Mapping[str, tuple[Fusion, ...]] = MappingProxyType(
    dict.fromkeys(KINDS, ("early", "hybrid")) | {"gated_cross_attention": ("cross_attention",), "co_attention": ("co_attention",)}
)
"""Ways for pictures to reach the language model that a connector of each kind serves."""
OF_NAMES = frozenset(_ANCHORED)
"""Kinds that make something of features without levels: of the names alone."""


def build_connector(
    kind: str, encoder: FeatureEncoder, words: WordVectors, options: Mapping[str, Any] = MappingProxyType({}), *, seed: int = 0
) -> Connector:
    """A new, untrained connector between these two models.

    Args:
        kind: One of `KINDS`.
        encoder: Whose features come in.
        words: Of the language model.
        options: Keyword arguments of the kind's class; of `GridConnector` for the kinds that work on a grid's cells, and of
            `Anchored` for the kinds that work on its tokens.
        seed: Of what is not anchored.

    Raises:
        ConfigError: There is no such kind or option, or it does not fit the encoder.
    """
    if kind not in KINDS:
        raise ConfigError(f"unknown connector {kind!r}", hint=f"known: {', '.join(KINDS)}")
    whole, part = (GridConnector, _BODIES[kind]) if kind in _BODIES else (Anchored, _AROUND.get(kind))
    if unknown := options.keys() - _named(whole) - _named(part):
        known = ", ".join(sorted(_named(whole) | _named(part)))
        raise ConfigError(f"connector {kind!r} has no option {', '.join(sorted(unknown))}", hint=f"known: {known}")
    shared = {name: options[name] for name in _named(whole) & options.keys()}
    own = {name: options[name] for name in options.keys() - shared.keys()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind in _BODIES:
            module: nn.Module = GridConnector(encoder, words, partial(_BODIES[kind], **own), **shared)
        else:
            module = Anchored(encoder, words, **shared)
            module = _AROUND[kind](module, words, **own) if kind in _AROUND else module
    return cast(Connector, module)


def _named(make: Callable[..., nn.Module] | None) -> set[str]:
    if make is None:
        return set()
    return {name for name, parameter in signature(make).parameters.items() if parameter.kind is parameter.KEYWORD_ONLY}
