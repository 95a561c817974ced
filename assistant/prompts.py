"""Prompts are files anyone can edit: `prompts/*.md` in the repository, shipped inside the wheel."""

from __future__ import annotations

from pathlib import Path

from assistant.errors import ConfigError

_PLACES = (Path(__file__).parent / "_prompts", Path(__file__).parent.parent / "prompts")


def load_prompt(name: str, folder: Path | None = None) -> str:
    """The text of `NAME.md`, from the user's folder if it has one, else as shipped.

    Raises:
        ConfigError: No such prompt.
    """
    for place in (folder, *_PLACES):
        if place is not None and (path := place / f"{name}.md").is_file():
            return path.read_text(encoding="utf-8").strip()
    raise ConfigError(f"there is no prompt named {name!r}", hint="prompts are files in the folder prompts/")
