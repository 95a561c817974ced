"""A checkpoint with low-rank changes (LoRA, arXiv:2106.09685) merged into its matrices."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor

from assistant.errors import WeightsMismatchError
from assistant.language.checkpoint import Checkpoint
from assistant.language.gguf import StoredTensor, quantize
from assistant.language.gguf_checkpoint import TokenizerSource

_WEIGHT, _DOWN, _UP = ".weight", ".down", ".up"


class AdaptedCheckpoint:
    """W becomes W + up · down. What is changed lies in memory with 8 bits a number: fewer would round the change away."""

    def __init__(self, checkpoint: Checkpoint, adapters: Mapping[str, Tensor], *, threads: int = 1) -> None:
        """Merge.

        Args:
            checkpoint: Of the model that the changes were trained for.
            adapters: `NAME.down` (r, in) and `NAME.up` (out, r) for each changed matrix `NAME.weight` (out, in).
            threads: That share the work.

        Raises:
            WeightsMismatchError: A change is to no matrix of the model.
        """
        self._checkpoint = checkpoint
        self.config = checkpoint.config
        names = sorted({name.removesuffix(_DOWN).removesuffix(_UP) for name in adapters})

        def merged(name: str) -> StoredTensor:
            stored = checkpoint.tensor(name + _WEIGHT)
            down_RK, up_NR = adapters.get(name + _DOWN), adapters.get(name + _UP)
            if stored is None or down_RK is None or up_NR is None or _shape(down_RK, up_NR) != (stored.rows, stored.columns):
                raise WeightsMismatchError(
                    f"the model has no matrix for the change {name!r}", hint="use the language model that it was trained for"
                )
            return quantize(stored.dequantize() + (up_NR.float() @ down_RK.float()).numpy())

        with ThreadPoolExecutor(threads, "assistant-merging", initializer=torch.set_num_threads, initargs=(1,)) as pool:
            matrices = pool.map(merged, names)
            self._merged = {name + _WEIGHT: matrix for name, matrix in zip(names, matrices, strict=True)}

    def tensor(self, name: str) -> StoredTensor | None:
        """See `Checkpoint.tensor`."""
        return self._merged.get(name) or self._checkpoint.tensor(name)

    def tokenizer(self) -> TokenizerSource | Path:
        """See `Checkpoint.tokenizer`."""
        return self._checkpoint.tokenizer()


def _shape(down_RK: Tensor, up_NR: Tensor) -> tuple[int, int] | None:
    """Of their product; None if they have none."""
    fits = down_RK.dim() == up_NR.dim() == 2 and up_NR.shape[1] == down_RK.shape[0]
    return (up_NR.shape[0], down_RK.shape[1]) if fits else None
