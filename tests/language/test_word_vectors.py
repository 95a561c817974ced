from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from assistant.language.checkpoint import open_checkpoint
from assistant.language.decoder import Decoder
from assistant.language.tokenizer import open_tokenizer
from assistant.language.word_vectors import CheckpointWords, weights_sha256
from tests.language.tiny_models import save_tiny_chat_model


def words_of(source: Path) -> CheckpointWords:
    checkpoint = open_checkpoint(source)
    return CheckpointWords(checkpoint, open_tokenizer(checkpoint.tokenizer()), sha256="0" * 64)


def test_words_are_embedded_as_the_decoder_embeds_them(tmp_path: Path) -> None:
    words = words_of(save_tiny_chat_model(tmp_path))
    decoder = Decoder.load(tmp_path)
    ids = open_tokenizer(open_checkpoint(tmp_path).tokenizer()).encode("Paris is the capital")
    torch.testing.assert_close(words("Paris is the capital"), decoder.embed(torch.tensor([ids]))[0])
    assert (words.width, words.layers) == (64, 2)
    assert words("").shape == (0, 64)


@pytest.mark.weights
def test_a_real_models_words_are_near_their_like(weights_dir: Callable[[str], Path]) -> None:
    words = words_of(weights_dir("smollm2-135m-instruct") / "model.gguf")
    dog, wolf, bread = (torch.nn.functional.normalize(words(f" {name}").mean(dim=0), dim=0) for name in ("dog", "wolf", "bread"))
    assert (words.width, words.layers) == (576, 30)
    assert dog @ wolf > dog @ bread


def test_the_weights_of_a_folder_are_told_apart_by_all_their_files(tmp_path: Path) -> None:
    (tmp_path / "model-1.safetensors").write_bytes(b"ab")
    one = weights_sha256(tmp_path)
    assert one == weights_sha256(tmp_path / "model-1.safetensors") == hashlib.sha256(b"ab").hexdigest()
    (tmp_path / "model-2.safetensors").write_bytes(b"c")
    assert weights_sha256(tmp_path) == hashlib.sha256(b"abc").hexdigest()
