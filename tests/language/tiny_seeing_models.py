"""Vision-language models of a few thousand random weights, in folders laid out as the hub's: one of each family users bring."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
    SmolVLMImageProcessorPil,
)

from tests.language.tiny_models import CONTEXT_TOKENS, llama_config, save_tokenizer, tiny_tokenizer

_CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{% for part in message.content %}"
    "{% if part.type == 'image' %}IMAGE{% else %}{{ part.text }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_IDEFICS_MARKS = ("<fake_token_around_image>", "<global-img>", "<end_of_utterance>", "<row_1_col_1>", "<row_1_col_2>")
_QWEN_MARKS = ("<|image_pad|>", "<|vision_start|>", "<|vision_end|>", "<|video_pad|>")


def save_tiny_seeing_model(kind: str, folder: Path, *, context_tokens: int = CONTEXT_TOKENS) -> Path:
    """Make a model of the kind, one of `KINDS`, and save it in the folder.

    Args:
        kind: As `config.json` names it.
        folder: Where.
        context_tokens: Of the decoder.
    """
    torch.manual_seed(0)
    KINDS[kind](folder, context_tokens)
    return folder


def _llava(folder: Path, context_tokens: int) -> None:
    ids = _save_tokenizer(folder, (), "<image>")
    vision = CLIPVisionConfig(**_VIT, image_size=28, patch_size=14, projection_dim=32)
    config = LlavaConfig(
        vision_config=vision,
        text_config={"model_type": "llama", **llama_config(len(ids), context_tokens)},
        image_token_index=ids["<image>"],
        image_seq_length=4,
    )
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}).save_pretrained(folder)
    _save_processor(
        folder, "LlavaProcessor", patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1
    )


def _idefics(folder: Path, context_tokens: int, family: str, make_config: Any, make_model: Any, make_processor: Any) -> None:
    ids = _save_tokenizer(folder, _IDEFICS_MARKS, "<image>")
    vision = {**_VIT, "image_size": 28, "patch_size": 7}
    config = make_config(
        vision_config=vision,
        text_config={"model_type": "llama", **llama_config(len(ids), context_tokens)},
        image_token_id=ids["<image>"],
        scale_factor=2,
        pad_token_id=0,
    )
    make_model(config).save_pretrained(folder)
    make_processor(size={"longest_edge": 56}, max_image_size={"longest_edge": 28}).save_pretrained(folder)
    _save_processor(folder, family, image_seq_len=4)


def _qwen(
    folder: Path, context_tokens: int, make_config: Any, make_model: Any, vision: Mapping[str, Any], rope: Mapping[str, Any]
) -> None:
    ids = _save_tokenizer(folder, _QWEN_MARKS, "<|vision_start|><|image_pad|><|vision_end|>")
    text = {**llama_config(len(ids), context_tokens), "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, **rope}}
    config = make_config(
        vision_config=vision,
        text_config=text,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
    )
    make_model(config).save_pretrained(folder)
    patch_px = int(vision["patch_size"])
    sizes: dict[str, Any] = {"shortest_edge": (2 * patch_px) ** 2, "longest_edge": (8 * patch_px) ** 2}
    Qwen2VLImageProcessorPil(size=sizes, patch_size=patch_px).save_pretrained(folder)


def _qwen2(folder: Path, context_tokens: int) -> None:
    vision = {"depth": 2, "embed_dim": 32, "hidden_size": 64, "num_heads": 2, "patch_size": 14}
    _qwen(folder, context_tokens, Qwen2VLConfig, Qwen2VLForConditionalGeneration, vision, {"mrope_section": [2, 3, 3]})


def _qwen25(folder: Path, context_tokens: int) -> None:
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "out_hidden_size": 64,
        "intermediate_size": 64,
        "num_heads": 2,
        "patch_size": 14,
        "fullatt_block_indexes": [1],
        "window_size": 56,
    }
    _qwen(folder, context_tokens, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, vision, {"mrope_section": [2, 3, 3]})


def _qwen3(folder: Path, context_tokens: int) -> None:
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "out_hidden_size": 64,
        "intermediate_size": 64,
        "num_heads": 2,
        "patch_size": 16,
        "num_position_embeddings": 64,
        "deepstack_visual_indexes": [0],
    }
    rope = {"mrope_section": [2, 3, 3], "mrope_interleaved": True}
    _qwen(folder, context_tokens, Qwen3VLConfig, Qwen3VLForConditionalGeneration, vision, rope)


KINDS: Mapping[str, Callable[[Path, int], None]] = {
    "llava": _llava,
    "idefics3": lambda folder, context_tokens: _idefics(
        folder, context_tokens, "Idefics3Processor", Idefics3Config, Idefics3ForConditionalGeneration, Idefics3ImageProcessorPil
    ),
    "smolvlm": lambda folder, context_tokens: _idefics(
        folder, context_tokens, "SmolVLMProcessor", SmolVLMConfig, SmolVLMForConditionalGeneration, SmolVLMImageProcessorPil
    ),
    "qwen2_vl": _qwen2,
    "qwen2_5_vl": _qwen25,
    "qwen3_vl": _qwen3,
}

_VIT: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def _save_tokenizer(folder: Path, marks: tuple[str, ...], placeholder: str) -> Mapping[str, int]:
    """The ids by token, for the model's configuration."""
    backend = tiny_tokenizer(marks)
    save_tokenizer(backend, folder, marks=marks, chat_template=_CHATML.replace("IMAGE", placeholder))
    return backend.get_vocab()


def _save_processor(folder: Path, family: str, **options: Any) -> None:
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": family, **options}))
