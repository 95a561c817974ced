"""Going through a finite set."""

from __future__ import annotations

import pytest

from assistant.training.order import item_of


def test_every_item_comes_once_before_any_comes_twice() -> None:
    rounds = [[item_of("abcdefgh", number, seed=3) for number in range(8 * n, 8 * n + 8)] for n in range(3)]
    assert all(sorted(one) == list("abcdefgh") for one in rounds)
    assert rounds[0] != rounds[1]


def test_nothing_cannot_be_gone_through() -> None:
    with pytest.raises(ValueError, match="no items"):
        item_of([], 0, seed=0)
