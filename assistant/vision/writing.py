"""Whether there is text in a picture that should be read, before anybody has read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from assistant.errors import WeightsCorruptError
from assistant.vision.encoder import Features

SHIPPED = Path(str(resources.files("assistant.vision").joinpath("writing.safetensors")))
_LEVELS = ("stride8", "stride16")
"""The deeper ones tell of things."""


@dataclass(frozen=True, slots=True, eq=False)
class WritingProbe:
    """A linear look at an encoder's features that tells pages, signs and screens from pictures with little text or none.

    Where text is by the way, such as a watermark or the name on a bus, it passes over most.
    """

    weight_C: Tensor
    """For `means_C`."""
    bias: float

    def sees(self, features: Features) -> bool:
        """Whether the first picture evidently holds writing."""
        return float(means_C(features) @ self.weight_C) + self.bias > 0

    def save(self, path: Path, facts: Mapping[str, str]) -> None:
        """Write a safetensors file; the facts tell what it was trained for and on."""
        save_file({"weight": self.weight_C, "bias": torch.tensor(self.bias)}, path, dict(facts))


def means_C(features: Features, picture: int = 0) -> Tensor:
    """What the probe is given of a picture: the mean of each channel of the levels where strokes show."""
    return torch.cat([features.levels[name][picture].mean(dim=(1, 2)).cpu() for name in _LEVELS])


def load_writing_probe(path: Path, *, encoder_sha256: str) -> WritingProbe | None:
    """The probe of an encoder; None where the file was made for another one.

    Raises:
        WeightsCorruptError: The file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("encoder_sha256") != encoder_sha256:
                return None
            return WritingProbe(file.get_tensor("weight"), float(file.get_tensor("bias")))
    except (OSError, SafetensorError) as error:
        raise WeightsCorruptError(f"{path} holds no writing probe", hint="install the package again") from error
