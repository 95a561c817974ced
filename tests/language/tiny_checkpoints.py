"""One small random model as a safetensors folder and as a GGUF file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

WIDTH, HEADS, GROUPS, INNER, VOCABULARY = 64, 4, 2, 96, 40
TEMPLATE = "{{ messages }}"


def save_folder(folder: Path, architecture: str) -> dict[str, torch.Tensor]:
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


def save_gguf(path: Path, tensors: dict[str, torch.Tensor], architecture: str, **changed: Any) -> Path:
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
