"""The choice of the next token from the model's logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from assistant.types import GenerationOptions


class Sampler:
    """Chooses tokens for one reply; the same options and logits give the same tokens, whatever else the process draws."""

    def __init__(self, options: GenerationOptions) -> None:
        self._options = options
        self._generator = torch.Generator().manual_seed(options.seed)
        self._said: set[int] = set()

    def choose(self, logits_V: Tensor) -> int:
        """The next token id.

        Tokens this reply already has are made less likely by `repetition_penalty` (arXiv:1909.05858). The prompt does not
        count: an answer may repeat the words of its question.

        Args:
            logits_V: Of the whole vocabulary; minus infinity forbids a token. Not changed.
        """
        options = self._options
        logits_V = logits_V.detach().float().cpu()
        if options.repetition_penalty != 1.0 and self._said:
            said = torch.tensor(sorted(self._said))
            values = logits_V[said]
            penalty = options.repetition_penalty
            logits_V = logits_V.index_copy(0, said, torch.where(values > 0, values / penalty, values * penalty))
        token_id = int(logits_V.argmax()) if options.temperature == 0.0 else self._draw(logits_V / options.temperature)
        self._said.add(token_id)
        return token_id

    def _draw(self, logits_V: Tensor) -> int:
        options = self._options
        ids_V: Tensor | None = None
        if 0 < options.top_k < len(logits_V):
            logits_V, ids_V = logits_V.topk(options.top_k)
        probabilities_V = torch.softmax(logits_V, dim=0)
        if options.top_p < 1.0:
            probabilities_V, order_V = _nucleus(probabilities_V, options.top_p)
            ids_V = order_V if ids_V is None else ids_V[order_V]
        place = int(torch.multinomial(probabilities_V, 1, generator=self._generator))
        return place if ids_V is None else int(ids_V[place])


def log_probability(logits_LV: Tensor, ids: Sequence[int]) -> float:
    """The natural logarithm of the probability of L ids, each predicted by its row of logits."""
    chosen_L = logits_LV[torch.arange(len(ids)), torch.tensor(ids)]
    return float((chosen_L - torch.logsumexp(logits_LV, dim=-1)).double().sum())


def _nucleus(probabilities_V: Tensor, top_p: float) -> tuple[Tensor, Tensor]:
    """The fewest probabilities that reach `top_p`, the likeliest first, and where they stood (arXiv:1904.09751)."""
    # To sort a whole vocabulary takes longer than to run a small model, and the few likeliest are nearly always enough.
    for n in (min(256, len(probabilities_V)), len(probabilities_V)):
        likeliest_N, order_N = probabilities_V.topk(n)
        reached_N = likeliest_N.cumsum(0)
        if reached_N[-1] >= top_p:
            break
    count = min(int((reached_N < top_p).sum()) + 1, n)
    return likeliest_N[:count], order_N[:count]
