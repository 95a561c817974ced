from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    SiglipConfig,
    SiglipImageProcessorPil,
    SiglipModel,
)

from assistant.errors import ConfigError, WeightsCorruptError, WeightsMissingError
from assistant.language.embedded import EmbeddedModel
from assistant.types import Image, Message, Prompt
from assistant.vision.connector_file import describe, load_connector, save_connector
from assistant.vision.connector_kinds import build_connector
from assistant.vision.encoder_transformers import TransformersEncoder
from assistant.vision.experts import EvidenceEncoder
from assistant.vision.projector import PictureProjector
from tests.language.tiny_models import CONTEXT_TOKENS, save_tiny_chat_model

VISION: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 28,
    "patch_size": 7,
}
TEXT: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 300,
    "max_position_embeddings": 24,
    "eos_token_id": 1,
    "bos_token_id": 0,
    "pad_token_id": 1,
}
NAMES = ("tench", "goldfish", "great white shark")


def save(model: Any, processor: Any, folder: Path) -> Path:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    alphabet = {"<s>": 0, "</s>": 1, **{letter: i for i, letter in enumerate(pre_tokenizers.ByteLevel.alphabet(), start=2)}}
    backend = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    fast: Any = PreTrainedTokenizerFast
    fast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="</s>", model_max_length=24).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["clip", "siglip"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    place = tmp_path_factory.mktemp(request.param)
    if request.param == "clip":
        clip = CLIPModel(CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=16))
        return save(clip, CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size=28), place)
    siglip = SiglipModel(SiglipConfig(text_config=TEXT, vision_config=VISION))
    return save(siglip, SiglipImageProcessorPil(size={"height": 28, "width": 28}), place)


def noise(height_px: int, width_px: int) -> np.ndarray:
    return np.random.default_rng(height_px).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)


def test_names_and_patches_come_out_with_the_shapes_of_the_checkpoint(folder: Path) -> None:
    encoder = TransformersEncoder(folder, sha256="0" * 64, names=NAMES)
    assert encoder.levels == {"rgb": (3, 16, 16), "patches": (32, 4, 4)}
    features = encoder.encode([noise(30, 50), noise(28, 28)])
    assert {name: tuple(grid.shape[1:]) for name, grid in features.levels.items()} == encoder.levels
    assert features.pooled_BV.shape == (2, encoder.pooled_width)
    assert features.logits_BK.shape == (2, 3)


def test_names_are_scored_as_the_model_scores_them(folder: Path) -> None:
    encoder = TransformersEncoder(folder, sha256="0" * 64, names=NAMES)
    picture = noise(28, 28)
    family: Any = CLIPModel if "clip" in folder.name and "siglip" not in folder.name else SiglipModel
    model = family.from_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    texts: Any = tokenizer([f"a photo of a {name}." for name in NAMES], padding="max_length", truncation=True, return_tensors="pt")
    processor: Any = (CLIPImageProcessorPil if family is CLIPModel else SiglipImageProcessorPil).from_pretrained(folder)
    with torch.no_grad():
        pixels = processor(picture, return_tensors="pt").pixel_values
        expected = model(input_ids=texts.input_ids, pixel_values=pixels).logits_per_image.softmax(dim=1)
    torch.testing.assert_close(encoder.encode([picture]).logits_BK.softmax(dim=1), expected, rtol=1e-3, atol=1e-3)


async def test_names_of_ones_own_reach_a_language_model_through_an_anchored_connector(folder: Path, tmp_path: Path) -> None:
    encoder = TransformersEncoder(folder, sha256="0" * 64, names=("cat", "red bicycle", "great white shark"))
    source, options = save_tiny_chat_model(tmp_path), {"grid_side": 4, "levels": ["patches"]}
    words = EmbeddedModel(source, name="blind", context_tokens=CONTEXT_TOKENS, threads=1).words("f" * 64)
    connector = build_connector("anchored", encoder, words, options)
    save_connector(tmp_path / "a.safetensors", connector, describe("anchored", options, connector, encoder, words))
    experts = EvidenceEncoder(encoder)
    project = PictureProjector(experts.features, load_connector(tmp_path / "a.safetensors", encoder, words).connector)
    model = EmbeddedModel(source, name="eyes", context_tokens=CONTEXT_TOKENS, threads=1, visual_tokens=project)
    pictures = [Image(noise(28, 40), "noise"), Image(np.full((40, 28, 3), 220, np.uint8), "plain")]
    scores = []
    for images in ((), (pictures[0],), (pictures[1],), tuple(pictures)):
        (score,) = await model.score(Prompt((Message("user", "What is this?", images),)), ["a cat"])
        scores.append(round(score, 3))
    assert len(set(scores)) == 4
    assert {label.name for label in (await experts.encode(pictures[0])).evidence.labels} <= set(encoder.names)
    await experts.close()


def test_a_vision_tower_alone_names_nothing(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tower: Any = CLIPVisionModel(CLIPVisionConfig(**VISION))
    tower.save_pretrained(tmp_path)
    CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size=28).save_pretrained(tmp_path)
    encoder = TransformersEncoder(tmp_path, sha256="0" * 64)
    assert encoder.names == ()
    features = encoder.encode([noise(10, 300)])
    assert features.logits_BK.shape == (1, 0)
    assert features.levels["patches"].shape == (1, 32, 4, 4)


def test_other_folders_are_refused_with_their_reason(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError):
        TransformersEncoder(tmp_path / "none", sha256="")
    with pytest.raises(WeightsCorruptError):
        TransformersEncoder(tmp_path, sha256="")
    small = LlamaConfig(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
    LlamaForCausalLM(small).save_pretrained(tmp_path)
    CLIPImageProcessorPil().save_pretrained(tmp_path)
    with pytest.raises(ConfigError):
        TransformersEncoder(tmp_path, sha256="")
