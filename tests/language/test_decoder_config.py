from __future__ import annotations

import pytest

from assistant.errors import WeightsCorruptError
from assistant.language.decoder_config import checked_config

SOUND = {
    "architecture": "llama",
    "vocabulary_size": 100,
    "width": 64,
    "layers": 2,
    "heads": 4,
    "key_value_heads": 2,
    "head_width": 16,
    "intermediate_width": 128,
    "rope_theta": 1e4,
    "rms_epsilon": 1e-5,
    "context_tokens": 512,
    "tied_embeddings": True,
}


def test_a_sound_shape_passes() -> None:
    assert checked_config(**SOUND).width == 64


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("architecture", "mamba"),
        ("width", 0),
        ("width", 64.0),
        ("head_width", 16.0),
        ("layers", 1 << 20),
        ("heads", 3),
        ("head_width", 15),
        ("rms_epsilon", 0.0),
    ],
)
def test_a_shape_that_cannot_be_is_refused_with_a_hint(name: str, value: object) -> None:
    with pytest.raises(WeightsCorruptError) as caught:
        checked_config(**(SOUND | {name: value}))
    assert caught.value.hint
