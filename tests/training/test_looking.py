from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import WeightsMissingError
from assistant.training.looking import load_encoder
from assistant.weights import WeightStore


def test_an_encoder_that_is_not_here_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError):
        load_encoder(WeightStore(tmp_path))
