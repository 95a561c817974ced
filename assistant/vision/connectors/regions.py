"""Region tokens: what a detector found and where, in the language model's own word vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from assistant.types import Region
from assistant.vision.connector import WordVectors

_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class RegionTokens(nn.Module):
    """The vectors of " two person (left, top right), one dog (bottom).", times a learned gain, after a learned start."""

    def __init__(self, words: WordVectors, *, most: int, start: str) -> None:
        """Of a picture `most` regions are told, the surest; `start` is what the learned vectors begin as."""
        super().__init__()
        self._words, self._most = words, min(most, len(_NUMBERS))
        self.start_ND = nn.Parameter(words(start).clone())
        self.gain_D = nn.Parameter(torch.ones(words.width))

    def forward(self, regions: Sequence[Region]) -> Tensor:
        """Shape (N, D); N is 0 for a picture in which nothing was found."""
        if not regions:
            return self.start_ND[:0]
        told_ND = self._words(phrase(regions[: self._most])).to(self.gain_D.device)
        return torch.cat([self.start_ND, told_ND * self.gain_D])


def phrase(regions: Sequence[Region]) -> str:
    """The regions in words, counted by name; at most ten of them."""
    places: dict[str, list[str]] = {}
    for region in regions:
        places.setdefault(region.name, []).append(region.place)
    return ",".join(f" {_NUMBERS[len(where) - 1]} {name} ({', '.join(where)})" for name, where in places.items()) + "."
