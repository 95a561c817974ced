from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from assistant.memory.store import SqlMemory
from assistant.types import Evidence, Image, Label, Turn, Usage

CAT, DOG = (Image(np.zeros((3, 4, 3), np.uint8), name * 32) for name in ("ab", "cd"))


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[SqlMemory]:
    store = SqlMemory(tmp_path)
    yield store
    await store.close()


async def show(memory: SqlMemory, session: str, turn_id: str, *images: Image) -> None:
    evidence = [Evidence(4, 3, (Label(image.sha256[:2], 0.5),)) for image in images]
    await memory.begin(Turn(session, turn_id, images=images), user_text="look", language="en", evidence=evidence)
    await memory.finish(session, turn_id, reply_text="I see", status="done", usage=Usage(), timings_ms={})


async def test_the_newest_picture_comes_first_with_its_turn_evidence_and_words(memory: SqlMemory) -> None:
    await show(memory, "alice", "1", CAT, DOG)
    await show(memory, "bob", "2", CAT)
    pictures = await memory.pictures.all()
    assert [(one.session_id, one.turn_id, one.sha256) for one in pictures] == [
        ("bob", "2", CAT.sha256),
        ("alice", "1", CAT.sha256),
        ("alice", "1", DOG.sha256),
    ]
    assert pictures[2].evidence == Evidence(4, 3, (Label("cd", 0.5),))
    assert pictures[0].said == "look\nI see"
    assert pictures[0].path.endswith(f"ab/{CAT.sha256}.jpg")
    assert [one.session_id for one in await memory.pictures.all("bob")] == ["bob"]
    assert await memory.pictures.all("nobody") == ()


async def test_a_picture_without_evidence_of_its_own_has_none(memory: SqlMemory) -> None:
    await memory.begin(Turn("alice", "1", images=(CAT, DOG)), user_text="", language="en", evidence=[Evidence(4, 3)])
    assert [one.evidence for one in await memory.pictures.all()] == [None, None]


async def test_vectors_are_kept_for_one_model_and_forgotten_with_the_last_session_that_shows_the_picture(memory: SqlMemory) -> None:
    await show(memory, "alice", "1", CAT)
    await show(memory, "bob", "2", CAT)
    vector_V = np.array([1.5, -2], np.float32)
    for _ in range(2):
        await memory.pictures.keep_vector("m", CAT.sha256, vector_V)
    await memory.pictures.keep_vector("m", DOG.sha256, vector_V)
    kept = await memory.pictures.vectors("m", [CAT.sha256, DOG.sha256])
    assert kept.keys() == {CAT.sha256}
    assert kept[CAT.sha256].tolist() == [1.5, -2]
    assert await memory.pictures.vectors("another", [CAT.sha256]) == {}
    await memory.delete("alice")
    assert await memory.pictures.vectors("m", [CAT.sha256] * 2000) != {}
    await memory.delete("bob")
    assert await memory.pictures.vectors("m", [CAT.sha256]) == {}
