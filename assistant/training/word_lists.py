"""Lists of words, one a line, in the files beside this one."""

from __future__ import annotations

from importlib import resources


def words(name: str) -> tuple[str, ...]:
    """The lines of a list."""
    return tuple(resources.files("assistant.training").joinpath(f"words/{name}.txt").read_text("utf-8").splitlines())
