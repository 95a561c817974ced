from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from assistant.config import load_settings
from assistant.dialogue.compose import Manner
from assistant.dialogue.manager import DialogueOptions
from assistant.evaluation.conditions import CONDITIONS
from assistant.evaluation.subject import Subject, open_subject
from assistant.language.embedded import EmbeddedModel
from assistant.testing import SCRIPTED, ScriptedVision
from assistant.types import Fusion, GenerationOptions, Image, Message, VisualTokens
from tests.evaluation.scripted_sight import ScriptedSight
from tests.language.tiny_models import save_tiny_chat_model

IMAGE = Image(np.zeros((4, 4, 3), np.uint8), "a")


def options(fusion: Fusion) -> DialogueOptions:
    return DialogueOptions((Message("system", f"Seen {fusion}."),), Manner(fusion), GenerationOptions(repetition_penalty=1.05))


def subject(model: ScriptedSight) -> Subject:
    return Subject(model, ScriptedVision("cat"), options)


@pytest.mark.parametrize(("fusion", "images", "note"), [("early", 1, False), ("hybrid", 1, True), ("late", 0, True)])
async def test_prompts_are_the_dialogues_own(fusion: Fusion, images: int, note: bool) -> None:
    prompt = await subject(ScriptedSight(lambda shown, text: "")).prompt("What?", IMAGE, fusion)
    assert prompt is not None
    assert prompt.messages[0].text == f"Seen {fusion}."
    assert len(prompt.messages[-1].images) == images
    assert ("cat (100%)" in prompt.messages[-1].text) is note
    assert prompt.messages[-1].text.endswith("What?")


async def test_a_blind_model_is_told_of_pictures_and_takes_no_tokens() -> None:
    blind = subject(ScriptedSight(lambda shown, text: "", sees=False))
    assert [name for name, condition in CONDITIONS.items() if blind.takes(condition)] == ["evidence", "blind", "shuffled"]
    prompt = await blind.prompt("What?", IMAGE)
    assert prompt is not None
    assert prompt.messages[-1].images == ()
    assert "cat (100%)" in prompt.messages[-1].text


async def test_a_prompt_that_does_not_fit_is_answered_with_nothing() -> None:
    model = ScriptedSight(lambda shown, text: f"I saw {shown}", context_tokens=12)
    small = subject(model)
    prompts = [await small.prompt("What? " * 20, IMAGE), await small.prompt("What?", IMAGE)]
    assert prompts[0] is None
    assert await small.replies(prompts, max_tokens=3) == ["", "I saw a"]
    assert await small.margin(prompts[0], ("Yes", "No")) == 0.0


async def test_the_same_prompt_is_asked_once_and_a_picture_looked_at_once() -> None:
    model, vision = ScriptedSight(lambda shown, text: "No"), ScriptedVision()
    asked = Subject(model, vision, options)
    prompts = [await asked.prompt("What?", None) for _ in range(3)] + [await asked.prompt("What?", IMAGE) for _ in range(2)]
    assert await asked.replies(prompts, max_tokens=3) == ["No"] * 5
    assert len(model.prompts) == 2
    assert len(vision.seen) == 1
    assert await asked.margin(prompts[0], ("Yes", "No")) == -1.0


async def test_a_model_in_this_process_replies_to_many_at_once_and_sees_their_pictures(tmp_path: Path) -> None:
    def tokens(image: Image, question: str) -> VisualTokens:
        return VisualTokens(np.full((2, 64), len(image.sha256), np.float32))

    folder = save_tiny_chat_model(tmp_path)
    model = EmbeddedModel(folder, name="tiny", context_tokens=200, threads=1, visual_tokens=tokens)
    asked = Subject(model, ScriptedVision(), options)
    prompts = [await asked.prompt("What?", image, "early", max_tokens=4) for image in (IMAGE, None)]
    assert asked.default == "hybrid"
    first, second = prompts
    assert first is not None and second is not None
    assert model.count_tokens(first.messages) >= model.count_tokens(second.messages) + 2
    together = await asked.replies(prompts, max_tokens=4)
    assert together == [(await asked.replies([prompt], max_tokens=4))[0] for prompt in prompts]
    margins = [await asked.margin(first, pair) for pair in (("Yes", "No"), ("No", "Yes"))]
    assert margins[0] == pytest.approx(-margins[1], rel=0.05)  # what is cached was computed in other pieces
    await model.close()


async def test_the_engines_of_the_settings_are_opened() -> None:
    async with open_subject(load_settings(SCRIPTED, environment={})) as opened:
        assert (opened.model.name, opened.default) == ("scripted", "late")
        prompt = await opened.prompt("What is it?", IMAGE)
        assert await opened.replies([prompt], max_tokens=8) == ["It is a cat."]
        assert prompt is not None
        assert "notes in square brackets" in prompt.messages[0].text
