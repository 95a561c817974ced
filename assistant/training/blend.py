"""Part of the way from an untrained connector to a trained one: less is learned, and less is forgotten (arXiv:2109.01903)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from assistant.config import Settings
from assistant.training.run import open_models
from assistant.vision.connector_file import load_connector, read_manifest, save_connector
from assistant.vision.connector_kinds import build_connector


def blend(settings: Settings, trained: Path, share: float, out: Path) -> None:
    """Write the connector that lies between; the changes to its language model shrink alike.

    Args:
        settings: Tell where weights lie.
        trained: A connector file. Its figures are not those of the blend, which gets none.
        share: Of the way, 0 for the untrained connector, 1 for the trained one.
        out: The file to write.

    Raises:
        WeightsError: A file is missing, damaged, or of other models.
    """
    manifest = read_manifest(trained)
    models = open_models(settings, manifest.language_model_name)
    loaded = load_connector(trained, models.encoder, models.words)
    seed = manifest.training.get("recipe", {}).get("seed", 0)
    untrained = build_connector(manifest.kind, models.encoder, models.words, manifest.options, seed=seed).state_dict()
    blended = {name: torch.lerp(untrained[name], end, share) for name, end in loaded.connector.state_dict().items()}
    loaded.connector.load_state_dict(blended)
    # W + up @ down: one factor carries the share
    adapters = {name: tensor * share if name.endswith(".up") else tensor for name, tensor in loaded.adapters.items()}
    training = {**manifest.training, "blended": share}
    save_connector(out, loaded.connector, replace(manifest, training=training, metrics={}), adapters=adapters)
