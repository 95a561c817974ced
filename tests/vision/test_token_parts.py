from dataclasses import replace

import pytest

from assistant.types import Region, VisualPart
from assistant.vision.connector_kinds import KINDS, build_connector
from assistant.vision.token_parts import parts_of
from tests.vision.tiny_vision import TinyEncoder, TinyWords, noise

REGIONS = (Region("car", 0.9, 0.1, 0.2, 0.5, 0.6, "red"), Region("dog", 0.8, 0.6, 0.6, 0.9, 1.0))


def parts(kind: str, **options: object) -> tuple[tuple[VisualPart, ...], int]:
    encoder = TinyEncoder()
    connector = build_connector(kind, encoder, TinyWords(), options)
    features = replace(encoder.encode([noise(20, 30)]), regions=(REGIONS,))
    (tokens_ND,) = connector(features)
    return parts_of(connector, features, len(tokens_ND)), len(tokens_ND)


@pytest.mark.parametrize("kind", KINDS)
def test_all_tokens_of_a_picture_are_told_of(kind: str) -> None:
    described, tokens = parts(kind)
    assert sum(part.tokens for part in described) == tokens


def test_regions_and_cells_have_their_places() -> None:
    described, _ = parts("anchored", grid_side=2)
    assert [part.name for part in described if part.boxes] == ["red car (left)", "dog (bottom right)", *["cell"] * 4]
    boxes = {part.name: part.boxes for part in described}
    assert boxes["red car (left)"] == ((0.1, 0.2, 0.5, 0.6),)
    assert boxes["cell"] == ((0.5, 0.5, 1.0, 1.0),)
    assert boxes["names"] == ()


def test_a_grids_tokens_are_cells_and_a_resamplers_are_not() -> None:
    assert [part.boxes for part in parts("linear")[0] if part.name == "cell"][1] == ((0.25, 0.0, 0.5, 0.25),)
    assert "cell" not in {part.name for part in parts("resampler", queries=9)[0]}
