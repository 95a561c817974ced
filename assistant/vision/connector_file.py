"""A trained connector as one file: safetensors, its manifest as JSON in the header. Nothing in it is run.

It fits one encoder and one language model, and is refused for any other: their widths may agree and the reply be nonsense.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from assistant.errors import ConfigError, WeightsCorruptError, WeightsMismatchError, WeightsMissingError
from assistant.types import Fusion
from assistant.vision.connector import Connector, WordVectors
from assistant.vision.connector_kinds import FUSIONS, KINDS, build_connector
from assistant.vision.encoder import FeatureEncoder

TRAINED = Path(__file__).parent / "trained"
"""Where the shipped files lie, one for a language model."""
SCHEMA = 1
_KEY = "manifest"
_CONNECTOR, _ADAPTER = "connector.", "adapter."
_SMALL = 4096
"""Tensors up to so many numbers (gains, markers, temperatures) keep their float32; the others become bfloat16."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a connector is, what it fits, and how it came to be."""

    kind: str
    options: Mapping[str, Any]
    encoder_sha256: str
    normalisation: str
    language_model_sha256: str
    tokens: int
    """Of a picture in which no detector found anything."""
    encoder_name: str = ""
    """By name, for people."""
    language_model_name: str = ""
    template: str = "chatml"
    """The chat template it was trained in."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Data, steps, seed: what it takes to train it again."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True, eq=False)
class LoadedConnector:
    """All that a file holds."""

    connector: Connector
    manifest: Manifest
    adapters: Mapping[str, Tensor]
    """Low-rank changes to the language model, by names of its own; empty where it was left alone."""


def describe(
    kind: str,
    options: Mapping[str, Any],
    connector: Connector,
    encoder: FeatureEncoder,
    words: WordVectors,
    **more: Any,
) -> Manifest:
    """The manifest of a connector that `build_connector` made of these.

    Args:
        kind: As given to `build_connector`.
        options: As given to `build_connector`.
        connector: What it made.
        encoder: Whose features come in.
        words: Of the language model.
        **more: Other fields of `Manifest`.
    """
    with torch.no_grad():
        (tokens_ND,) = connector(encoder.encode([np.full((64, 64, 3), 127, np.uint8)]))
    return Manifest(kind, dict(options), encoder.sha256, encoder.normalisation, words.sha256, len(tokens_ND), **more)


def save_connector(path: Path, connector: Connector, manifest: Manifest, *, adapters: Mapping[str, Tensor] | None = None) -> None:
    """Write the file, whole or not at all."""
    tensors = {_CONNECTOR + name: tensor for name, tensor in connector.state_dict().items()}
    tensors |= {_ADAPTER + name: tensor for name, tensor in (adapters or {}).items()}
    stored = {
        name: tensor.detach().cpu().to(torch.bfloat16 if tensor.numel() > _SMALL else torch.float32).contiguous()
        for name, tensor in tensors.items()
    }
    draft = path.with_suffix(f".{os.getpid()}.part")
    save_file(stored, draft, {_KEY: json.dumps(asdict(manifest), ensure_ascii=False)})
    draft.replace(path)


def read_manifest(path: Path) -> Manifest:
    """What a file says of itself.

    Raises:
        WeightsMissingError: There is no such file.
        WeightsCorruptError: It is no connector.
    """
    return _read(path)[0]


def shipped_connector(language_model: str) -> Path | None:
    """The file that ships for a language model of the catalogue, if there is one."""
    path = TRAINED / f"{language_model}.safetensors"
    return path if path.is_file() else None


def read_adapters(path: Path) -> dict[str, Tensor]:
    """The low-rank changes to the language model: `NAME.down` (r, in) and `NAME.up` (out, r) for each changed matrix.

    Raises:
        WeightsMissingError: There is no such file.
        WeightsCorruptError: It is no connector.
    """
    return _adapters(_read(path)[1])


def check_pair(path: Path, *, encoder_sha256: str, language_model_sha256: str) -> None:
    """Refuse a file that does not fit, before either model is loaded.

    Raises:
        WeightsMissingError: There is no such file.
        WeightsCorruptError: It is no connector.
        WeightsMismatchError: It was trained for another encoder or another language model.
    """
    manifest = read_manifest(path)
    _refuse(path, "encoder", manifest.encoder_name, manifest.encoder_sha256, encoder_sha256)
    _refuse(path, "language model", manifest.language_model_name, manifest.language_model_sha256, language_model_sha256)


def fusions_of(path: Path | None) -> tuple[Fusion, ...]:
    """The ways for pictures to reach the language model that a connector serves; None is an untrained one of the default kind.

    Raises:
        WeightsMissingError: There is no such file.
        WeightsCorruptError: It is no connector, or of a kind that nobody knows.
    """
    if path is None:
        return FUSIONS[KINDS[0]]
    kind = read_manifest(path).kind
    if kind not in FUSIONS:
        raise _corrupt(path, ConfigError(f"its kind is {kind!r}, known are {', '.join(KINDS)}"))
    return FUSIONS[kind]


def check_fusion(path: Path | None, fusion: Fusion, *, language_model: str) -> None:
    """Refuse a connector that does not serve the way that is wanted; `language_model` is its name, for the advice.

    Raises:
        ConfigError: It does not.
        WeightsMissingError: There is no such file.
        WeightsCorruptError: It is no connector, or of a kind that nobody knows.
    """
    served = fusions_of(path)
    if fusion in served:
        return
    kind = next(kind for kind, ways in FUSIONS.items() if fusion in ways)
    raise ConfigError(
        f"{'an untrained connector' if path is None else path.name} does not serve vision.fusion {fusion!r}",
        hint=f'set vision.fusion to "{served[-1]}", or name a file of the kind {kind} in vision.connector '
        f"(assistant train connector --kind {kind} --model {language_model} --out FILE)",
    )


def load_connector(path: Path, encoder: FeatureEncoder, words: WordVectors) -> LoadedConnector:
    """Build the connector that a file describes, and put its numbers in.

    Raises:
        WeightsMissingError: There is no such file.
        WeightsCorruptError: It is no connector, or not whole.
        WeightsMismatchError: It was trained for another encoder or another language model.
    """
    manifest, tensors = _read(path)
    _check(path, manifest, encoder, words)
    try:
        connector = build_connector(manifest.kind, encoder, words, manifest.options)
        state = {name.removeprefix(_CONNECTOR): x.float() for name, x in tensors.items() if name.startswith(_CONNECTOR)}
        connector.load_state_dict(state)
    except (ConfigError, RuntimeError, TypeError, ValueError) as error:
        raise _corrupt(path, error) from error
    return LoadedConnector(connector, manifest, _adapters(tensors))


def _adapters(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(_ADAPTER): tensor for name, tensor in tensors.items() if name.startswith(_ADAPTER)}


def _read(path: Path) -> tuple[Manifest, dict[str, Tensor]]:
    if not path.is_file():
        raise WeightsMissingError(f"there is no connector {path}", hint="check the path, or train one")
    try:
        with safe_open(path, framework="pt") as file:
            stored = json.loads((file.metadata() or {})[_KEY])
            if stored.get("schema") != SCHEMA:
                raise ValueError(f"its schema is {stored.get('schema')!r}, known is {SCHEMA}")
            manifest = Manifest(**{entry.name: stored[entry.name] for entry in fields(Manifest)})
            names = file.keys()
            return manifest, {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise _corrupt(path, error) from error


def _check(path: Path, manifest: Manifest, encoder: FeatureEncoder, words: WordVectors) -> None:
    _refuse(path, "encoder", manifest.encoder_name, manifest.encoder_sha256, encoder.sha256)
    _refuse(path, "picture size or normalisation", manifest.normalisation, manifest.normalisation, encoder.normalisation)
    _refuse(path, "language model", manifest.language_model_name, manifest.language_model_sha256, words.sha256)


def _refuse(path: Path, what: str, name: str, theirs: str, ours: str) -> None:
    if theirs != ours:
        raise WeightsMismatchError(
            f"{path.name} was trained for another {what}: {name or theirs[:12]}",
            hint=f'use that {what}, train one, or set vision.connector: "none" leaves pictures to their notes',
        )


def _corrupt(path: Path, error: Exception) -> WeightsCorruptError:
    return WeightsCorruptError(f"{path} is not a connector: {error}", hint="fetch or train it again")
