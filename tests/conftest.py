"""Fixtures every test may use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.config import load_settings
from assistant.errors import AssistantError
from assistant.weights import WeightStore


@pytest.fixture(scope="session")
def weights_dir() -> Callable[[str], Path]:
    """The verified folder of a model by name; a missing model fails the test and says what to run."""
    store = WeightStore(load_settings().cache_dir)

    def folder(name: str) -> Path:
        try:
            return store.folder(name)
        except AssistantError as error:
            pytest.fail(f"{error}; {error.hint}")

    return folder
