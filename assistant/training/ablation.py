"""The same training with one connector after the other: what each costs and what it comes to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from assistant.config import Settings
from assistant.training.run import Order, open_models, train
from assistant.training.trainer import Progress
from assistant.types import Image
from assistant.vision.connector_file import load_connector
from assistant.vision.projector import PictureProjector

_TIMED = 20


@dataclass(frozen=True, slots=True)
class AblationRow:
    """One connector."""

    kind: str
    options: Mapping[str, Any]
    parameters: int
    """Trained ones."""
    tokens: int
    """Of a picture in which nothing is found."""
    milliseconds: float
    """From a picture's features to what the language model is given of it, on one thread; the median of some."""
    scores: Mapping[str, float]


def compare_connectors(
    settings: Settings,
    order: Order,
    kinds: Sequence[tuple[str, Mapping[str, Any]]],
    folder: Path,
    *,
    report: Callable[[Progress], None] = lambda progress: None,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[AblationRow, ...]:
    """Train each kind as the order says, or go on where its folder is, and write `ablation.json`.

    Args:
        settings: Tell where weights and data lie.
        order: Its kind and options are replaced.
        kinds: And their options.
        folder: Gets a folder for each kind.
        report: Told after every step.
        say: Told which kind is being trained.

    Raises:
        AssistantError: See `train`.
    """
    rows = []
    for kind, options in kinds:
        say(f"connector {kind}")
        place = folder / kind
        scores = train(
            settings, replace(order, kind=kind, options=options), place, place / "connector.safetensors", report=report, say=say
        )
        rows.append(_row(settings, order, place / "connector.safetensors", scores))
        (folder / "ablation.json").write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    return tuple(rows)


def _row(settings: Settings, order: Order, path: Path, scores: Mapping[str, float]) -> AblationRow:
    models = open_models(settings, order.model)
    loaded = load_connector(path, models.encoder, models.words)
    assert isinstance(loaded.connector, nn.Module)
    pixels_HWC = np.full((256, 256, 3), 127, np.uint8)
    features = models.encoder.encode([pixels_HWC])
    project = PictureProjector(lambda image: features, loaded.connector)
    torch.set_num_threads(1)
    times_s = []
    for number in range(_TIMED):
        begun_s = time.perf_counter()
        project(Image(pixels_HWC, str(number)), "What is in the picture?")
        times_s.append(time.perf_counter() - begun_s)
    return AblationRow(
        loaded.manifest.kind,
        loaded.manifest.options,
        sum(parameter.numel() for parameter in loaded.connector.parameters()),
        loaded.manifest.tokens,
        round(1000 * float(np.median(times_s)), 2),
        scores,
    )
