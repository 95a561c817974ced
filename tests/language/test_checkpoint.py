"""Both sources give the same decoder, and it predicts as the weights say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import tokenizers
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from assistant.errors import WeightsCorruptError, WeightsMissingError
from assistant.language.checkpoint import open_checkpoint
from assistant.language.decoder import Decoder
from assistant.language.gguf_checkpoint import GgufCheckpoint, TokenizerSource
from tests.language.tiny_checkpoints import WIDTH, save_folder, save_gguf


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_a_gguf_file_and_a_safetensors_folder_make_the_same_decoder(architecture: str, tmp_path: Path) -> None:
    tensors = save_folder(tmp_path / "tiny", architecture)
    file = save_gguf(tmp_path / "model.gguf", tensors, architecture)
    decoders = [Decoder.load(source) for source in (tmp_path / "tiny", file)]
    assert decoders[0].config.width == WIDTH
    ids = torch.arange(12)[None]
    logits = [decoder.forward(decoder.embed(ids), decoder.new_cache(tokens=12)) for decoder in decoders]
    torch.testing.assert_close(logits[0], logits[1], rtol=0.0, atol=1e-3 * float(logits[0].std()))


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    tensors = save_folder(tmp_path / "tiny", "llama")
    del tensors["model.layers.1.mlp.down_proj.weight"]
    with pytest.raises(WeightsCorruptError, match="ffn_down"):
        Decoder.load(save_gguf(tmp_path / "broken.gguf", tensors, "llama"))


@pytest.mark.parametrize("name", ["none.gguf", "folder"])
def test_a_source_that_is_not_there_is_called_missing(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(WeightsMissingError):
        open_checkpoint(tmp_path / name)


@pytest.mark.weights
def test_smollm2_predicts_as_its_dequantised_weights_do(weights_dir: Callable[[str], Path]) -> None:
    weights = weights_dir("smollm2-135m-instruct") / "model.gguf"
    decoder = Decoder.load(weights)
    ids = _real_text_ids(GgufCheckpoint(weights).tokenizer())
    reference = _dequantised_smollm2(weights, decoder)
    with torch.inference_mode():
        expected = reference(input_ids=ids).logits[0]
    prefilled = decoder.forward(decoder.embed(ids), decoder.new_cache(tokens=ids.shape[1]), all_positions=True)[0]
    cache = decoder.new_cache(tokens=ids.shape[1])
    decoded = torch.cat([decoder.forward(decoder.embed(ids[:, i : i + 1]), cache) for i in range(ids.shape[1])])
    for logits in (prefilled, decoded):
        agreement = (logits.argmax(-1) == expected.argmax(-1)).float().mean()
        assert agreement >= 0.95
        assert _perplexity(logits, ids) == pytest.approx(_perplexity(expected, ids), rel=0.01)


def _perplexity(logits_LV: torch.Tensor, ids_1L: torch.Tensor) -> float:
    return float(torch.nn.functional.cross_entropy(logits_LV[:-1], ids_1L[0, 1:]).exp())


def _real_text_ids(source: TokenizerSource) -> torch.Tensor:
    """The beginnings of four texts in the public domain: Lincoln 1863, Austen 1813, Darwin 1859, Melville 1851."""
    text = (
        "Four score and seven years ago our fathers brought forth on this continent, a new nation, conceived in Liberty, and "
        "dedicated to the proposition that all men are created equal. Now we are engaged in a great civil war, testing whether "
        "that nation, or any nation so conceived and so dedicated, can long endure. We are met on a great battle-field of that "
        "war. We have come to dedicate a portion of that field, as a final resting place for those who here gave their lives.\n\n"
        "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a wife. "
        "However little known the feelings or views of such a man may be on his first entering a neighbourhood, this truth is so "
        "well fixed in the minds of the surrounding families, that he is considered as the rightful property of some one or other "
        "of their daughters.\n\n"
        "When on board H.M.S. Beagle, as naturalist, I was much struck with certain facts in the distribution of the inhabitants "
        "of South America, and in the geological relations of the present to the past inhabitants of that continent. These facts "
        "seemed to me to throw some light on the origin of species, that mystery of mysteries.\n\n"
        "Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse, and nothing "
        "particular to interest me on shore, I thought I would sail about a little and see the watery part of the world."
    )
    vocabulary = {token: index for index, token in enumerate(source.tokens)}
    merges = [(left, right) for left, right in (merge.split(" ") for merge in source.merges)]
    backend = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return torch.tensor([backend.encode(text).ids])


def _dequantised_smollm2(weights: Path, decoder: Decoder) -> Any:
    """transformers' own reading of the file is slow; the numbers are the reference package's."""
    shape = decoder.config
    config = LlamaConfig(
        vocab_size=shape.vocabulary_size,
        hidden_size=shape.width,
        intermediate_size=shape.intermediate_width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        max_position_embeddings=shape.context_tokens,
        rms_norm_eps=shape.rms_epsilon,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=True,
    )
    model: Any = LlamaForCausalLM(config)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, shape.layers)
    stored = {tensor.name: tensor for tensor in gguf.GGUFReader(weights).tensors}
    state = {}
    for name, parameter in model.state_dict().items():
        tensor = stored[str(names.get_name("model.embed_tokens.weight" if "lm_head" in name else name, try_suffixes=(".weight",)))]
        numbers = torch.from_numpy(np.array(gguf.dequantize(tensor.data, tensor.tensor_type))).reshape(parameter.shape)
        if ".q_proj" in name or ".k_proj" in name:
            numbers = numbers.view(-1, shape.head_width // 2, 2, shape.width).transpose(1, 2).reshape(parameter.shape)
        state[name] = numbers
    model.load_state_dict(state)
    model.train(False)
    return model
