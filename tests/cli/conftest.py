import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def assistant(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[bytes]"]:
    """The command line over scripted engines, in a folder and with a database of its own."""
    environment = {
        **os.environ,
        **{f"ASSISTANT_{role}__ENGINE": f"assistant.testing:{role.lower()}" for role in ROLES},
        "ASSISTANT_SYNTHESIZER__BY_LANGUAGE": "{}",
        "ASSISTANT_DATA_DIR": str(tmp_path / "data"),
    }

    def run(*arguments: object, stdin: bytes = b"", check: bool = True) -> "subprocess.CompletedProcess[bytes]":
        words = [word if isinstance(word, bytes) else str(word) for word in arguments]
        return subprocess.run(
            [sys.executable, "-m", "assistant", *words],
            input=stdin,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            check=check,
        )

    return run


ROLES = ("RECOGNIZER", "VISION", "LANGUAGE_MODEL", "SYNTHESIZER")
