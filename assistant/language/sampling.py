"""The choice of the next token from the model's logits."""

from __future__ import annotations

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
        ordered_V, ids_V = torch.sort(logits_V, descending=True, stable=True)
        if 0 < options.top_k < len(ordered_V):
            ordered_V, ids_V = ordered_V[: options.top_k], ids_V[: options.top_k]
        probabilities_V = torch.softmax(ordered_V, dim=0)
        # The smallest set of likely tokens that reaches top_p; the first is always in it.
        before_V = probabilities_V.cumsum(0) - probabilities_V
        probabilities_V = probabilities_V.masked_fill(before_V >= options.top_p, 0.0)
        probabilities_V[0] = probabilities_V[0].clamp_min(torch.finfo(torch.float32).tiny)
        return int(ids_V[torch.multinomial(probabilities_V, 1, generator=self._generator)])
