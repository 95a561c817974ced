from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import assistant
from assistant.errors import ConfigError
from assistant.language.checkpoint import open_checkpoint
from assistant.language.embedded import EmbeddedModel
from assistant.language.tokenizer import open_tokenizer
from assistant.language.word_vectors import CheckpointWords
from assistant.types import GenerationOptions, Message, Prompt, Region
from assistant.vision.connectors.anchored import Anchored
from assistant.vision.encoder_efficientnet import EfficientNetEncoder
from assistant.vision.image import decode_image
from assistant.vision.projector import PictureProjector
from assistant.vision.token_parts import parts_of
from tests.vision.tiny_vision import TinyEncoder, TinyWords, noise

PHOTO = Path(assistant.__file__).parent.parent / "data" / "photo.jpg"


def test_untrained_tokens_are_a_sentence_of_the_models_own_words() -> None:
    words = TinyWords()
    features = TinyEncoder().encode([noise(9, 9)])
    sure = replace(features, logits_BK=torch.tensor([[-90.0, -90, 90, -90]]), regions=((Region("dog", 0.9, 0, 0, 0.1, 1),),))
    (tokens_ND,) = Anchored(TinyEncoder(), words, regions_start="Found:")(sure)
    expected = words("Found: one thing: a dog (left). The picture shows a great white shark.")
    torch.testing.assert_close(tokens_ND, expected)
    (without,) = Anchored(TinyEncoder(), words)(replace(sure, regions=((),)))
    torch.testing.assert_close(without, words("The picture shows a great white shark."))


def test_a_drawing_is_not_named_by_an_encoder_of_photos_where_that_is_not_wanted() -> None:
    words = TinyWords()
    features = TinyEncoder().encode([noise(9, 9)] * 2)
    shapes = (Region("star", 0.9, 0, 0, 0.1, 1),)
    unsure_K = torch.zeros(4)
    features = replace(features, logits_BK=torch.stack([unsure_K, unsure_K]))
    shown = replace(features, regions=(shapes, (Region("dog", 0.9, 0, 0, 0.1, 1),)))
    connector = Anchored(TinyEncoder(), words, regions_start="Found:", name_drawings=False)
    drawing_ND, photo_ND = connector(shown)
    torch.testing.assert_close(drawing_ND, torch.cat([words("Found: one thing: a star (left).\n")]))
    assert len(photo_ND) > len(drawing_ND)
    for picture, tokens_ND in ((0, drawing_ND), (1, photo_ND)):
        alone = replace(features, logits_BK=features.logits_BK[picture : picture + 1], regions=shown.regions[picture : picture + 1])
        assert sum(part.tokens for part in parts_of(connector, alone, len(tokens_ND))) == len(tokens_ND)
    sure = replace(alone, logits_BK=torch.tensor([[-90.0, -90, 90, -90]]), regions=(shapes,))
    assert len(connector(sure)[0]) > len(drawing_ND)


def test_a_grid_adds_its_cells() -> None:
    features = TinyEncoder().encode([noise(9, 9)])
    plain, gridded = (Anchored(TinyEncoder(), TinyWords(), grid_side=side, grid_start="Cells:") for side in (0, 3))
    assert len(gridded(features)[0]) == len(plain(features)[0]) + 2 + 9


def test_an_encoder_that_names_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="names nothing"):
        Anchored(TinyEncoder(names=()), TinyWords())


@pytest.mark.weights
async def test_an_untrained_connector_lets_a_small_model_name_a_photo(weights_dir: Callable[[str], Path]) -> None:
    encoder = EfficientNetEncoder(weights_dir("efficientnet-lite2") / "model.pth", sha256="")
    source = weights_dir("smollm2-135m-instruct") / "model.gguf"
    checkpoint = open_checkpoint(source)
    words = CheckpointWords(checkpoint, open_tokenizer(checkpoint.tokenizer()), sha256="")
    projector = PictureProjector(lambda image: encoder.encode([image.pixels_HWC]), Anchored(encoder, words))
    model = EmbeddedModel(source, name="smollm2", context_tokens=512, threads=1, visual_tokens=projector)
    image = decode_image(PHOTO, max_bytes=2**20, max_pixels=10**6, max_side_px=1000)
    system = Message("system", "You are a helpful assistant.")
    prompts = [Prompt((system, Message("user", "What is in the picture?", images))) for images in ((image,), ())]
    seen, blind = await model.generate_batch(prompts, GenerationOptions(max_tokens=24))
    assert "espresso" in seen.text
    assert "espresso" not in blind.text
    await model.close()
