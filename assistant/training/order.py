"""The order in which a finite set is gone through, again and again, each time in another order, and always the same."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

from assistant.training.sample import chance

T = TypeVar("T")


def item_of(items: Sequence[T], number: int, *, seed: int) -> T:
    """The item of a number from 0: every item comes once before any comes twice.

    Raises:
        ValueError: There are no items.
    """
    if not items:
        raise ValueError("there are no items")
    epoch, place = divmod(number, len(items))
    return items[_shuffled(len(items), epoch, seed)[place]]


@lru_cache(maxsize=16)
def _shuffled(n: int, epoch: int, seed: int) -> Sequence[int]:
    return chance("order", seed, epoch).sample(range(n), n)
