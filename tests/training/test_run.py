from __future__ import annotations

from pathlib import Path

import pytest

from assistant.config import load_settings
from assistant.errors import ConfigError
from assistant.training.run import require_model


def test_models_that_are_no_language_models_are_refused_by_name(tmp_path: Path) -> None:
    settings = load_settings({"cache_dir": str(tmp_path)})
    require_model("smollm2-135m-instruct", settings)
    with pytest.raises(ConfigError, match="whisper-base") as refused:
        require_model("whisper-base", settings)
    assert "smollm2-135m-instruct" in refused.value.hint
