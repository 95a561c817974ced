"""The rules that keep the drawing true."""

import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import assistant

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "assistant").rglob("*.py"))
CHECKED = [path for path in SOURCES if path.name not in ("__init__.py", "__main__.py")]


def run(*arguments: str) -> None:
    result = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-4000:]


def test_the_format_is_ruffs() -> None:
    run("-m", "ruff", "format", "--check", ".")


def test_ruff_finds_nothing() -> None:
    run("-m", "ruff", "check", ".")


def test_the_types_are_strict() -> None:
    run("-m", "mypy")


def test_boxes_do_not_import_boxes() -> None:
    run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")


@pytest.mark.parametrize("source", CHECKED, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_has_its_test_file(source: Path) -> None:
    inner = source.relative_to(ROOT / "assistant")
    assert (ROOT / "tests" / inner.parent / f"test_{inner.name}").is_file()


def test_every_test_file_has_its_module() -> None:
    elsewhere = {"contracts", "journeys", "benchmarks"}
    for test in (ROOT / "tests").rglob("test_*.py"):
        inner = test.relative_to(ROOT / "tests")
        if inner.parts[0] in elsewhere or inner.name == "test_architecture.py":
            continue
        target = ROOT / "assistant" / inner.parent / inner.name.removeprefix("test_")
        assert target.is_file() or target.with_suffix("").is_dir(), f"{inner} tests nothing"


def test_import_assistant_is_light() -> None:
    heavy = ("torch", "transformers", "numpy", "sqlalchemy", "pydantic", "onnxruntime", "faster_whisper", "langchain", "PIL")
    code = f"import assistant, sys; print([n for n in {heavy!r} if n in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_public_name_exists() -> None:
    for name in assistant.__all__:
        assert getattr(assistant, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = assistant.no_such_name


def test_every_module_imports() -> None:
    for module in pkgutil.walk_packages(assistant.__path__, "assistant."):
        if module.name != "assistant.__main__":
            importlib.import_module(module.name)


def test_every_dependency_says_its_licence_and_what_it_is_for() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    for requirement in project["dependencies"]:
        (line,) = [line for line in text.splitlines() if f'"{requirement}"' in line]
        assert re.search(r"# [A-Z][\w.-]+( \(.+\))?: .+; instead of .+", line), line
