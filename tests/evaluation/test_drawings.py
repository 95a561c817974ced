from __future__ import annotations

import numpy as np
import pytest

from assistant.evaluation.closed import UNPARSED
from assistant.evaluation.drawings import FAMILIES, reader, scenes, signs
from assistant.evaluation.task import Said
from assistant.training.sample import Exchange, Sample, Split
from assistant.training.sample import Task as Family
from assistant.training.shapes import Shapes
from assistant.types import Evidence, Image


@pytest.mark.parametrize(
    ("task", "question", "answer", "reply", "right"),
    [
        ("colour", "What colour is the star?", "The star is pink.", "Pink", True),
        ("colour", "What colour is the star?", "Pink.", "It is pink and the ring is red", False),
        ("colour", "Is the star pink?", "Yes.", "Yes, it is.", True),
        ("shape", "What is the blue thing?", "A triangle.", "a blue triangle", True),
        ("where", "Where is the ring?", "The ring is at the bottom left.", "In the lower left", True),
        ("where", "Where is the ring?", "Left.", "Bottom left", False),
        ("where", "What is in the center?", "A purple star.", "A purple star is in the middle.", True),
        ("count", "How many stars are there?", "There is no star.", "I do not see a star.", True),
        ("count", "How many stars are there?", "Two.", "There are 2 stars.", True),
        ("relation", "Tell me what is above the blue ring.", "A blue star.", "A blue star", True),
        ("relation", "Tell me what is above the blue ring.", "A blue star.", "A red star", False),
        ("presence", "Can you see a ring?", "No, there is no ring.", "No.", True),
        ("presence", "Can you see a ring?", "No.", "A ring", False),
    ],
)
def test_a_reply_is_right_when_it_says_what_the_answer_says(
    task: Family, question: str, answer: str, reply: str, right: bool
) -> None:
    read = reader(Exchange(question, answer, task))
    assert read(answer) != UNPARSED
    assert (read(reply) == read(answer)) is right


def test_held_out_scenes_are_asked_so_many_questions_of_each_family() -> None:
    task = scenes(Shapes(("en",)), 4)
    perfect = task.judge([Said(question.right[0]) for question in task.questions])
    assert [(x.name, x.value, x.cases) for x in perfect.figures] == [
        ("average", 1.0, 24),
        *((family, 1.0, 4) for family in FAMILIES),
    ]
    assert set(perfect.confusions) == set(FAMILIES)
    assert all("held-out" in question.key for question in task.questions)
    assert [x.text for x in scenes(Shapes(("en",)), 4).questions] == [x.text for x in task.questions]
    assert task.judge([Said("")] * 24).figures[0].value == 0.0


class _Boards:
    """Signs: the second cannot be read, the first has a follow-up that is not understood alone."""

    name, licence = "signs", "none"

    def sample(self, number: int, *, seed: int, split: Split) -> Sample:
        asked = (
            Exchange("What does the sign say?", '"KEEP OUT / TAXI"', "read"),
            Exchange("And is it red?", "No.", "read"),
            Exchange('Is "TAXI" written there?', "Yes.", "read"),
        )
        lines = ("KEEP OUT", "TAXI") if number % 2 == 0 else ()
        image = Image(np.zeros((2, 2, 3), np.uint8), str(number))
        return Sample("signs", "none", f"signs/{split}/{number}", asked, (image,), evidence=(Evidence(2, 2, text_lines=lines),))


def test_what_is_on_a_sign_may_stand_within_a_reply() -> None:
    task = signs(_Boards(), 4)
    assert [question.key for question in task.questions] == ["signs/held-out/0"] * 2 + ["signs/held-out/2"] * 2
    score = task.judge([Said("It says keep out, taxi."), Said("Yes"), Said("Keep out / taxi"), Said("No")])
    assert [(x.name, x.value) for x in score.figures] == [("right", 0.75), ("exact", 0.5)]
