from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from assistant.dialogue.compose import Manner, Percept, compose
from assistant.language.chat_template import MediaSpan
from assistant.training.conversation import conversation, preamble, render
from assistant.training.prepared import PreparedSample
from assistant.training.sample import Exchange
from assistant.types import Evidence, Fusion, Image, Label, Message, StoredTurn
from assistant.vision.asked import asked_about
from tests.training.tiny_training import TinyModel

SAMPLE = PreparedSample(
    "test",
    "test/0",
    (Exchange("What is it?", "A cat.", "name"), Exchange("Is there a dog in the picture?", "No.", "presence")),
    evidence=(Evidence(64, 48, (Label("cat", 0.9),), ("MILK",)), Evidence(20, 20)),
)


@pytest.fixture
def model(tmp_path: Path) -> TinyModel:
    return TinyModel(tmp_path)


@pytest.mark.parametrize("fusion", ["early", "hybrid", "late"])
def test_a_row_is_the_prompt_that_the_product_would_build(model: TinyModel, fusion: Fusion) -> None:
    images = tuple(Image(np.zeros((1, 1, 3), np.uint8), str(number)) for number in range(2))
    shown = StoredTurn("t", "s", 0, "", "What is it?", "A cat.", "en", SAMPLE.evidence, ("0", "1"))
    manner = Manner(fusion, facts=asked_about)
    pictures = {image.sha256: image for image in images} if fusion != "late" else {}
    asked = Percept("Is there a dog in the picture?")
    begun = (Message("system", "Be short."),)
    prompt = compose(begun, [shown], asked, budget_tokens=999, count_tokens=lambda _: 0, manner=manner, pictures=pictures)
    expected: list[int] = []
    for span in model.template.spans(prompt.messages, pictures=True):
        expected += [-1 - images.index(span.image)] if isinstance(span, MediaSpan) else span.ids
    row = render(model.template, SAMPLE, conversation(SAMPLE, fusion, facts=asked_about))
    prefix = len(model.template.token_ids(begun, reply=False))
    assert list(row.items[: row.answers[1].start]) == expected[prefix:]
    assert (fusion == "late") == (min(row.items) >= 0)


def test_answers_are_learned_with_the_end_of_their_messages_and_nothing_else(model: TinyModel) -> None:
    row = render(model.template, SAMPLE, conversation(SAMPLE, "hybrid"))
    end = model.template.end_ids[0]
    for answer in row.answers:
        ids = row.items[answer.start : answer.end]
        assert model.tokenizer.decode(ids[:-1]) == answer.exchange.answer and ids[-1] == end


def test_an_answer_without_a_token_is_an_error_that_names_the_sample(model: TinyModel) -> None:
    messages = list(conversation(SAMPLE, "early"))
    messages[1] = replace(messages[1], text="")
    with pytest.raises(ValueError, match="'test/0' has nothing to learn in answer 1"):
        render(model.template, SAMPLE, messages)


def test_the_preamble_is_the_products_with_the_words_that_fit_the_fusion() -> None:
    seen, told = (preamble(random.Random(0), system_prompt="system", examples="examples", late=late) for late in (False, True))
    assert "each begins with" in seen[0].text and "only through notes" in told[0].text
    assert "{" not in seen[0].text and len(seen) > 2
