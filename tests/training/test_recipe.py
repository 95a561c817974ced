from __future__ import annotations

import pytest

from assistant.training.recipe import Recipe


def test_a_rate_rises_stays_below_its_highest_and_falls_to_its_last() -> None:
    recipe = Recipe(warm_up_steps=10)
    rising = [recipe.rate(1.0, 0.0, step) for step in range(10)]
    assert rising == sorted(rising) and rising[-1] == pytest.approx(1.0)
    assert recipe.rate(1.0, 0.5, 100) == pytest.approx(0.525)
    assert recipe.rate(1.0, 1.0, 100) == recipe.rate(1.0, 2.0, 100) == pytest.approx(recipe.last_rate)
