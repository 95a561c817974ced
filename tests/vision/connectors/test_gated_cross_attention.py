from __future__ import annotations

import torch
from torch import Tensor

from assistant.vision.connector_kinds import build_connector
from assistant.vision.connectors.gated_cross_attention import GatedBlock, GatedCrossAttention
from tests.vision.tiny_vision import TinyEncoder, TinyWords, noise


def connector(*, gates: float = 0.0) -> GatedCrossAttention:
    made = build_connector("gated_cross_attention", TinyEncoder(), TinyWords(), {"every": 2, "grid_side": 2})
    assert isinstance(made, GatedCrossAttention)
    for name, parameter in made.named_parameters():
        if name.endswith("gate"):
            torch.nn.init.constant_(parameter, gates)
    return made


def memory(side_px: int) -> Tensor:
    with torch.no_grad():
        return connector().forward(TinyEncoder().encode([noise(side_px, side_px)]))[0]


STREAM_LD = torch.randn(5, TinyWords.width, generator=torch.Generator().manual_seed(1))


def test_an_untrained_connector_changes_no_bit_of_the_stream() -> None:
    look = connector().look_at(memory(9))
    for layer in range(TinyWords.layers):
        stream_LD = STREAM_LD.clone()
        look(layer, stream_LD.numpy())
        assert torch.equal(stream_LD, STREAM_LD)


def test_open_gates_let_the_picture_in_at_the_chosen_layers_alone() -> None:
    looking = connector(gates=0.5)
    changed = []
    for layer in range(TinyWords.layers):
        stream_LD = STREAM_LD.clone()
        looking.look_at(memory(9))(layer, stream_LD.numpy())
        changed.append(not torch.equal(stream_LD, STREAM_LD))
    assert changed == [False, False, False, True, False, True, False, True]
    bright, dark = (looking.look(3, STREAM_LD, looking.keys_values(memory(side_px))) for side_px in (9, 20))
    assert not torch.allclose(bright, dark)


def test_places_of_a_stream_look_at_their_own_picture_and_the_others_at_none() -> None:
    looking = connector(gates=0.5)
    first, second = torch.tensor([1, 2]), torch.tensor([4])
    look = looking.between([(memory(9), first), (memory(20), second)])
    assert look(2, STREAM_LD) is STREAM_LD
    together = look(3, STREAM_LD)
    for places, side_px in ((first, 9), (second, 20)):
        alone = looking.look(3, STREAM_LD[places], looking.keys_values(memory(side_px)))
        torch.testing.assert_close(together[places], alone)
    assert torch.equal(together[[0, 3]], STREAM_LD[[0, 3]])


def test_gates_learn_from_the_first_step_and_what_is_gathered_from_the_second() -> None:
    for gates, closed in ((0.0, True), (0.01, False)):
        looking = connector(gates=gates)
        looking.look(3, STREAM_LD, looking.keys_values(memory(9))).sum().backward()  # type: ignore[no-untyped-call]
        block = looking.blocks["3"]
        assert isinstance(block, GatedBlock)
        assert block.attention_gate.grad is not None and block.attention_gate.grad.abs() > 0
        weight = block.attention.out.weight.grad
        assert weight is not None and bool((weight == 0).all()) == closed


def test_a_block_begins_by_gathering_what_is_like_the_stream() -> None:
    block = GatedBlock(64, heads=1)
    torch.nn.init.ones_(block.attention_gate)
    chance = torch.Generator().manual_seed(2)
    memory_1ND = torch.randn(1, 3, 64, generator=chance)
    added = block(memory_1ND, block.attention.keys_values(memory_1ND)) - memory_1ND
    similar = torch.nn.functional.cosine_similarity(added[0][:, None], memory_1ND[0][None], dim=-1)
    assert similar.argmax(dim=1).tolist() == [0, 1, 2]


def test_the_order_of_what_is_seen_can_be_learned() -> None:
    looking = connector(gates=0.5)
    turned = memory(9).flip(0)
    torch.testing.assert_close(
        looking.look(3, STREAM_LD, looking.keys_values(memory(9))), looking.look(3, STREAM_LD, looking.keys_values(turned))
    )
    torch.nn.init.normal_(looking.neighbours.weight)
    assert not torch.allclose(
        looking.look(3, STREAM_LD, looking.keys_values(memory(9))), looking.look(3, STREAM_LD, looking.keys_values(turned))
    )
