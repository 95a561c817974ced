from __future__ import annotations

import pytest

from assistant.errors import ConfigError
from assistant.vision.connector_kinds import FUSIONS, KINDS, OF_NAMES, build_connector
from tests.vision.tiny_vision import TinyEncoder, TinyWords, noise


def test_the_default_comes_first() -> None:
    assert KINDS[0] == "anchored"
    assert len(KINDS) == 8
    assert set(FUSIONS) == set(KINDS) >= OF_NAMES


@pytest.mark.parametrize(
    ("kind", "options", "tokens"), [("mlp", {"side": 2, "hidden_width": 3}, 4), ("resampler", {"queries": 6}, 6)]
)
def test_options_go_to_the_grid_and_to_the_body(kind: str, options: dict[str, int], tokens: int) -> None:
    connector = build_connector(kind, TinyEncoder(), TinyWords(), {**options, "start": "", "end": ""})
    assert len(connector(TinyEncoder().encode([noise(9, 9)]))[0]) == tokens


def test_an_unknown_kind_or_option_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown connector 'magic'") as refused:
        build_connector("magic", TinyEncoder(), TinyWords())
    assert "anchored" in refused.value.hint
    with pytest.raises(ConfigError, match="no option speed") as refused:
        build_connector("resampler", TinyEncoder(), TinyWords(), {"speed": 1})
    assert {"queries", "side"} <= set(refused.value.hint.removeprefix("known: ").split(", "))
    with pytest.raises(ConfigError, match="no option speed") as refused:
        build_connector("co_attention", TinyEncoder(), TinyWords(), {"speed": 1, "heads": 2})
    assert {"heads", "grid_side"} <= set(refused.value.hint.removeprefix("known: ").split(", "))
    with pytest.raises(ConfigError, match="names nothing"):
        build_connector("anchored", TinyEncoder(names=()), TinyWords())
