"""Region tokens: what a detector found and where, in the language model's own word vectors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from assistant.types import Region
from assistant.vision.connector import WordVectors
from assistant.vision.kinds import SHAPES

_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class RegionTokens(nn.Module):
    """The vectors of " two things: a red car (left), a dog (bottom).", times a learned gain, after a learned start."""

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

    def lengths(self, regions: Sequence[Region]) -> list[tuple[Region, int]]:
        """Each region that is told, and how many of the last tokens tell of it, in order."""
        chosen = regions[: self._most]
        return [(region, len(self._words(f" {_told(region)},"))) for region in chosen]


def phrase(regions: Sequence[Region]) -> str:
    """The regions in words: how many, then each with its place, shapes with their colour; at most ten of them."""
    told = ", ".join(map(_told, regions))
    return f" {_NUMBERS[len(regions) - 1]} {'thing' if len(regions) == 1 else 'things'}: {told}."


def _told(region: Region) -> str:
    # of a thing in a photo the colour is often that of the light: a "grey dog" hid the name that the encoder had for it
    return f"a {region.title if region.name in SHAPES else region.name} ({region.place})"
