"""Connectors that turn the cells of a feature grid into tokens; `body` says how."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from assistant.errors import ConfigError
from assistant.vision.connector import Frame, WordScale, WordVectors
from assistant.vision.encoder import FeatureEncoder, Features, merged_BPV, merged_width

START, END = "A picture:", "\n"


class LevelGrid(nn.Module):
    """Some of an encoder's levels as one grid of P cells, V wide."""

    def __init__(self, encoder: FeatureEncoder, levels: Sequence[str], side: int | None) -> None:
        """Choose.

        Args:
            encoder: Tells the shapes.
            levels: Their names; empty takes all but a coarse copy of the head's ("stride32").
            side: Cells along a side; None takes as many as the coarsest level has.

        Raises:
            ConfigError: The encoder has no such level.
        """
        super().__init__()
        self.levels = tuple(levels) or tuple(name for name in encoder.levels if name != "stride32")
        if unknown := set(self.levels) - set(encoder.levels):
            raise ConfigError(f"the encoder has no level {', '.join(sorted(unknown))}", hint=f"known: {', '.join(encoder.levels)}")
        shapes = [encoder.levels[name] for name in self.levels]
        self.side = side or min(width for _, _, width in shapes)
        self.width = merged_width(shapes, self.side)

    def forward(self, features: Features) -> Tensor:
        """The grid (B, P, V). Each level is normalised over a cell's channels; "rgb" is not, it would lose its brightness."""
        parts = []
        for name in self.levels:
            part_BPV = merged_BPV([features.levels[name]], self.side)
            parts.append(part_BPV if name == "rgb" else functional.layer_norm(part_BPV, part_BPV.shape[-1:]))
        return torch.cat(parts, dim=-1)


class GridConnector(nn.Module):
    """Grid, body, word scale, frame."""

    def __init__(
        self,
        encoder: FeatureEncoder,
        words: WordVectors,
        body: Callable[[int, int, int], nn.Module],
        *,
        levels: Sequence[str] = (),
        side: int | None = None,
        start: str = START,
        end: str = END,
    ) -> None:
        """Put the parts together.

        Args:
            encoder: Whose features come in.
            words: Of the language model.
            body: Given V, the grid's side and D: makes (B, N, D) of (B, P, V).
            levels: See `LevelGrid`.
            side: See `LevelGrid`.
            start: Words that the start vectors begin as.
            end: Words that the end vectors begin as.
        """
        super().__init__()
        self.grid = LevelGrid(encoder, levels, side)
        self.position_PV = nn.Parameter(torch.zeros(self.grid.side**2, self.grid.width))
        self.body = body(self.grid.width, self.grid.side, words.width)
        self.scale = WordScale(words)
        self.frame = Frame(words, start=start, end=end)

    def forward(self, features: Features) -> list[Tensor]:
        """See `Connector`."""
        framed: list[Tensor] = self.frame(self.tokens_BND(features))
        return framed

    def tokens_BND(self, features: Features) -> Tensor:
        """Without the frame."""
        tokens_BND: Tensor = self.scale(self.body(self.grid(features) + self.position_PV))
        return tokens_BND
