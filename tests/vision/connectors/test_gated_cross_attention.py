from __future__ import annotations

import torch

from assistant.vision.connectors.gated_cross_attention import GatedCrossAttention
from tests.vision.tiny_vision import TinyEncoder, TinyWords, noise


def test_an_untrained_connector_changes_no_bit_of_the_stream() -> None:
    connector = GatedCrossAttention(TinyEncoder(), TinyWords(), every=2)
    memory_BND = connector.memory_BND(TinyEncoder().encode([noise(9, 9)]))
    stream_BLD = torch.randn(1, 5, TinyWords.width)
    for layer in range(TinyWords.layers):
        assert torch.equal(connector.look(layer, stream_BLD, memory_BND), stream_BLD)


def test_open_gates_let_the_picture_in_at_the_chosen_layers_alone() -> None:
    connector = GatedCrossAttention(TinyEncoder(), TinyWords(), every=2)
    for name, parameter in connector.named_parameters():
        if name.endswith("gate"):
            torch.nn.init.constant_(parameter, 0.5)
    light, dark = (connector.memory_BND(TinyEncoder().encode([noise(side, side)])) for side in (9, 20))
    stream_BLD = torch.randn(1, 5, TinyWords.width)
    looks = [not torch.equal(connector.look(layer, stream_BLD, light), stream_BLD) for layer in range(TinyWords.layers)]
    assert looks == [False, False, False, True, False, True, False, True]
    assert not torch.allclose(connector.look(3, stream_BLD, light), connector.look(3, stream_BLD, dark))


def test_gates_learn_from_the_first_step() -> None:
    connector = GatedCrossAttention(TinyEncoder(), TinyWords())
    memory_BND = connector.memory_BND(TinyEncoder().encode([noise(9, 9)]))
    gate = connector.blocks["3"].get_parameter("attention_gate")
    (gradient,) = torch.autograd.grad(connector.look(3, torch.randn(1, 5, TinyWords.width), memory_BND).sum(), gate)
    assert gradient.abs() > 0


def test_no_token_goes_into_the_prompt() -> None:
    tokens = GatedCrossAttention(TinyEncoder(), TinyWords())(TinyEncoder().encode([noise(9, 9)] * 2))
    assert [tuple(x.shape) for x in tokens] == [(0, TinyWords.width)] * 2
