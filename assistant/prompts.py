"""Prompts are files anyone can edit: `prompts/*.md` in the repository, shipped inside the wheel."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import cast

from assistant.errors import ConfigError
from assistant.types import Message, Role

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


def load_examples(name: str, folder: Path | None = None) -> tuple[Message, ...]:
    """The messages of `NAME.md`: each starts a line with `user: ` or `assistant: ` and may go on over several lines.

    Raises:
        ConfigError: No such prompt, or it does not alternate between the two.
    """
    _, *parts = re.split(r"^(user|assistant): ", load_prompt(name, folder), flags=re.MULTILINE)
    messages = tuple(Message(cast(Role, role), text.strip()) for role, text in zip(parts[::2], parts[1::2], strict=True))
    if [message.role for message in messages] != ["user", "assistant"] * (len(messages) // 2):
        raise ConfigError(f"the examples of {name!r} do not alternate", hint="user: ... then assistant: ..., and so on")
    return messages


def load_preamble(
    system_prompt: str, examples: str | None, *, seen: bool, today: date, folder: Path | None = None
) -> tuple[Message, ...]:
    """What every conversation begins with: the system prompt, and examples of how to answer if they are named.

    Args:
        system_prompt: Name of a prompt.
        examples: Name of a prompt with examples.
        seen: Whether the model sees pictures or is told of them.
        today: Goes into the prompt.
        folder: Of the user's own prompts.

    Raises:
        ConfigError: A prompt is missing.
    """
    pictures = load_prompt("pictures-seen" if seen else "pictures-told", folder)
    system = load_prompt(system_prompt, folder).replace("{pictures}", pictures)
    system = system.replace("{today}", f"{today:%A}, {today.day} {today:%B %Y}")
    return (Message("system", system), *(load_examples(examples, folder) if examples else ()))
