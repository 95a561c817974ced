"""Conversion: once, whole or not at all, the same from either source."""

from __future__ import annotations

import json
import multiprocessing
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import tokenizers
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from assistant.errors import StorageError, StorageFullError, WeightsCorruptError, WeightsMissingError
from assistant.language.checkpoint import CONFIG_FILE, TOKENIZER_FILE, TokenizerSource, convert, read_metadata
from assistant.language.decoder import Decoder

WIDTH, HEADS, GROUPS, INNER, VOCABULARY = 64, 4, 2, 96, 40
TEMPLATE = "{{ messages }}"


def _save_folder(folder: Path, architecture: str) -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    sizes: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": WIDTH,
        "intermediate_size": INNER,
        "num_hidden_layers": 2,
        "num_attention_heads": HEADS,
        "num_key_value_heads": GROUPS,
        "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False,
    }
    model: Any = LlamaForCausalLM(LlamaConfig(**sizes)) if architecture == "llama" else Qwen2ForCausalLM(Qwen2Config(**sizes))
    model.save_pretrained(folder)
    tensors: dict[str, torch.Tensor] = model.state_dict()
    return tensors


def _save_gguf(path: Path, tensors: dict[str, torch.Tensor], architecture: str, **changed: Any) -> Path:
    """As llama.cpp's converter lays it out: Llama's q and k have their rotary pairs side by side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(str(path), changed.pop("name", architecture))
    writer.add_context_length(64)
    writer.add_embedding_length(changed.pop("width", WIDTH))
    writer.add_block_count(changed.pop("layers", 2))
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(changed.pop("heads", HEADS))
    writer.add_head_count_kv(GROUPS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(changed.pop("epsilon", 1e-5))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(["a", "b", "é"])
    writer.add_token_types([1, 1, 3])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(2)
    writer.add_chat_template(TEMPLATE)
    for key, value in changed.items():
        writer.add_string(key.replace("__", "."), value)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2 if architecture == "qwen2" else gguf.MODEL_ARCH.LLAMA, 2)
    for name, tensor in tensors.items():
        numbers = tensor
        if architecture == "llama" and (".q_proj" in name or ".k_proj" in name):
            half = WIDTH // HEADS // 2
            numbers = tensor.view(-1, 2, half, WIDTH).transpose(1, 2).reshape(tensor.shape)
        stored = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert stored is not None
        writer.add_tensor(stored, numbers.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_a_gguf_file_and_a_safetensors_folder_become_the_same_decoder(architecture: str, tmp_path: Path) -> None:
    tensors = _save_folder(tmp_path / "tiny", architecture)
    file = _save_gguf(tmp_path / "tiny-gguf" / "model.gguf", tensors, architecture)
    decoders = [Decoder.load(convert(source, tmp_path / "cache")) for source in (tmp_path / "tiny", file)]
    assert decoders[0].config.width == WIDTH
    ids = torch.arange(12)[None]
    logits = [decoder.forward(decoder.embed(ids), decoder.new_cache(tokens=12)) for decoder in decoders]
    torch.testing.assert_close(logits[0], logits[1], rtol=0.0, atol=1e-3 * float(logits[0].std()))


def test_a_second_conversion_is_free_and_a_changed_source_is_a_new_folder(tmp_path: Path) -> None:
    _save_folder(tmp_path / "tiny", "llama")
    shares: list[float] = []
    first = convert(tmp_path / "tiny", tmp_path / "cache", progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert first.name.startswith("tiny-")
    assert convert(tmp_path / "tiny", tmp_path / "cache", progress=lambda share: pytest.fail("converted again")) == first
    config = json.loads((tmp_path / "tiny" / CONFIG_FILE).read_text(encoding="utf-8"))
    (tmp_path / "tiny" / CONFIG_FILE).write_text(json.dumps(config | {"rms_norm_eps": 1e-4}), encoding="utf-8")
    assert convert(tmp_path / "tiny", tmp_path / "cache") != first


def test_a_failed_conversion_leaves_nothing_behind(tmp_path: Path) -> None:
    tensors = _save_folder(tmp_path / "tiny", "llama")
    del tensors["model.layers.1.mlp.down_proj.weight"]
    file = _save_gguf(tmp_path / "broken.gguf", tensors, "llama")
    with pytest.raises(WeightsCorruptError, match="ffn_down"):
        convert(file, tmp_path / "cache")
    assert _folders(tmp_path / "cache") == []


def _folders(cache_dir: Path) -> list[Path]:
    return [path for path in cache_dir.iterdir() if path.is_dir()]


def test_a_full_disk_is_told_and_nothing_half_written_is_left(tmp_path: Path) -> None:
    _save_folder(tmp_path / "tiny", "llama")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(StorageFullError):
            convert(tmp_path / "tiny", tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert _folders(tmp_path / "cache") == []


def test_a_cache_folder_that_is_a_file_is_a_storage_error(tmp_path: Path) -> None:
    _save_folder(tmp_path / "tiny", "llama")
    (tmp_path / "cache").write_text("in the way", encoding="utf-8")
    with pytest.raises(StorageError):
        convert(tmp_path / "tiny", tmp_path / "cache")


def _lose(path: Path) -> None:
    path.unlink()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("name", ["layer-001.safetensors", TOKENIZER_FILE, CONFIG_FILE])
@pytest.mark.parametrize("damage", [_lose, _cut], ids=["missing", "cut short"])
def test_a_damaged_conversion_is_made_again(name: str, damage: Callable[[Path], None], tmp_path: Path) -> None:
    file = _save_gguf(tmp_path / "tiny.gguf", _save_folder(tmp_path / "tiny", "llama"), "llama")
    converted = convert(file, tmp_path / "cache")
    whole = (converted / name).read_bytes()
    damage(converted / name)
    assert convert(file, tmp_path / "cache") == converted
    assert (converted / name).read_bytes() == whole
    assert _folders(tmp_path / "cache") == [converted]


def test_what_a_killed_conversion_and_older_ones_left_is_removed_and_a_mapped_one_still_serves(tmp_path: Path) -> None:
    _save_folder(tmp_path / "tiny", "llama")
    old = convert(tmp_path / "tiny", tmp_path / "cache")
    decoder = Decoder.load(old)
    ids = torch.arange(12)[None]
    before = decoder.forward(decoder.embed(ids), decoder.new_cache(tokens=12))
    others = [tmp_path / "cache" / name for name in ("tiny-large-0123456789abcdef", "tiny-notes", ".tiny-large-0123456789abcdef-x")]
    for folder in (*others, tmp_path / "cache" / ".tiny-0123456789abcdef-killed"):
        folder.mkdir()
    config = json.loads((tmp_path / "tiny" / CONFIG_FILE).read_text(encoding="utf-8"))
    (tmp_path / "tiny" / CONFIG_FILE).write_text(json.dumps(config | {"rms_norm_eps": 1e-4}), encoding="utf-8")
    new = convert(tmp_path / "tiny", tmp_path / "cache")
    assert set(_folders(tmp_path / "cache")) == {new, *others}
    torch.testing.assert_close(decoder.forward(decoder.embed(ids), decoder.new_cache(tokens=12)), before, rtol=0.0, atol=0.0)


def _convert_in_process(source: Path, cache_dir: Path) -> str:
    return str(convert(source, cache_dir))


def test_two_processes_may_convert_at_once(tmp_path: Path) -> None:
    _save_folder(tmp_path / "tiny", "llama")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        folders = set(pool.starmap(_convert_in_process, [(tmp_path / "tiny", tmp_path / "cache")] * 2))
    assert [str(path) for path in _folders(tmp_path / "cache")] == list(folders)
    Decoder.load(Path(folders.pop()))


def test_the_tokenizer_of_a_gguf_file_goes_along(tmp_path: Path) -> None:
    file = _save_gguf(tmp_path / "model.gguf", _save_folder(tmp_path / "tiny", "qwen2"), "qwen2")
    source = read_metadata(file)
    assert (source.model, source.pre_tokenizer, source.add_bos) == ("gpt2", "qwen2", False)
    assert (source.tokens, source.merges, source.token_types) == (("a", "b", "é"), ("a b",), (1, 1, 3))
    assert (source.bos_id, source.eos_id, source.chat_template) == (None, 2, TEMPLATE)
    assert read_metadata(convert(file, tmp_path / "cache")) == source


def test_the_tokenizer_files_of_a_folder_go_along(tmp_path: Path) -> None:
    _save_folder(tmp_path / "tiny", "llama")
    (tmp_path / "tiny" / "tokenizer.json").write_text("{}", encoding="utf-8")
    converted = convert(tmp_path / "tiny", tmp_path / "cache")
    assert (converted / "tokenizer.json").read_text(encoding="utf-8") == "{}"
    with pytest.raises(WeightsMissingError, match=TOKENIZER_FILE):
        read_metadata(converted)


@pytest.mark.parametrize("name", ["none.gguf", "folder"])
def test_a_source_that_is_not_there_is_called_missing(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(WeightsMissingError):
        convert(tmp_path / name, tmp_path / "cache")


WRONG: dict[str, dict[str, Any]] = {
    "an architecture that is not run": {"name": "mamba"},
    "scaled rotary positions": {"llama__rope__scaling__type": "yarn"},
    "heads that do not divide": {"heads": 3},
    "no heads": {"heads": 0},
    "a width that the tensors have not": {"width": 128},
    "more layers than there are": {"layers": 3},
    "a million layers": {"layers": 1_000_000},
    "an epsilon of zero": {"epsilon": 0.0},
}


@pytest.mark.parametrize("changed", WRONG.values(), ids=WRONG.keys())
def test_a_gguf_file_with_wrong_metadata_is_refused(changed: dict[str, Any], tmp_path: Path) -> None:
    file = _save_gguf(tmp_path / "model.gguf", _save_folder(tmp_path / "tiny", "llama"), "llama", **changed)
    with pytest.raises(WeightsCorruptError) as caught:
        convert(file, tmp_path / "cache")
    assert caught.value.hint


def _other_type(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace('"hidden_size": 64', '"hidden_size": "64"'), encoding="utf-8")


def _list(path: Path) -> None:
    path.write_text("[]", encoding="utf-8")


DAMAGE: dict[str, tuple[str, Callable[[Path], None]]] = {
    "weights cut short": ("model.safetensors", _cut),
    "a size that is text": (CONFIG_FILE, _other_type),
    "a configuration that is not JSON": (CONFIG_FILE, _cut),
    "a configuration that is a list": (CONFIG_FILE, _list),
}


@pytest.mark.parametrize(("name", "damage"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_folder_is_refused(name: str, damage: Callable[[Path], None], tmp_path: Path) -> None:
    _save_folder(tmp_path / "tiny", "llama")
    damage(tmp_path / "tiny" / name)
    with pytest.raises(WeightsCorruptError):
        convert(tmp_path / "tiny", tmp_path / "cache")


@pytest.mark.weights
def test_smollm2_predicts_as_its_dequantised_weights_do(weights_dir: Callable[[str], Path], tmp_path: Path) -> None:
    weights = weights_dir("smollm2-135m-instruct") / "model.gguf"
    decoder = Decoder.load(convert(weights, tmp_path))
    ids = _real_text_ids(read_metadata(weights))
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
