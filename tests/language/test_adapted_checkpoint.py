import pytest
import torch
from torch import Tensor

from assistant.errors import WeightsMismatchError
from assistant.language.adapted_checkpoint import AdaptedCheckpoint
from assistant.language.checkpoint import Checkpoint, open_checkpoint
from assistant.language.decoder import Decoder
from assistant.language.gguf import BlockType
from tests.language.tiny_models import save_tiny_chat_model

CHANGED = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return open_checkpoint(save_tiny_chat_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def adapters(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """Changes of every layer that matter as much as what they change."""
    chance = torch.Generator().manual_seed(0)
    made = {}
    for layer in range(checkpoint.config.layers):
        for name in CHANGED:
            stored = checkpoint.tensor(f"blk.{layer}.{name}.weight")
            assert stored is not None
            made[f"blk.{layer}.{name}.down"] = 0.3 * torch.randn(4, stored.columns, generator=chance)
            made[f"blk.{layer}.{name}.up"] = (0.3 * torch.randn(stored.rows, 4, generator=chance)).bfloat16()
    return made


def test_a_merged_matrix_is_the_sum_within_the_error_of_8_bits(checkpoint: Checkpoint, adapters: dict[str, Tensor]) -> None:
    name = "blk.1.attn_q"
    stored, merged = (made.tensor(f"{name}.weight") for made in (checkpoint, AdaptedCheckpoint(checkpoint, adapters, threads=2)))
    assert stored is not None
    assert merged is not None
    sum_NK = torch.from_numpy(stored.dequantize()) + adapters[f"{name}.up"].float() @ adapters[f"{name}.down"]
    step = sum_NK.view(-1, 32).abs().amax(1, keepdim=True) / 127
    apart = (torch.from_numpy(merged.dequantize()) - sum_NK).view(-1, 32).abs()
    assert merged.block_type is BlockType.Q8_0
    assert bool((apart <= 0.57 * step).all())  # half a step, and the scale's own rounding


def test_a_merged_model_says_what_changed_matrices_say(checkpoint: Checkpoint, adapters: dict[str, Tensor]) -> None:
    ids = torch.randint(5, 300, (1, 12), generator=torch.Generator().manual_seed(1))

    def logits(source: Checkpoint) -> Tensor:
        decoder = Decoder(source, full_precision=True)
        return decoder.forward(decoder.embed(ids), decoder.new_cache(tokens=12))[0]

    plain_V, merged_V = logits(checkpoint), logits(AdaptedCheckpoint(checkpoint, adapters))
    twice_V = logits(
        AdaptedCheckpoint(AdaptedCheckpoint(checkpoint, adapters), {k: -x if k.endswith("up") else x for k, x in adapters.items()})
    )
    assert torch.nn.functional.cosine_similarity(plain_V, merged_V, dim=0) < 0.9
    assert torch.nn.functional.cosine_similarity(plain_V, twice_V, dim=0) > 0.999


def test_what_is_not_changed_stays_where_it_lies(checkpoint: Checkpoint, adapters: dict[str, Tensor]) -> None:
    adapted = AdaptedCheckpoint(checkpoint, adapters)
    name = "blk.0.ffn_down.weight"
    stored, same = checkpoint.tensor(name), adapted.tensor(name)
    assert stored is not None
    assert same is not None
    assert same.address == stored.address
    assert adapted.tensor("no.such.weight") is None
    assert adapted.tokenizer() == checkpoint.tokenizer()


@pytest.mark.parametrize("change", ["name", "rows", "columns", "rank", "half"])
def test_a_change_that_fits_no_matrix_is_refused(checkpoint: Checkpoint, change: str) -> None:
    stored = checkpoint.tensor("blk.0.attn_q.weight")
    assert stored is not None
    down, up = (
        torch.zeros(4, stored.columns + (change == "columns")),
        torch.zeros(stored.rows + (change == "rows"), 4 + (change == "rank")),
    )
    name = "blk.9.attn_q" if change == "name" else "blk.0.attn_q"
    adapters = {f"{name}.down": down} if change == "half" else {f"{name}.down": down, f"{name}.up": up}
    with pytest.raises(WeightsMismatchError, match="attn_q") as caught:
        AdaptedCheckpoint(checkpoint, adapters)
    assert caught.value.hint
