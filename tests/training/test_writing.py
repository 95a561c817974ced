from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from assistant.errors import InputError
from assistant.training.prepared import PreparedSample
from assistant.training.writing import judge_writing_probe, train_writing_probe
from assistant.types import Evidence
from assistant.vision.encoder import Features


def sample(source: str, strokes: float, lines: Sequence[str] = (), *, number: int = 0) -> PreparedSample:
    """A picture whose first channel shows strokes, and others chance."""
    chance = torch.Generator().manual_seed(number)
    levels = {"stride8": torch.rand(1, 2, 4, 4, generator=chance), "stride16": torch.rand(1, 3, 2, 2, generator=chance)}
    levels["stride8"][:, 0] += strokes
    features = Features(torch.zeros(1, 1), torch.zeros(1, 1), levels)
    return PreparedSample(source, f"{source}/{number}", (), features, (Evidence(9, 9, text_lines=tuple(lines)),))


def samples(start: int) -> list[PreparedSample]:
    signs = [sample("signs", 3.0, ["STOP"], number=n) for n in range(start, start + 20)]
    others = [sample("shapes", 0.0, number=n) for n in range(start + 20, start + 220)]
    # says nothing about writing: no words are drawn, or some that the reader made nothing of
    unclear = [sample("mislabelled", 0.0, ["iPod"], number=n) for n in range(5)]
    return [*signs, *others, *unclear, sample("signs", 3.0), PreparedSample("replay", "replay/0", ())]


def test_signs_are_told_from_other_drawings_and_a_tenth_of_these_is_read_to_be_sure() -> None:
    probe = train_writing_probe(samples(0))
    signs, others = judge_writing_probe(probe, samples(500))
    assert signs == 1.0
    assert 0 < others < 0.25
    again = train_writing_probe(samples(0))
    assert torch.equal(again.weight_C, probe.weight_C) and again.bias == probe.bias


def test_without_signs_or_without_anything_else_there_is_nothing_to_learn() -> None:
    for source, lines in (("shapes", ()), ("signs", ("STOP",))):
        with pytest.raises(InputError, match="both signs and other pictures"):
            train_writing_probe([sample(source, 1.0, lines, number=n) for n in range(3)])
