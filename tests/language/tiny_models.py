"""Models of a few thousand random weights, made on the spot: they say nonsense, by the same path as a real model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import tokenizers
import torch
from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

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
_CHATML_PARTS = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'image' %}<image>{% else %}{{ part.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_tokenizer() -> tokenizers.Tokenizer:
    """Byte-level BPE with a few merges and ChatML's control tokens."""
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in CONTROL],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(_TEXTS, trainer)
    return backend


def save_tiny_chat_model(folder: Path) -> Path:
    """A Llama of two layers with its tokenizer, as transformers saves it."""
    torch.manual_seed(0)
    backend = tiny_tokenizer()
    model = LlamaForCausalLM(_llama(backend.get_vocab_size()))
    model.save_pretrained(folder)
    _tokenizer(backend, CHATML).save_pretrained(folder)
    return folder


def save_tiny_vision_language_model(folder: Path) -> Path:
    """A Llava of two layers that sees pictures of 28 by 28 pixels as four tokens."""
    torch.manual_seed(0)
    backend = tiny_tokenizer()
    tokenizer = _tokenizer(backend, None)
    vision = CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
        projection_dim=32,
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=_llama(backend.get_vocab_size()),
        image_token_index=CONTROL.index("<image>"),
        image_seq_length=4,
        vision_feature_layer=-1,
    )
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    size = {"height": 28, "width": 28}
    processor: Any = LlavaProcessor
    processor(
        CLIPImageProcessorPil(size=size, crop_size=size),
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=_CHATML_PARTS,
    ).save_pretrained(folder)
    return folder


def _llama(vocabulary_size: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary_size,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_TOKENS,
        tie_word_embeddings=True,
        initializer_range=0.3,
        bos_token_id=None,
        eos_token_id=2,
        pad_token_id=0,
    )


def _tokenizer(backend: tokenizers.Tokenizer, chat_template: str | None) -> PreTrainedTokenizerFast:
    fast: Any = PreTrainedTokenizerFast
    return cast(
        PreTrainedTokenizerFast,
        fast(
            tokenizer_object=backend,
            eos_token="<|im_end|>",
            pad_token="<|endoftext|>",
            additional_special_tokens=["<|im_start|>", "<image>"],
            chat_template=chat_template,
        ),
    )
