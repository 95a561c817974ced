"""Reads off a decoder where it looks: the mean of the attention weights over heads and layers.

Attention is a hint, not a proof, of what a reply rests on (arXiv:1902.10186); leaving things out is the check. Much of it goes to
the first position whatever that holds (an attention sink, arXiv:2309.17453): whoever compares positions leaves that one out.
"""

from __future__ import annotations

import torch
from torch import Tensor

from assistant.language.decoder import Decoder


class AttentionReader:
    """Watches a decoder while it computes, within a `with` block."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._layers = 0
        self._sum_LT: Tensor | None = None

    def __enter__(self) -> AttentionReader:
        """Start watching."""
        self._decoder.watch = self._watch
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching."""
        self._decoder.watch = None

    @property
    def weights_LT(self) -> Tensor:
        """Of each of the L positions that were computed in one `forward`, to all T positions; rows sum to 1.

        Raises:
            ValueError: Nothing was computed.
        """
        if self._sum_LT is None:
            raise ValueError("nothing was computed")
        return self._sum_LT / self._layers

    def _watch(self, query_BLHW: Tensor, key_BGTW: Tensor) -> None:
        length, heads, width = query_BLHW.shape[1:]
        groups, end = key_BGTW.shape[1:3]
        query_GMW = query_BLHW[0].float().view(length, groups, -1, width).permute(1, 2, 0, 3).reshape(groups, -1, width)
        scores_GMT = query_GMW @ key_BGTW[0].float().transpose(1, 2) / width**0.5
        scores_HLT = scores_GMT.view(heads, length, end)
        later_LT = torch.ones(length, end, dtype=torch.bool).triu(end - length + 1)
        mean_LT = scores_HLT.masked_fill(later_LT, float("-inf")).softmax(dim=-1).mean(dim=0)
        self._sum_LT = mean_LT if self._sum_LT is None else self._sum_LT + mean_LT
        self._layers += 1
