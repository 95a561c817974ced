from __future__ import annotations

import pytest
import torch

from assistant.language.sampling import Sampler, log_probability
from assistant.types import GenerationOptions

LOGITS = torch.tensor([0.0, 3.0, 2.0, 1.0, -1.0])


def drawn(options: GenerationOptions, n: int = 300) -> list[int]:
    sampler = Sampler(options)
    return [sampler.choose(LOGITS) for _ in range(n)]


def test_temperature_zero_takes_the_likeliest() -> None:
    assert set(drawn(GenerationOptions())) == {1}


def test_a_temperature_draws_as_often_as_the_model_says() -> None:
    ids = drawn(GenerationOptions(temperature=1.0), 4000)
    shares = torch.bincount(torch.tensor(ids), minlength=5) / len(ids)
    assert torch.allclose(shares, torch.softmax(LOGITS, 0), atol=0.03)


def test_top_k_leaves_the_k_likeliest() -> None:
    assert set(drawn(GenerationOptions(temperature=5.0, top_k=2))) == {1, 2}


def test_top_p_leaves_the_fewest_that_reach_it() -> None:
    # Shares of LOGITS: 0.62, 0.23, 0.08, 0.03, 0.01.
    assert set(drawn(GenerationOptions(temperature=1.0, top_p=0.6))) == {1}
    assert set(drawn(GenerationOptions(temperature=1.0, top_p=0.8))) == {1, 2}


def test_a_tiny_top_p_still_leaves_the_likeliest() -> None:
    assert set(drawn(GenerationOptions(temperature=1.0, top_p=1e-9))) == {1}


def test_a_repetition_penalty_moves_on_to_other_tokens() -> None:
    assert drawn(GenerationOptions(repetition_penalty=2.0), 3) == [1, 2, 1]


def test_the_same_seed_draws_the_same_whatever_else_is_drawn() -> None:
    first = drawn(GenerationOptions(temperature=1.0, seed=7), 50)
    torch.rand(3)
    assert drawn(GenerationOptions(temperature=1.0, seed=7), 50) == first
    assert drawn(GenerationOptions(temperature=1.0, seed=8), 50) != first


def test_a_forbidden_token_is_never_drawn() -> None:
    sampler = Sampler(GenerationOptions(temperature=5.0, repetition_penalty=1.5))
    logits = torch.tensor([float("-inf"), 1.0, float("-inf"), 1.0])
    assert {sampler.choose(logits) for _ in range(200)} == {1, 3}


def test_the_log_probability_of_ids_is_the_sum_of_each() -> None:
    rows = torch.stack([LOGITS, -LOGITS])
    expected = torch.log_softmax(LOGITS, 0)[1] + torch.log_softmax(-LOGITS, 0)[4]
    assert log_probability(rows, [1, 4]) == pytest.approx(float(expected))


def test_the_logits_are_left_as_they_were() -> None:
    logits = LOGITS.clone()
    sampler = Sampler(GenerationOptions(temperature=1.0, repetition_penalty=2.0, top_k=2))
    for _ in range(5):
        sampler.choose(logits)
    assert torch.equal(logits, LOGITS)
