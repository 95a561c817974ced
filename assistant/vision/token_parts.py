"""What a connector's tokens stand for, so that a reply can be traced back to places of the picture."""

from __future__ import annotations

import math

import torch

from assistant.types import Region, VisualPart
from assistant.vision.connector import Connector
from assistant.vision.connectors.anchored import Anchored
from assistant.vision.connectors.co_attention import CoAttention
from assistant.vision.connectors.gated_cross_attention import GatedCrossAttention
from assistant.vision.connectors.grid import GridConnector
from assistant.vision.connectors.resampler import Resampler
from assistant.vision.encoder import Features


def parts_of(connector: Connector, features: Features, tokens: int) -> tuple[VisualPart, ...]:
    """The parts of one picture's tokens, in order; together they have as many tokens as the picture, or there are none.

    Args:
        connector: That made the tokens.
        features: Of one picture.
        tokens: How many it made.
    """
    match connector:
        case Anchored():
            parts = _anchored(connector, features)
        case GatedCrossAttention() | CoAttention():
            parts = _anchored(connector.anchored, features)
        case GridConnector():
            cells = tokens - connector.frame.tokens
            placed = not isinstance(connector.body, Resampler)
            before, after = len(connector.frame.start_ND), len(connector.frame.end_ND)
            inner = _cells(math.isqrt(cells)) if placed and math.isqrt(cells) ** 2 == cells else [VisualPart("queries", cells)]
            parts = [VisualPart("start", before), *inner, VisualPart("end", after)]
        case _:
            parts = []
    parts = [part for part in parts if part.tokens]
    return tuple(parts) if sum(part.tokens for part in parts) == tokens else ()


def _anchored(connector: Anchored, features: Features) -> list[VisualPart]:
    parts = []
    regions = features.regions[0] if features.regions else ()
    if regions:
        parts += [VisualPart(_title(region), count, (_box(region),)) for region, count in connector.regions.lengths(regions)]
        parts.insert(0, VisualPart("objects", len(connector.regions(regions)) - sum(part.tokens for part in parts)))
        parts.append(VisualPart("objects", len(connector.line_break_ND)))
    if connector.grid is not None and connector.grid_frame is not None and features.levels:
        before, after = len(connector.grid_frame.start_ND), len(connector.grid_frame.end_ND)
        parts += [VisualPart("colours", before), *_cells(connector.grid.side), VisualPart("colours", after)]
    if not connector.names(features, 0):
        return parts
    with torch.no_grad():
        (concepts_ND,) = connector.concepts(features.logits_BK)
    before, after = len(connector.frame.start_ND), len(connector.frame.end_ND)
    return [*parts, VisualPart("names", before), VisualPart("names", len(concepts_ND)), VisualPart("names", after)]


def _title(region: Region) -> str:
    return f"{region.title} ({region.place})"


def _box(region: Region) -> tuple[float, float, float, float]:
    return (region.left, region.top, region.right, region.bottom)


def _cells(side: int) -> list[VisualPart]:
    """Row by row."""
    return [
        VisualPart("cell", 1, ((column / side, row / side, (column + 1) / side, (row + 1) / side),))
        for row in range(side)
        for column in range(side)
    ]
