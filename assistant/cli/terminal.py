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
from assistant.errors import AssistantError, FileMissingError, InvalidTextError, TextTooLongError

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


def piped_bytes(limit_bytes: int) -> bytes:
    """What is piped in, and at most one byte more than the limit, so that the reader can tell that there is too much."""
    return sys.stdin.buffer.read(limit_bytes + 1) if sys.stdin is not None else b""


def piped_text(limit_characters: int) -> str:
    """What was piped in, or "" on a terminal.

    Raises:
        InvalidTextError: It is not UTF-8.
        TextTooLongError: It is longer than the limit by any reckoning; a little too long passes here.
    """
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    limit_bytes = 4 * limit_characters  # no character of UTF-8 takes more than four
    data = piped_bytes(limit_bytes)
    if len(data) > limit_bytes:
        raise _too_long("standard input", limit_characters)
    return decoded(data, "standard input")


def piped_line(limit_characters: int) -> str | None:
    """The next line that is piped in; None at the end.

    Raises:
        InvalidTextError: It is not UTF-8.
        TextTooLongError: It is longer than the limit by any reckoning; the rest of it is skipped, never held.
    """
    limit_bytes = 4 * limit_characters
    line = sys.stdin.buffer.readline(limit_bytes + 1)
    if len(line) <= limit_bytes or line.endswith(b"\n"):
        return decoded(line, "the line") if line else None
    while (rest := sys.stdin.buffer.readline(limit_bytes)) and not rest.endswith(b"\n"):
        pass
    raise _too_long("the line", limit_characters)


def _too_long(what: str, limit_characters: int) -> TextTooLongError:
    return TextTooLongError(
        f"{what} holds more than the {limit_characters} characters that are accepted",
        hint="shorten it, or raise limits.text_characters",
    )


def decoded(data: bytes, name: str) -> str:
    """UTF-8 bytes as text.

    Raises:
        InvalidTextError: They are not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidTextError(f"{name} is not UTF-8 at byte {error.start}", hint="convert it to UTF-8") from error


def given_text(words: tuple[str, ...], limit_characters: int) -> str:
    """The command line's words and what was piped in, as one text; "-" stands for the pipe."""
    typed = " ".join(word for word in words if word != "-")
    for character in typed:
        if "\ud800" <= character <= "\udfff":  # how Python shows bytes of the command line that are not UTF-8
            raise InvalidTextError("the question is not valid UTF-8", hint="convert it to UTF-8")
    return "\n".join(part for part in (piped_text(limit_characters).strip(), typed) if part)


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
    """One JSON object on one line; bytes of a file's name that are not UTF-8 become question marks."""
    click.echo(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode())


def failure_line(error: AssistantError) -> str:
    """An error on one line, for work that goes on."""
    return f"{error.code}: {error}" + (f" ({error.hint})" if error.hint else "")


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
