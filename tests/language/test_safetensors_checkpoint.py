"""A damaged folder is told from a whole one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.errors import WeightsCorruptError
from assistant.language.decoder import Decoder
from assistant.language.safetensors_checkpoint import CONFIG_FILE, SafetensorsCheckpoint
from tests.language.tiny_checkpoints import WIDTH, save_folder


def test_the_shape_is_read_and_the_tokenizer_is_in_the_folder(tmp_path: Path) -> None:
    save_folder(tmp_path / "tiny", "llama")
    checkpoint = SafetensorsCheckpoint(tmp_path / "tiny")
    assert (checkpoint.config.architecture, checkpoint.config.width) == ("llama", WIDTH)
    assert checkpoint.tokenizer() == tmp_path / "tiny"
    assert checkpoint.tensor("blk.0.attn_q.bias") is None


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _other_type(path: Path) -> None:
    path.write_text(path.read_text(encoding="utf-8").replace('"hidden_size": 64', '"hidden_size": "64"'), encoding="utf-8")


def _no_heads(path: Path) -> None:
    path.write_text(re.sub(r'("num_attention_heads"): \d+', r"\1: 0", path.read_text(encoding="utf-8")), encoding="utf-8")


def _list(path: Path) -> None:
    path.write_text("[]", encoding="utf-8")


DAMAGE: dict[str, tuple[str, Callable[[Path], None]]] = {
    "weights cut short": ("model.safetensors", _cut),
    "a size that is text": (CONFIG_FILE, _other_type),
    "no heads": (CONFIG_FILE, _no_heads),
    "a configuration that is not JSON": (CONFIG_FILE, _cut),
    "a configuration that is a list": (CONFIG_FILE, _list),
}


@pytest.mark.parametrize(("name", "damage"), DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_folder_is_refused(name: str, damage: Callable[[Path], None], tmp_path: Path) -> None:
    save_folder(tmp_path / "tiny", "llama")
    damage(tmp_path / "tiny" / name)
    with pytest.raises(WeightsCorruptError):
        Decoder.load(tmp_path / "tiny")
