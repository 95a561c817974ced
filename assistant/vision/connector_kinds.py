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
from assistant.vision.connector import Connector, WordVectors
from assistant.vision.connectors.anchored import Anchored
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
_WHOLE: Mapping[str, Callable[..., nn.Module]] = {"anchored": Anchored, "gated_cross_attention": GatedCrossAttention}

KINDS = (*_WHOLE, *_BODIES)
"""Their names, the default first."""


def build_connector(
    kind: str, encoder: FeatureEncoder, words: WordVectors, options: Mapping[str, Any] = MappingProxyType({}), *, seed: int = 0
) -> Connector:
    """A new, untrained connector between these two models.

    Args:
        kind: One of `KINDS`.
        encoder: Whose features come in.
        words: Of the language model.
        options: Keyword arguments of the kind's class, and of `GridConnector` for the kinds that work on a grid's cells.
        seed: Of what is not anchored.

    Raises:
        ConfigError: There is no such kind or option, or it does not fit the encoder.
    """
    if kind not in KINDS:
        raise ConfigError(f"unknown connector {kind!r}", hint=f"known: {', '.join(KINDS)}")
    own, shared = dict(options), dict[str, Any]()
    if kind in _BODIES:
        shared = {name: own.pop(name) for name in _named(GridConnector) & own.keys()}
    make = _BODIES.get(kind) or _WHOLE[kind]
    if unknown := own.keys() - _named(make):
        known = ", ".join(sorted(_named(make) | (_named(GridConnector) if kind in _BODIES else set())))
        raise ConfigError(f"connector {kind!r} has no option {', '.join(sorted(unknown))}", hint=f"known: {known}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = GridConnector(encoder, words, partial(make, **own), **shared) if kind in _BODIES else make(encoder, words, **own)
    return cast(Connector, module)


def _named(make: Callable[..., nn.Module]) -> set[str]:
    return {name for name, parameter in signature(make).parameters.items() if parameter.kind is parameter.KEYWORD_ONLY}
