"""`anchored`, the default: tokens made of the language model's own word vectors, so that it understands them untrained."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from assistant.errors import ConfigError
from assistant.vision.connector import Frame, WordVectors
from assistant.vision.connectors.anchored_grid import AnchoredGrid
from assistant.vision.connectors.concepts import ConceptTokens
from assistant.vision.connectors.regions import RegionTokens
from assistant.vision.encoder import FeatureEncoder, Features
from assistant.vision.kinds import SHAPES

_SURE = 0.5
"""So sure of a name, the encoder hardly ever is of a drawing."""


class Anchored(nn.Module):
    """What a detector found, the cells of a grid if there is one, and last what the encoder names."""

    def __init__(
        self,
        encoder: FeatureEncoder,
        words: WordVectors,
        *,
        start: str = "The picture shows a",
        end: str = ".\n",
        name_drawings: bool = True,
        temperature: float = 0.7,
        regions_start: str = "In the background:",
        most_regions: int = 8,
        grid_start: str = "Colours, row by row:",
        grid_side: int = 0,
        levels: Sequence[str] = (),
        hidden_width: int = 256,
    ) -> None:
        """Put the parts together; each is told after words that learned vectors begin as.

        Args:
            encoder: Whose features come in; it must name what it sees.
            words: Of the language model.
            start: Words before what the encoder names. The article keeps photos from being misnamed.
            end: Words after it.
            name_drawings: Also say what the encoder half believes where plain shapes were found: it knows photos, and an
                untrained language model takes its word ("a digital clock").
            temperature: See `ConceptTokens`.
            regions_start: Words before the regions.
            most_regions: See `RegionTokens`.
            grid_start: Words before the grid.
            grid_side: Cells along a side of the grid; 0 leaves it out, as an untrained one says little.
            levels: That the grid's residual reads; see `LevelGrid`.
            hidden_width: Of the grid's residual, by far the largest part of the file.

        Raises:
            ConfigError: The encoder names nothing.
        """
        super().__init__()
        if not encoder.names:
            raise ConfigError("the encoder names nothing", hint="use another kind of connector, or a model with a text tower")
        self.regions = RegionTokens(words, most=most_regions, start=regions_start)
        self.grid = AnchoredGrid(encoder, words, side=grid_side, levels=levels, hidden_width=hidden_width) if grid_side else None
        self.grid_frame = Frame(words, start=grid_start, end="\n") if grid_side else None
        self.concepts = ConceptTokens(encoder.names, words, temperature=temperature)
        self.frame = Frame(words, start=start, end=end)
        self._name_drawings = name_drawings
        self.line_break_ND = nn.Parameter(words("\n").clone())

    def forward(self, features: Features) -> list[Tensor]:
        """See `Connector`."""
        named = self.frame(self.concepts(features.logits_BK))
        cells: Sequence[Tensor | None] = [None] * len(named)
        if self.grid is not None and self.grid_frame is not None and features.levels:  # virtual features have none
            cells = self.grid_frame(self.grid(features))
        pictures = []
        for i, (named_ND, cells_ND) in enumerate(zip(named, cells, strict=True)):
            found_ND = self.regions(features.regions[i]) if features.regions else named_ND[:0]
            named_ND = named_ND if self.names(features, i) else named_ND[:0]
            parts = [found_ND, self.line_break_ND] if len(found_ND) else []
            pictures.append(torch.cat([*parts, *([] if cells_ND is None else [cells_ND]), named_ND]))
        return pictures

    def names(self, features: Features, picture: int) -> bool:
        """Whether a picture's tokens end with what the encoder names."""
        if self._name_drawings or not features.regions:
            return True
        drawn = any(region.name in SHAPES for region in features.regions[picture])
        return not drawn or features.logits_BK[picture].softmax(dim=0).max().item() >= _SURE
