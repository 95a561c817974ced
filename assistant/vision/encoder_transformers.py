"""CLIP and SigLIP towers through transformers, for those who have such weights: open names, one grid of patches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import (
    AutoImageProcessor,
    AutoModel,
    AutoTokenizer,
    CLIPModel,
    CLIPVisionModel,
    SiglipModel,
    SiglipVisionModel,
)

from assistant.errors import ConfigError, WeightsCorruptError, WeightsMissingError
from assistant.vision.efficientnet import class_names, stretched
from assistant.vision.encoder import Features

_NAMES_AT_ONCE = 64


class TransformersEncoder:
    """A vision tower, whole pictures stretched to its square; with its text tower beside it, it also names."""

    def __init__(
        self,
        folder: Path,
        *,
        sha256: str,
        names: Sequence[str] | None = None,
        template: str = "a photo of a {}.",
        layer: int = -2,
        device: str = "cpu",
    ) -> None:
        """Load a model as `save_pretrained` leaves it, its image processor and (for naming) its tokenizer beside it.

        Args:
            folder: Of a CLIP or SigLIP model, or of the vision tower alone.
            sha256: Of its weights.
            names: What it may name; None takes ImageNet's 1000. A lone vision tower names nothing.
            template: How a name is put to the text tower.
            layer: Whose output gives the patches; the last but one, as in LLaVA (arXiv:2304.08485).
            device: Of torch.

        Raises:
            WeightsMissingError: There is no such folder.
            WeightsCorruptError: The folder is not whole.
            ConfigError: It holds a model of another family.
        """
        if not folder.is_dir():
            raise WeightsMissingError(f"there is no folder {folder}", hint="save the model there with save_pretrained")
        try:
            common: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            model = AutoModel.from_pretrained(folder, use_safetensors=True, **common).to(device).eval()
            processors: Any = AutoImageProcessor
            processor = processors.from_pretrained(folder, backend="pil", **common)
            if not isinstance(model, CLIPModel | SiglipModel | CLIPVisionModel | SiglipVisionModel):
                raise ConfigError(f"{folder} holds a {type(model).__name__}", hint="give a CLIP or SigLIP model")
            self._names_itself = isinstance(model, CLIPModel | SiglipModel)
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, **common) if self._names_itself else None
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise WeightsCorruptError(
                f"{folder} cannot be loaded: {error}", hint="save model and processors there again"
            ) from error
        self._model: Any = model
        self._layer, self._device = layer, device
        config: Any = model.config
        vision = config.vision_config if self._names_itself else config
        self._side_px, self._patches = int(vision.image_size), int(vision.image_size) // int(vision.patch_size)
        self._mean_3 = torch.tensor(processor.image_mean, device=device)[:, None, None]
        self._deviation_3 = torch.tensor(processor.image_std, device=device)[:, None, None]
        self.sha256 = sha256
        self.normalisation = f"{self._side_px}x{self._side_px} bicubic, mean {processor.image_mean}, std {processor.image_std}"
        self.names = () if tokenizer is None else tuple(class_names() if names is None else names)
        self._names_KV = self._read(tokenizer, [template.format(name) for name in self.names])
        features = self.encode([np.zeros((1, 1, 3), np.uint8)])
        self.pooled_width = features.pooled_BV.shape[1]
        self.levels: Mapping[str, tuple[int, int, int]] = {
            name: (grid.shape[1], grid.shape[2], grid.shape[3]) for name, grid in features.levels.items()
        }
        """"rgb" and "patches"."""

    @torch.no_grad()
    def encode(self, pictures: Sequence[NDArray[np.uint8]]) -> Features:
        """See `FeatureEncoder.encode`."""
        pixels = np.stack([stretched(picture, self._side_px) for picture in pictures])
        images_BCHW = torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2).float()
        inputs = {"pixel_values": (images_BCHW / 255 - self._mean_3) / self._deviation_3, "output_hidden_states": True}
        seen = self._model.get_image_features(**inputs) if self._names_itself else self._model(**inputs)
        pooled_BV = seen.pooler_output
        cells = self._patches**2
        patches_BPV = seen.hidden_states[self._layer][:, -cells:]  # CLIP's class token goes before them
        return Features(
            logits_BK=self._name(pooled_BV),
            pooled_BV=pooled_BV,
            levels={
                "rgb": functional.adaptive_avg_pool2d((images_BCHW - 127) / 128, 4 * self._patches),
                "patches": patches_BPV.transpose(1, 2).unflatten(2, (self._patches, self._patches)),
            },
        )

    def _name(self, pooled_BV: Tensor) -> Tensor:
        if not self.names:
            return pooled_BV.new_zeros(len(pooled_BV), 0)
        logits_BK: Tensor = self._model.logit_scale.exp() * functional.normalize(pooled_BV, dim=1) @ self._names_KV.T
        return logits_BK

    @torch.no_grad()
    def _read(self, tokenizer: Any, texts: Sequence[str]) -> Tensor:
        parts = [torch.zeros(0, 0, device=self._device)] if not texts else []
        for first in range(0, len(texts), _NAMES_AT_ONCE):
            # both families were trained on texts padded to the full length; SigLIP reads the padding too
            batch = tokenizer(
                list(texts[first : first + _NAMES_AT_ONCE]), padding="max_length", truncation=True, return_tensors="pt"
            )
            read = self._model.get_text_features(input_ids=batch.input_ids.to(self._device)).pooler_output
            parts.append(functional.normalize(read, dim=1))
        return torch.cat(parts)
