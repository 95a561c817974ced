from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from assistant.dialogue.compose import Manner
from assistant.dialogue.manager import DialogueOptions
from assistant.evaluation.costs import measure_costs, parameters
from assistant.evaluation.subject import Subject
from assistant.testing import ScriptedVision
from assistant.types import Fusion, Image
from tests.evaluation.scripted_sight import ScriptedSight

IMAGES = [Image(np.zeros((4, 4, 3), np.uint8), name) for name in "abc"]


async def tokens(fusion: Fusion) -> float:
    subject = Subject(ScriptedSight(lambda shown, text: "ok"), ScriptedVision(), lambda way: DialogueOptions((), Manner(way)))
    costs = await measure_costs(subject, IMAGES, fusion)
    assert min(costs.evidence_ms, costs.look_ms, costs.first_token_ms) >= 0
    return costs.tokens


async def test_a_picture_costs_its_tokens_and_those_of_its_note() -> None:
    early, hybrid, late = [await tokens(fusion) for fusion in ("early", "hybrid", "late")]
    assert early == 3
    assert hybrid > early
    assert late > 3


async def test_pictures_that_do_not_fit_cost_nothing() -> None:
    model = ScriptedSight(lambda shown, text: "ok", context_tokens=6)
    subject = Subject(model, ScriptedVision(), lambda way: DialogueOptions((), Manner(way)))
    assert (await measure_costs(subject, IMAGES, "late")).tokens == 0


def test_numbers_of_the_connector_and_of_the_changes_are_counted_apart(tmp_path: Path) -> None:
    shapes = {"connector.a": (2, 3), "connector.b": (4,), "adapter.q.up": (5, 2)}
    save_file({name: torch.zeros(shape) for name, shape in shapes.items()}, tmp_path / "c.safetensors")
    assert parameters(tmp_path / "c.safetensors") == (10, 10)
    assert parameters(None) == (0, 0)
