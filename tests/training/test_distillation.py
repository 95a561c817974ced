from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from assistant.training.distillation import distilled
from assistant.training.prepared import PreparedSample
from assistant.training.sample import Exchange
from assistant.types import Evidence, Label, Region
from assistant.vision.encoder import Features

NAMES = (
    "tench",
    "candle",
    "jellyfish",
    "hen",
    "castle",
    "sewing machine",
    "tripod",
    "piggy bank",
    "hammer",
    "tray",
    "sock",
    "bee",
    "ox",
)
DOG = Region("dog", 0.9, 0.0, 0.1, 0.3, 0.5)
CHAIRS = (Region("chair", 0.8, 0.6, 0.1, 0.9, 0.5), Region("chair", 0.7, 0.6, 0.55, 0.9, 0.95))


def composite(*, labels: Sequence[Label] = (), regions: Sequence[Region] = (), number: int = 0, sure_of: int = 1) -> PreparedSample:
    logits_BK = torch.zeros(1, len(NAMES))
    logits_BK[0, sure_of] = 1.0
    return PreparedSample(
        "portraits",
        f"portraits/train/0/{number}",
        (Exchange("What is this?", "A jellyfish.", "name"),),
        Features(logits_BK, torch.zeros(1, 4), {}, (tuple(regions),)),
        (Evidence(100, 100, labels=tuple(labels), regions=tuple(regions)),),
    )


def asked(labels: Sequence[Label] = (), regions: Sequence[Region] = ()) -> list[Exchange]:
    samples = (distilled(composite(labels=labels, regions=regions, number=n), NAMES, seed=0) for n in range(40))
    return [exchange for sample in samples for exchange in sample.exchanges]


def test_a_name_is_the_encoders_own_whatever_was_pasted() -> None:
    answers = [exchange.answer for exchange in asked([Label("candle", 0.9)]) if exchange.task == "name"]
    assert answers and all("candle" in answer and "jellyfish" not in answer for answer in answers)


def test_where_nothing_is_sure_the_likeliest_name_is_said_with_doubt() -> None:
    answers = {exchange.answer for exchange in asked() if exchange.task == "name"}
    assert answers == {"I am not sure. It may be a candle."}


@pytest.mark.parametrize(("task", "wrong"), [("where", "right"), ("count", "one chair")])
def test_what_is_told_of_places_and_numbers_is_what_was_found(task: str, wrong: str) -> None:
    told = [exchange for exchange in asked(regions=(DOG, *CHAIRS)) if exchange.task == task]
    about_dog = [exchange.answer.lower() for exchange in told if "dog" in exchange.question]
    about_chairs = [exchange.answer.lower() for exchange in told if "chair" in exchange.question]
    assert about_dog if task == "where" else about_chairs
    assert not any(wrong in answer for answer in (about_dog if task == "where" else about_chairs))


def test_yes_is_said_to_what_was_found_and_no_to_what_nobody_saw() -> None:
    yes_no = [exchange for exchange in asked(regions=(DOG,)) if exchange.task == "presence"]
    truths = [("dog" in exchange.question or "animal" in exchange.question) for exchange in yes_no]
    assert {True, False} == set(truths)
    assert [exchange.answer.startswith("Yes") for exchange in yes_no] == truths


def test_the_same_sample_is_always_asked_the_same() -> None:
    first, again = (distilled(composite(regions=(DOG,)), NAMES, seed=3) for _ in range(2))
    assert first.exchanges == again.exchanges


def test_drawings_keep_their_own_questions() -> None:
    drawing = PreparedSample("shapes", "shapes/train/0/1", (Exchange("How many?", "Two.", "count"),))
    assert distilled(drawing, NAMES, seed=0) is drawing
