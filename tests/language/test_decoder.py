"""The decoder against transformers: same weights, same logits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from assistant.language.checkpoint import open_checkpoint
from assistant.language.decoder import Decoder, Looking
from assistant.language.gguf import quantize
from assistant.language.machine_code import Target, host_target

SHAPE: dict[str, Any] = {
    "vocab_size": 320,
    "hidden_size": 64,
    "intermediate_size": 160,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
    "tie_word_embeddings": True,
}


def _reference(architecture: str) -> Any:
    """A random model whose matrices lie on the grid of 8-bit blocks, so that they lose nothing."""
    torch.manual_seed(7)
    model: Any
    if architecture == "llama":
        model = LlamaForCausalLM(LlamaConfig(**(SHAPE | {"tie_word_embeddings": False}), head_dim=32))
    else:
        model = Qwen2ForCausalLM(Qwen2Config(**SHAPE))
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.dim() == 2:
                if tensor.shape[1] % 32 == 0:
                    tensor.copy_(torch.from_numpy(quantize(tensor.numpy()).dequantize()))
            else:
                tensor.copy_(torch.rand_like(tensor) + (0.5 if "norm" in name else -0.5))
    model.train(False)
    return model


@pytest.fixture(scope="module", params=["llama", "qwen2"])
def reference(request: pytest.FixtureRequest) -> Any:
    return _reference(request.param)


@pytest.fixture(scope="module")
def folder(reference: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    saved = tmp_path_factory.mktemp("saved")
    reference.save_pretrained(saved)
    return saved


@pytest.fixture(scope="module", params=["float32", "any processor", "this processor", "two threads"])
def decoder(request: pytest.FixtureRequest, folder: Path) -> Decoder:
    return Decoder(
        open_checkpoint(folder),
        threads=2 if request.param == "two threads" else 1,
        full_precision=request.param == "float32",
        target=Target(False, False) if request.param == "any processor" else host_target(),
    )


def _expected(reference: Any, ids_BL: Tensor) -> Tensor:
    with torch.no_grad():
        logits: Tensor = reference(input_ids=ids_BL).logits
    return logits


def _close(decoder: Decoder, got: Tensor, expected: Tensor) -> bool:
    """Root mean square difference against the spread of the logits."""
    assert got.dtype == torch.float32
    assert got.shape == expected.shape
    tolerance = 1e-3 if decoder.full_precision else 3e-2  # bfloat16 inputs, keys and values
    return bool((got - expected).pow(2).mean().sqrt() < tolerance * expected.std())


def _ids(count: int, rows: int = 1) -> Tensor:
    return torch.randint(0, SHAPE["vocab_size"], (rows, count), generator=torch.Generator().manual_seed(count))


def test_a_prompt_gives_the_logits_of_transformers(decoder: Decoder, reference: Any) -> None:
    ids = _ids(40)
    cache = decoder.new_cache(tokens=64)
    got = decoder.forward(decoder.embed(ids), cache, all_positions=True)
    assert cache.length == 40
    assert _close(decoder, got, _expected(reference, ids))


def test_token_by_token_gives_the_logits_of_the_whole_prompt(decoder: Decoder, reference: Any) -> None:
    ids = _ids(20)
    cache = decoder.new_cache(tokens=20)
    got = torch.stack([decoder.forward(decoder.embed(ids[:, i : i + 1]), cache) for i in range(20)], 1)
    assert _close(decoder, got, _expected(reference, ids))


def test_a_prompt_may_come_in_pieces(decoder: Decoder, reference: Any) -> None:
    ids = _ids(30)
    cache = decoder.new_cache(tokens=64)
    got = torch.cat(
        [decoder.forward(decoder.embed(piece), cache, all_positions=True) for piece in (ids[:, :17], ids[:, 17:20], ids[:, 20:])], 1
    )
    assert _close(decoder, got, _expected(reference, ids))


def test_after_truncate_the_forgotten_positions_leave_no_trace(decoder: Decoder, reference: Any) -> None:
    ids = _ids(24)
    cache = decoder.new_cache(tokens=64)
    decoder.forward(decoder.embed(torch.cat([ids[:, :10], _ids(30)], 1)), cache)
    cache.truncate(10)
    assert _close(decoder, decoder.forward(decoder.embed(ids[:, 10:]), cache), _expected(reference, ids)[:, -1])


def test_rows_of_unequal_length_do_not_disturb_each_other(decoder: Decoder, reference: Any) -> None:
    lengths = [5, 12, 1]
    rows = [_ids(length + 3) for length in lengths]
    longest = max(lengths)
    padded = torch.cat(
        [torch.nn.functional.pad(row[:, :length], (longest - length, 0)) for row, length in zip(rows, lengths, strict=True)]
    )
    cache = decoder.new_cache(tokens=32, batch=3, padding_B=[longest - length for length in lengths])
    steps = [decoder.forward(decoder.embed(padded), cache)]
    for step in range(3):
        following = torch.cat([row[:, length + step : length + step + 1] for row, length in zip(rows, lengths, strict=True)])
        steps.append(decoder.forward(decoder.embed(following), cache))
    for index, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        expected = _expected(reference, row)[0, length - 1 :]
        assert _close(decoder, torch.stack([logits[index] for logits in steps]), expected)


def test_positions_that_look_at_something_see_it_and_those_before_do_not(decoder: Decoder) -> None:
    def look(layer: int, stream_LD: NDArray[np.float32]) -> None:
        stream_LD[:, :32] += layer

    def logits(ids_BL: Tensor, *looks: Looking, padding_B: Sequence[int] = (), at_a_time: int = 300) -> Tensor:
        cache = decoder.new_cache(tokens=64, batch=len(ids_BL), padding_B=padding_B)
        pieces = torch.split(ids_BL, at_a_time, dim=1)
        return torch.cat([decoder.forward(decoder.embed(piece), cache, all_positions=True, looks=looks) for piece in pieces], 1)

    ids = _ids(20)
    plain, seen = logits(ids), logits(ids, Looking(look, 8, 14))
    assert torch.equal(plain[:, :8], seen[:, :8])
    assert not _close(decoder, seen[:, 8:14], plain[:, 8:14])
    assert _close(decoder, logits(ids, Looking(look, 8, 14), at_a_time=1), seen)
    assert _close(decoder, logits(ids, Looking(look, 8, 14), at_a_time=9), seen)
    padded = torch.cat([_ids(23), torch.nn.functional.pad(ids, (3, 0))])
    beside = logits(padded, Looking(look, 11, 17, row=1), padding_B=(0, 3))
    assert _close(decoder, beside[1:, 3:], seen)
    assert _close(decoder, beside[:1], logits(_ids(23)))


@pytest.mark.parametrize("opening", [0, 3, 4])
def test_rows_may_begin_with_what_another_cache_has_read(decoder: Decoder, reference: Any, opening: int) -> None:
    shared, lengths = _ids(4), [5, 12, 8]
    rows = [torch.cat([shared, _ids(length)], 1)[:, :length] for length in lengths]
    read = decoder.new_cache(tokens=opening)
    if opening:
        decoder.forward(decoder.embed(shared[:, :opening]), read)
    padding = [12 - length for length in lengths]
    padded = torch.cat([torch.nn.functional.pad(row, (n, 0)) for row, n in zip(rows, padding, strict=True)])
    cache = decoder.new_cache(tokens=20, batch=3, padding_B=padding)
    cache.begin_with(read)
    got = decoder.forward(decoder.embed(padded[:, opening:]), cache)
    assert _close(decoder, got, torch.stack([_expected(reference, row)[0, -1] for row in rows]))
    with pytest.raises(ValueError, match="do not fit"):
        read.begin_with(cache)


def test_embeddings_may_be_spliced_in(decoder: Decoder, reference: Any) -> None:
    embeddings = torch.randn(1, 9, decoder.config.width, generator=torch.Generator().manual_seed(0)).to(torch.float64)
    with torch.no_grad():
        expected = reference(inputs_embeds=embeddings.float()).logits[:, -1]
    assert _close(decoder, decoder.forward(embeddings, decoder.new_cache(tokens=9)), expected)


def test_the_given_embeddings_are_left_as_they_were(decoder: Decoder) -> None:
    embeddings = decoder.embed(_ids(6))
    before = embeddings.clone()
    decoder.forward(embeddings, decoder.new_cache(tokens=6))
    assert torch.equal(embeddings, before)


def test_a_full_cache_is_refused_and_stays_usable(decoder: Decoder) -> None:
    cache = decoder.new_cache(tokens=4)
    decoder.forward(decoder.embed(_ids(3)), cache)
    with pytest.raises(ValueError, match="do not fit"):
        decoder.forward(decoder.embed(_ids(2)), cache)
    assert decoder.forward(decoder.embed(_ids(1)), cache).isfinite().all()


@pytest.mark.parametrize("length", [-1, 4])
def test_truncate_refuses_what_was_never_there(decoder: Decoder, length: int) -> None:
    cache = decoder.new_cache(tokens=8)
    decoder.forward(decoder.embed(_ids(3)), cache)
    with pytest.raises(ValueError, match="cannot keep"):
        cache.truncate(length)


@pytest.mark.parametrize("wrong", [-1, SHAPE["vocab_size"]])
def test_an_id_outside_the_vocabulary_is_refused(decoder: Decoder, wrong: int) -> None:
    with pytest.raises(ValueError, match="vocabulary"):
        decoder.embed(torch.tensor([[wrong]]))
