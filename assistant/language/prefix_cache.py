"""Keeps what the model has already read, so that the next turn of a conversation reads only what is new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from assistant.language.decoder import Decoder, KeyValueCache

Key: TypeAlias = int | tuple[str, int]
"""What stands at a position: a token id; or the name of a picture's tokens and the number of one of them; or, where a token is the
first to look at a picture that has no tokens in the prompt, the picture's name and the token's id."""

_TAIL = 16
"""A text that goes on otherwise before its last so many positions, or within its first half, is another one."""


class Slot:
    """Keys and values of one text, and the keys of what was read."""

    def __init__(self, cache: KeyValueCache) -> None:
        self.cache = cache
        self.read: list[Key] = []

    def truncate(self, length: int) -> None:
        """Forget all but the first `length` positions."""
        self.cache.truncate(length)
        del self.read[length:]

    def copy(self, other: Slot, length: int) -> None:
        """Become the first `length` positions of another slot."""
        if other is not self:
            for mine, theirs in zip(self.cache.layers_BTHW, other.cache.layers_BTHW, strict=True):
                mine[:, :length] = theirs[:, :length]
            self.cache.length = other.cache.length
            self.read = list(other.read)
        self.truncate(length)


class PrefixCache:
    """A few slots, the least recently used given away first."""

    def __init__(self, decoder: Decoder, *, tokens: int, slots: int) -> None:
        """Start empty.

        Args:
            decoder: Whose keys and values are kept.
            tokens: Positions a slot has room for.
            slots: How many texts are kept; this bounds the memory.
        """
        self._decoder = decoder
        self._tokens = tokens
        self._limit = slots
        self._slots: list[Slot] = []
        """The least recently used first."""

    def known(self, wanted: Sequence[Key]) -> int:
        """How much of the beginning of `wanted` some slot has read."""
        return max((shared_length(slot.read, wanted) for slot in self._slots), default=0)

    def take(self, wanted: Sequence[Key]) -> Slot:
        """A slot that has read as much of the beginning of `wanted` as any slot has, and nothing else.

        At least the last position is left to read: its logits are what the caller is after.
        """
        shared = [shared_length(slot.read, wanted) for slot in self._slots]
        best = max(range(len(shared)), key=shared.__getitem__, default=None)
        if best is None:
            slot = self._new()
        elif len(self._slots[best].read) - shared[best] <= min(_TAIL, shared[best]):
            slot = self._slots[best]
            slot.truncate(min(shared[best], len(wanted) - 1))
        else:
            # another conversation, though both may begin with a long system prompt: leave that one whole
            slot = self._new() if len(self._slots) < self._limit else self._slots[0]
            slot.copy(self._slots[best], min(shared[best], len(wanted) - 1))
        self._slots = [*(kept for kept in self._slots if kept is not slot), slot]
        return slot

    def _new(self) -> Slot:
        return Slot(self._decoder.new_cache(tokens=self._tokens))

    def drop(self, slot: Slot) -> None:
        """Forget a slot that may be in disorder."""
        self._slots = [kept for kept in self._slots if kept is not slot]


def shared_length(left: Sequence[Key], right: Sequence[Key]) -> int:
    """How many positions two texts begin with alike."""
    n = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        n += 1
    return n
