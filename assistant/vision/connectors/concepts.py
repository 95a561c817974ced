"""Concept tokens: what the encoder names, in the language model's own word vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from assistant.vision.connector import WordVectors


class ConceptTokens(nn.Module):
    """Token n is the mean of all names' n-th word vectors, weighted by how likely each name is (after Ovis, arXiv:2405.20797).

    The table is made of the model's own embeddings and never trained: what a model knows of a word, it then knows of the picture.
    Names differ in length. A token is the mean over those that are long enough, and there are as many tokens as names of half
    the probability have.
    """

    def __init__(self, names: Sequence[str], words: WordVectors, *, temperature: float) -> None:
        """Look the names up.

        Args:
            names: What the logits stand for.
            words: Of the language model.
            temperature: Divides the logits; below 1 a doubtful posterior is read more boldly.
        """
        super().__init__()
        vectors = [words(f" {name}") for name in names]
        self.longest = max(len(vector_ND) for vector_ND in vectors)
        for n in range(self.longest):
            chosen = [k for k, vector_ND in enumerate(vectors) if len(vector_ND) > n]
            self.register_buffer(f"names_{n}", torch.tensor(chosen), persistent=False)
            self.register_buffer(f"table_{n}", torch.stack([vectors[k][n] for k in chosen]), persistent=False)
        self.temperature = nn.Parameter(torch.tensor(temperature))
        self.gain_D = nn.Parameter(torch.ones(words.width))

    def forward(self, logits_BK: Tensor) -> list[Tensor]:
        """The tokens of each picture, (N, D)."""
        posterior_BK = (logits_BK / self.temperature.clamp_min(0.05)).softmax(dim=-1)
        sums_BD, masses_B = [], []
        for n in range(self.longest):
            shares = posterior_BK[:, self.get_buffer(f"names_{n}")]
            masses_B.append(shares.sum(dim=1))
            sums_BD.append(shares @ self.get_buffer(f"table_{n}"))
        mass_BN = torch.stack(masses_B, 1)
        tokens_BND = torch.stack(sums_BD, 1) / mass_BN.clamp_min(1e-9)[..., None] * self.gain_D
        counts = (mass_BN > 0.5).sum(dim=1).clamp_min(1).tolist()
        return [tokens_ND[:count] for tokens_ND, count in zip(tokens_BND, counts, strict=True)]
