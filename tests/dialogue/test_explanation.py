from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from assistant.dialogue.compose import Manner, Percept, compose
from assistant.dialogue.explanation import explain
from assistant.dialogue.notes import Facts
from assistant.testing import ScriptedLanguageModel, ScriptedVision
from assistant.types import (
    Attention,
    Evidence,
    Explanation,
    Fusion,
    Image,
    Label,
    Message,
    Prompt,
    PromptPosition,
    Sight,
    StoredTurn,
    VisualPart,
)

PREAMBLE = (Message("system", "Be brief."),)
EARLIER = StoredTurn("t0", "alice", 0, "2026-11-22T06:00:00+00:00", "Hello.", "Hi.", "en")
PHOTO = Image(np.full((8, 8, 3), 200, np.uint8), "ab" * 32)
EVIDENCE = Evidence(8, 8, (Label("cat", 0.9),), ("OPEN",))
TURN = StoredTurn("t1", "alice", 1, "2026-11-22T06:01:00+00:00", "What is it?", "A cat.", "en", (EVIDENCE,), (PHOTO.sha256,))
PARTS = (VisualPart("start", 1), VisualPart("cat (left)", 2, ((0.0, 0.0, 0.5, 1.0),)))


class CornerVision(ScriptedVision):
    """Sees a cat as long as the top left corner is white."""

    async def encode(self, image: Image) -> Sight:
        return Sight(replace(EVIDENCE, labels=(Label("cat" if image.pixels_HWC[0, 0, 0] == 200 else "dog", 0.9),)))


@dataclass
class CatModel(ScriptedLanguageModel):
    """Likes replies whose prompt says cat, and a little more when a picture is shown."""

    sees: bool = True

    async def score(self, prompt: Prompt, candidates: Sequence[str]) -> tuple[float, ...]:
        last = prompt.messages[-1]
        return tuple(-10.0 + 8 * ("cat" in last.text) + len(last.images) for _ in candidates)


class AttentiveCatModel(CatModel):
    """Looks at the region while it says the second word, else everywhere."""

    async def attention(self, prompt: Prompt, reply: str) -> Attention:
        positions = [PromptPosition(0)]
        for number, message in enumerate(prompt.messages):
            positions += [PromptPosition(number), PromptPosition(number, b"user\n")]
            for n in range(len(message.images)):
                positions += [PromptPosition(number, b"Picture 1: ")]
                positions += [PromptPosition(number, picture=n, part=part) for part in PARTS for _ in range(part.tokens)]
            positions += [PromptPosition(number, byte.to_bytes(1, "big")) for byte in message.text.encode()]
            positions += [PromptPosition(number), PromptPosition(number, b"\n")]
        positions.append(PromptPosition(len(prompt.messages), b"assistant\n"))
        weights_RT = np.full((3, len(positions)), 0.5 / len(positions), np.float32)
        region = [n for n, position in enumerate(positions) if position.part == PARTS[1]]
        weights_RT[1:] = 0
        weights_RT[1:, region] = 0.25
        weights_RT[:, 0] = 0.5
        return Attention(tuple(positions), ("A", " ca", "t."), weights_RT)


async def explained(
    model: ScriptedLanguageModel,
    turn: StoredTurn = TURN,
    *,
    fusion: Fusion = "hybrid",
    earlier: StoredTurn = EARLIER,
    facts: Facts | None = None,
) -> Explanation:
    async def composed(percept: Percept) -> Prompt:
        return compose(
            PREAMBLE, [earlier], percept, manner=Manner(fusion, facts=facts), budget_tokens=1000, count_tokens=model.count_tokens
        )

    images = [PHOTO] if turn.evidence else []
    return await explain(turn, images, compose=composed, preamble=1, vision=CornerVision(), model=model, grid=2)


async def test_covering_what_the_reply_is_about_makes_it_unlikely() -> None:
    explanation = await explained(CatModel())
    assert explanation.log_probability == -1
    assert explanation.occlusion == (((8.0, 0.0), (0.0, 0.0)),)
    assert explanation.without == {"notes": 8.0, "visual tokens": 1.0, "pictures": 9.0}
    assert explanation.sources == ()


async def test_covering_is_judged_by_what_the_experts_see_now() -> None:
    explanation = await explained(CatModel(), replace(TURN, evidence=(Evidence(8, 8, (Label("horse", 0.9),)),)))
    assert explanation.log_probability == -9
    assert explanation.occlusion == (((8.0, 0.0), (0.0, 0.0)),)


async def test_a_model_without_visual_tokens_rests_on_the_notes_alone() -> None:
    explanation = await explained(CatModel(), fusion="late")
    assert explanation.without == {"notes": 8.0}
    assert explanation.occlusion[0][0][0] == 8


async def test_a_turn_without_a_picture_has_nothing_to_cover() -> None:
    explanation = await explained(CatModel(), replace(TURN, evidence=(), image_sha256s=()))
    assert (explanation.occlusion, explanation.without) == ((), {})


async def test_each_word_tells_where_the_model_looked() -> None:
    explanation = await explained(AttentiveCatModel())
    assert sum(source.share for source in explanation.sources) == pytest.approx(1)
    kinds = [(source.kind, source.name, source.picture) for source in explanation.sources]
    assert kinds == [
        ("instructions", "instructions", None),
        ("earlier", "earlier turns", None),
        ("picture", "its number", 0),
        ("picture", "start", 0),
        ("picture", "cat (left)", 0),
        ("note", "Picture 1: looks like cat (90%)", 0),
        ("note", 'text read: "OPEN"', 0),
        ("question", "What is it?", None),
    ]
    assert [word for word, _ in explanation.words] == ["A", "cat."]
    region = [source.name for source in explanation.sources].index("cat (left)")
    first, second = (shares for _, shares in explanation.words)
    assert second[region] == pytest.approx(1)
    assert first[-1] > first[region]
    assert explanation.sources[region].boxes == PARTS[1].boxes


async def test_a_note_belongs_to_the_picture_of_its_number_in_the_conversation() -> None:
    explanation = await explained(
        AttentiveCatModel(), replace(TURN, pictures_before=3), earlier=replace(EARLIER, pictures_before=3)
    )
    notes = {source.name: source.picture for source in explanation.sources if source.kind == "note"}
    assert notes == {"Picture 4: looks like cat (90%)": 0, 'text read: "OPEN"': 0}


async def test_a_note_on_an_earlier_picture_belongs_to_none_of_the_turn() -> None:
    sign = replace(EARLIER, evidence=(Evidence(8, 8, text_lines=("STOP",), read_later=True),), image_sha256s=("cd" * 32,))
    explanation = await explained(AttentiveCatModel(), replace(TURN, pictures_before=1), earlier=sign)
    notes = {source.name: source.picture for source in explanation.sources if source.kind == "note"}
    assert notes['Picture 1: text read: "STOP"'] is None
    assert notes["Picture 2: looks like cat (90%)"] == 0


async def test_a_note_after_the_question_is_a_note_too() -> None:
    explanation = await explained(AttentiveCatModel(), facts=lambda *_: "[Picture 1: no dog found]")
    told = [(source.kind, source.name) for source in explanation.sources][-2:]
    assert told == [("question", "What is it?"), ("note", "Picture 1: no dog found")]
