"""Models of a few thousand random weights, made on the spot: they say nonsense, by the same path as a real model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tokenizers
import torch
from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>")
CONTEXT_TOKENS = 512
_TEXTS = (
    "What is the capital of France? The capital of France is Paris.",
    'The answer is yes or no. {"name": "Ada", "age": 36, "tags": ["red", "green"]}',
    "system user assistant You are a helpful assistant. 日本語 中文 😀 naïve café",
)
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_tokenizer(marks: Sequence[str] = ()) -> tokenizers.Tokenizer:
    """Byte-level BPE with a few merges, ChatML's control tokens, and these."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in (*CONTROL, *marks)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(_TEXTS, trainer)
    return backend


def save_tiny_chat_model(folder: Path) -> Path:
    """A Llama of two layers with its tokenizer, as transformers saves it."""
    torch.manual_seed(0)
    backend = tiny_tokenizer()
    model = LlamaForCausalLM(LlamaConfig(**llama_config(backend.get_vocab_size())))
    model.save_pretrained(folder)
    save_tokenizer(backend, folder)
    return folder


def llama_config(vocabulary_size: int, context_tokens: int = CONTEXT_TOKENS) -> dict[str, Any]:
    """Of a decoder of two layers."""
    return {
        "vocab_size": vocabulary_size,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": context_tokens,
        "tie_word_embeddings": True,
        "initializer_range": 0.3,
        "bos_token_id": None,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }


def save_tokenizer(backend: tokenizers.Tokenizer, folder: Path, *, marks: Sequence[str] = (), chat_template: str = CHATML) -> None:
    """Save it as transformers does.

    Args:
        backend: What `tiny_tokenizer` made.
        folder: Where.
        marks: As given to `tiny_tokenizer`.
        chat_template: In Jinja.
    """
    fast: Any = PreTrainedTokenizerFast
    fast(
        tokenizer_object=backend,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>", "<image>", *marks],
        chat_template=chat_template,
    ).save_pretrained(folder)
