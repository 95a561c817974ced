"""What was computed lately is kept under a name, so that it need not be computed again."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Lately(Generic[T]):
    """Values by name, such as a picture's sha256; what was asked for least lately is forgotten. One thread changes it at a time."""

    def __init__(self, limit: int) -> None:
        """Keep `limit` values: this bounds the memory."""
        self._limit = limit
        self._kept: OrderedDict[str, T] = OrderedDict()

    def get(self, name: str) -> T | None:
        """What was kept, if it still is."""
        if name in self._kept:
            self._kept.move_to_end(name)
        return self._kept.get(name)

    def put(self, name: str, value: T) -> T:
        """Keep the value and return it."""
        self._kept[name] = value
        self._kept.move_to_end(name)
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)
        return value
