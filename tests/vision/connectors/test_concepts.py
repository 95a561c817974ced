from __future__ import annotations

import torch

from assistant.vision.connectors.concepts import ConceptTokens
from tests.vision.tiny_vision import NAMES, TinyWords


def concepts(temperature: float = 1.0) -> ConceptTokens:
    return ConceptTokens(NAMES, TinyWords(), temperature=temperature)


def test_a_sure_name_is_its_words() -> None:
    for k, name in enumerate(NAMES):
        logits_BK = torch.full((1, len(NAMES)), -50.0)
        logits_BK[0, k] = 50
        (tokens_ND,) = concepts()(logits_BK)
        torch.testing.assert_close(tokens_ND, TinyWords()(f" {name}"))


def test_two_likely_names_are_mixed_in_proportion_and_longer_ones_only_where_they_go_on() -> None:
    logits_BK = torch.tensor([[0.3, 1e-9, 0.7, 1e-9]]).log()
    (tokens_ND,) = concepts()(logits_BK)
    cat, shark = TinyWords()(" cat"), TinyWords()(" great white shark")
    torch.testing.assert_close(tokens_ND[0], 0.3 * cat[0] + 0.7 * shark[0])
    torch.testing.assert_close(tokens_ND[1:], shark[1:])


def test_there_are_as_many_tokens_as_names_of_half_the_probability_have() -> None:
    (tokens_ND,) = concepts()(torch.tensor([[0.6, 1e-9, 0.4, 1e-9]]).log())
    assert len(tokens_ND) == 1


def test_a_low_temperature_reads_a_doubtful_posterior_boldly() -> None:
    logits_BK = torch.tensor([[0.6, 0.4, 1e-9, 1e-9]]).log()
    cat = TinyWords()(" cat")
    distances = [(concepts(t)(logits_BK)[0] - cat).norm().item() for t in (1.0, 0.7, 0.1)]
    assert distances == sorted(distances, reverse=True)


def test_the_words_are_not_kept_with_what_is_trained() -> None:
    assert concepts().state_dict().keys() == {"temperature", "gain_D"}
