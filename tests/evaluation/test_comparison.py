from __future__ import annotations

import numpy as np

from assistant.dialogue.compose import Manner
from assistant.dialogue.manager import DialogueOptions
from assistant.evaluation.closed import counting, presence
from assistant.evaluation.comparison import Row, measure_row, table
from assistant.evaluation.conditions import Condition
from assistant.evaluation.subject import Subject
from assistant.evaluation.task import Question
from assistant.testing import ScriptedVision
from assistant.types import Image
from tests.evaluation.scripted_sight import ScriptedSight

IMAGE = Image(np.zeros((4, 4, 3), np.uint8), "a")


async def row(*, by_family: bool) -> Row:
    subject = Subject(ScriptedSight(lambda shown, text: "Yes"), ScriptedVision(), lambda way: DialogueOptions((), Manner(way)))
    tasks = [presence([Question("a", IMAGE, "Is there one?", ("yes",))]), counting([Question("a", IMAGE, "How many?", ("1",))])]
    new = [Image(np.zeros((4, 4, 3), np.uint8), "new")]
    condition = Condition("early", "early")
    return await measure_row("early", subject, condition, tasks, new, by_family=by_family, connector_parameters=(1_200_000, 0))


async def test_a_row_has_what_is_right_and_what_it_costs() -> None:
    measured = await row(by_family=False)
    assert {name: figure.value for name, figure in measured.right.items()} == {"presence": 1.0, "count": 0.0}
    assert (measured.costs.tokens, measured.parameters) == (3, 1_200_000)
    assert "recall" in (await row(by_family=True)).right


async def test_a_table_says_what_is_not_available() -> None:
    rows = [Row("co_attention", "there is no file"), await row(by_family=False)]
    lines = table(rows, title="model").splitlines()
    assert lines[0].split()[:3] == ["model", "presence", "count"]
    assert lines[1].split()[0] == "early"
    assert "1.20 M" in lines[1]
    assert lines[2] == "co_attention is not available: there is no file"
