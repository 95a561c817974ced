from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from assistant.vision.connector import Connector
from assistant.vision.connector_kinds import build_connector
from tests.vision.tiny_vision import TinyEncoder, TinyWords, noise


def tokens(connector: Connector, *questions: str) -> list[Tensor]:
    features = TinyEncoder().encode([noise(9, 9), noise(20, 20)][: max(1, len(questions))])
    return list(connector(replace(features, questions=questions)))


def co_attention(*, gates: float) -> Connector:
    connector = build_connector("co_attention", TinyEncoder(), TinyWords(), {"grid_side": 2})
    assert isinstance(connector, nn.Module)
    for name, parameter in connector.named_parameters():
        if name.endswith("gate"):
            nn.init.constant_(parameter, gates)
    return connector


def test_untrained_the_tokens_are_those_of_anchored_whatever_is_asked() -> None:
    (plain_ND,) = tokens(build_connector("anchored", TinyEncoder(), TinyWords(), {"grid_side": 2}))
    (asked_ND,) = tokens(co_attention(gates=0.0), "What colour is it?")
    assert torch.equal(plain_ND, asked_ND)


def test_open_gates_make_tokens_for_the_question() -> None:
    connector = co_attention(gates=0.3)
    (colour_ND,), (place_ND,), (silent_ND,), (unknown_ND,) = (
        tokens(connector, *asked) for asked in (["colour?"], ["where?"], [""], [])
    )
    assert colour_ND.shape == place_ND.shape
    assert not torch.allclose(colour_ND, place_ND)
    assert torch.equal(silent_ND, unknown_ND)


def test_each_picture_has_its_own_question() -> None:
    connector = co_attention(gates=0.3)
    first, second = tokens(connector, "colour?", "where?")
    again, other = tokens(connector, "colour?", "who?")
    assert torch.equal(first, again)
    assert not torch.allclose(second, other)
