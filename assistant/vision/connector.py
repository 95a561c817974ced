"""What a connector is: a picture's features in, embeddings of a language model's width out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from assistant.vision.encoder import Features


class WordVectors(Protocol):
    """What a connector knows of a language model: its embeddings of words, frozen, and its shape, read off its file."""

    @property
    def sha256(self) -> str:
        """Of the model's weights."""
        ...

    @property
    def width(self) -> int:
        """D of an embedding."""
        ...

    @property
    def layers(self) -> int:
        """How many the decoder has."""
        ...

    def __call__(self, text: str) -> Tensor:
        """The embeddings of a text's tokens, float32 (N, D), not to be trained."""
        ...


class Connector(Protocol):
    """A `torch.nn.Module` in float32. All that training changes is in its state; what comes from the models' files is not."""

    def __call__(self, features: Features) -> Sequence[Tensor]:
        """The embeddings of each picture, (N, D). N may differ from picture to picture."""
        ...

    def state_dict(self) -> dict[str, Tensor]:
        """What training changes."""
        ...

    def load_state_dict(self, state_dict: Mapping[str, Tensor]) -> object:
        """Put back what training changed."""
        ...


class Frame(nn.Module):
    """Learned vectors before and after a picture's tokens. They begin as words, so that an untrained model is told what comes."""

    def __init__(self, words: WordVectors, *, start: str, end: str) -> None:
        super().__init__()
        self.start_ND = nn.Parameter(words(start).clone())
        self.end_ND = nn.Parameter(words(end).clone())

    @property
    def tokens(self) -> int:
        """How many it adds."""
        return len(self.start_ND) + len(self.end_ND)

    def forward(self, pictures: Sequence[Tensor]) -> list[Tensor]:
        """Each picture's (N, D) with the vectors around it."""
        return [torch.cat([self.start_ND, tokens_ND, self.end_ND]) for tokens_ND in pictures]


class WordScale(nn.Module):
    """Vectors brought to the size of the model's word embeddings, where its layers expect them, times a learned gain."""

    def __init__(self, words: WordVectors) -> None:
        super().__init__()
        sample_ND = words("a picture of a red house and two people on the left under a blue sky")
        self.gain_D = nn.Parameter(torch.full((words.width,), float(sample_ND.square().mean().sqrt())))

    def forward(self, tokens_BND: Tensor) -> Tensor:
        """Of any length in, of the words' length out."""
        return nn.functional.rms_norm(tokens_BND, tokens_BND.shape[-1:], eps=1e-9) * self.gain_D
