"""Reading a `.jsonl` file of the user's own: what is wrong is told with the number of its line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from assistant.errors import ConfigError, FileMissingError

T = TypeVar("T")


def read_rows(path: Path, make: Callable[[dict[str, Any]], T], *, fields: str) -> list[T]:
    """One item for each line that is not blank.

    Args:
        path: The file.
        make: Turns a line's object into an item; raises ValueError or TypeError where it cannot.
        fields: What a line holds, for the hint.

    Raises:
        FileMissingError: There is no such file, or it cannot be read.
        ConfigError: A line is no JSON object or not an item, or there is no line at all.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileMissingError(f"cannot read {path}: {error.strerror}", hint="check the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 at byte {error.start}", hint="convert it to UTF-8") from error
    items = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError("it is no JSON object")
            items.append(make(row))
        except (ValueError, TypeError) as error:
            raise ConfigError(f"line {number} of {path} cannot be used: {error}", hint=f"fields: {fields}") from error
    if not items:
        raise ConfigError(f"{path} holds no lines", hint=f"one JSON object a line; fields: {fields}")
    return items


def text_field(row: dict[str, Any], name: str) -> str:
    """A field of a row that must be a text with a letter or a digit in it.

    Raises:
        ValueError: It is missing, or is something else.
    """
    value = row.get(name)
    if not isinstance(value, str) or not any(x.isalnum() for x in value):
        raise ValueError(f"{name} must be a text, got {value!r}")
    return value
