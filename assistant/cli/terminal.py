"""What the commands share: the profile option, reading standard input, progress, JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from assistant.config import Settings, load_settings
from assistant.errors import FileMissingError, InvalidTextError

F = TypeVar("F", bound=Callable[..., Any])


def profile_option(command: F) -> F:
    """`--profile NAME`."""
    option = click.option(
        "--profile",
        type=click.Choice(["tiny", "fast", "cpu", "gpu", "remote"]),
        help="Which set of models to use [default: cpu, or as the settings say].",
    )
    return option(command)


def json_option(command: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line.")(command)


def settings_for(profile: str | None) -> Settings:
    """The settings, with the profile from the command line if one is given."""
    return load_settings({"profile": profile} if profile else {})


def piped_text() -> str:
    """What was piped in, or "" on a terminal.

    Raises:
        InvalidTextError: It is not UTF-8.
    """
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    return decoded(sys.stdin.buffer.read(), "standard input")


def decoded(data: bytes, name: str) -> str:
    """UTF-8 bytes as text.

    Raises:
        InvalidTextError: They are not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidTextError(f"{name} is not UTF-8 at byte {error.start}", hint="convert it to UTF-8") from error


def given_text(words: tuple[str, ...]) -> str:
    """The command line's words and what was piped in, as one text; "-" stands for the pipe."""
    typed = " ".join(word for word in words if word != "-")
    for character in typed:
        if "\ud800" <= character <= "\udfff":  # how Python shows bytes of the command line that are not UTF-8
            raise InvalidTextError("the question is not valid UTF-8", hint="convert it to UTF-8")
    return "\n".join(part for part in (piped_text().strip(), typed) if part)


def existing(path: str) -> Path:
    """The path of a file that is there.

    Raises:
        FileMissingError: It is not.
    """
    place = Path(path).expanduser()
    if not place.is_file():
        raise FileMissingError(f"there is no file {path}", hint="check the path")
    return place


def print_json(value: object) -> None:
    """One JSON object on one line."""
    click.echo(json.dumps(value, ensure_ascii=False))


@contextmanager
def status(text: str, stream: IO[str] | None = None) -> Iterator[None]:
    """A spinner with a text on a terminal's stderr while the block runs; nothing elsewhere."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield
