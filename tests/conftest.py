"""Fixtures every test may use."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from assistant.config import load_settings
from assistant.errors import AssistantError
from assistant.weights import WeightStore

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


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


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """The command line's variables: scripted engines and a database of its own."""
    roles = ("RECOGNIZER", "VISION", "LANGUAGE_MODEL", "SYNTHESIZER")
    return {
        **os.environ,
        **{f"ASSISTANT_{role}__ENGINE": f"assistant.testing:{role.lower()}" for role in roles},
        "ASSISTANT_SYNTHESIZER__BY_LANGUAGE": "{}",
        "ASSISTANT_DATA_DIR": str(tmp_path / "data"),
    }


@pytest.fixture
def assistant_process(tmp_path: Path, environment: Mapping[str, str]) -> Run:
    """Run `python -m assistant` in `tmp_path`; other keywords than `stdin` and `check` are variables of its environment."""

    def run(*words: object, stdin: bytes = b"", check: bool = True, **changes: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "assistant", *(word if isinstance(word, bytes) else str(word) for word in words)]
        return subprocess.run(command, input=stdin, env={**environment, **changes}, cwd=tmp_path, capture_output=True, check=check)

    return run


@pytest.fixture
def assistant_here(tmp_path: Path, environment: Mapping[str, str]) -> Run:
    """The same in this process, which saves the second or two that a new one takes to import everything."""

    def run(*words: object, stdin: bytes = b"", check: bool = True, **changes: str) -> subprocess.CompletedProcess[bytes]:
        from assistant.cli import main

        stdout, stderr = io.BytesIO(), io.BytesIO()
        with pytest.MonkeyPatch.context() as patch:
            for name, value in {**environment, **changes}.items():
                patch.setenv(name, value)
            patch.chdir(tmp_path)
            patch.setattr(sys, "argv", ["assistant", *(os.fsdecode(w) if isinstance(w, bytes) else str(w) for w in words)])
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
            patch.setattr(sys, "stdout", io.TextIOWrapper(stdout, "utf-8", write_through=True))
            patch.setattr(sys, "stderr", io.TextIOWrapper(stderr, "utf-8", "backslashreplace", write_through=True))
            with pytest.raises(SystemExit) as ended:
                main()
            done = subprocess.CompletedProcess(sys.argv, int(ended.value.code or 0), stdout.getvalue(), stderr.getvalue())
        if check:
            done.check_returncode()
        return done

    return run


@pytest.fixture(params=["here", pytest.param("process", marks=pytest.mark.slow)])
def assistant(request: pytest.FixtureRequest) -> Run:
    """The command line over scripted engines: in this process by default, in one of its own among the slow tests."""
    run: Run = request.getfixturevalue(f"assistant_{request.param}")
    return run
