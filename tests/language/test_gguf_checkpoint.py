"""What a GGUF file says of its model is checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from assistant.errors import WeightsCorruptError
from assistant.language.decoder import Decoder
from assistant.language.gguf_checkpoint import GgufCheckpoint
from tests.language.tiny_checkpoints import TEMPLATE, WIDTH, save_folder, save_gguf


def test_the_shape_and_the_tokenizer_are_read(tmp_path: Path) -> None:
    checkpoint = GgufCheckpoint(save_gguf(tmp_path / "model.gguf", save_folder(tmp_path / "tiny", "qwen2"), "qwen2"))
    assert (checkpoint.config.architecture, checkpoint.config.width, checkpoint.config.layers) == ("qwen2", WIDTH, 2)
    source = checkpoint.tokenizer()
    assert (source.model, source.pre_tokenizer, source.add_bos) == ("gpt2", "qwen2", False)
    assert (source.tokens, source.merges, source.token_types) == (("a", "b", "é"), ("a b",), (1, 1, 3))
    assert (source.bos_id, source.eos_id, source.chat_template) == (None, 2, TEMPLATE)


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
    file = save_gguf(tmp_path / "model.gguf", save_folder(tmp_path / "tiny", "llama"), "llama", **changed)
    with pytest.raises(WeightsCorruptError) as caught:
        Decoder.load(file)
    assert caught.value.hint
