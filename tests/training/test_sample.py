"""Samples, and chance that is the same everywhere."""

from __future__ import annotations

import pytest

from assistant.training.sample import TASKS, Exchange, Sample, chance, share_of, split_of
from assistant.types import Evidence


@pytest.mark.parametrize("exchanges", [(), (Exchange("", "Yes.", "presence"),), (Exchange("Is it?", " ", "presence"),)])
def test_a_sample_that_would_train_nothing_is_refused(exchanges: tuple[Exchange, ...]) -> None:
    with pytest.raises(ValueError, match="sample 'a' of 'toys'"):
        Sample("toys", "MIT", "a", exchanges)


def test_evidence_is_given_for_every_picture_or_for_none() -> None:
    with pytest.raises(ValueError, match="0 pictures"):
        Sample("toys", "MIT", "a", (Exchange("Is it?", "No.", "presence"),), evidence=(Evidence(1, 1),))


def test_the_split_and_chance_never_change() -> None:
    assert [split_of(f"noun/{name}") for name in ("tiger", "apple", "owl", "pear", "car")] == [
        split_of(f"noun/{name}") for name in ("tiger", "apple", "owl", "pear", "car")
    ]
    assert share_of("noun/tiger") == pytest.approx(0.6, abs=0.4)
    assert chance(1, "a").random() == chance(1, "a").random() != chance(1, "b").random()


def test_a_fifth_is_held_out() -> None:
    share = sum(split_of(f"thing/{number}") == "held-out" for number in range(2000)) / 2000
    assert share == pytest.approx(0.2, abs=0.03)


def test_tasks_are_named_once() -> None:
    assert len(set(TASKS)) == len(TASKS) > 10
