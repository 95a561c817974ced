import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant.errors import InputError, NotFoundError, StorageError
from assistant.memory.store import SqlMemory
from assistant.types import Evidence, Image, Label, Region, Turn, Usage, Voice

PHOTO = Image(np.zeros((3, 4, 3), np.uint8), "ab" * 32)


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[SqlMemory]:
    store = SqlMemory(tmp_path)
    yield store
    await store.close()


EVIDENCE = Evidence(
    width_px=4,
    height_px=3,
    labels=(Label("cat", 0.5),),
    text_lines=("OPEN",),
    colours=(Label("red", 0.25),),
    regions=(Region("cat", 0.75, 0, 0.25, 0.5, 1),),
    glimpses=(Label("dog", 0.125),),
    faces=(Region("smiling face", 0.75, 0, 0, 0.5, 0.5),),
)


async def say(memory: SqlMemory, session: str, number: int, *, images: tuple[Image, ...] = ()) -> None:
    turn = Turn(session, f"{session}-{number}", f"question {number}", images=images)
    evidence = [EVIDENCE for _ in images]
    await memory.begin(turn, user_text=turn.text, language="en", evidence=evidence)
    await memory.finish(
        session, turn.turn_id, reply_text=f"answer {number}", status="done", usage=Usage(3, 2, 1), timings_ms={"total": 1.5}
    )


async def test_history_is_the_newest_turns_oldest_first(memory: SqlMemory) -> None:
    for number in range(5):
        await say(memory, "alice", number)
    assert [turn.reply_text for turn in await memory.history("alice", limit=2)] == ["answer 3", "answer 4"]
    assert [turn.index for turn in await memory.history("alice", limit=2)] == [3, 4]
    assert [turn.index for turn in await memory.history("alice", limit=9)] == [0, 1, 2, 3, 4]
    assert await memory.history("bob", limit=2) == ()


async def test_evidence_comes_back_as_it_was(memory: SqlMemory) -> None:
    await say(memory, "alice", 1, images=(PHOTO,))
    (turn,) = await memory.history("alice", limit=1)
    assert turn.evidence == (EVIDENCE,)
    assert turn.image_sha256s == (PHOTO.sha256,)


async def test_what_is_known_of_a_picture_by_the_end_of_its_turn_is_kept(memory: SqlMemory) -> None:
    begun, ended = (replace(EVIDENCE, read_later=True, text_lines=lines) for lines in ((), ("STOP",)))
    turn = Turn("alice", "t", "What is this?", images=(PHOTO,))
    await memory.begin(turn, user_text=turn.text, language="en", evidence=(begun,))
    assert (await memory.history("alice", limit=1))[0].evidence == (begun,)
    await memory.finish("alice", "t", reply_text="A sign.", status="done", usage=Usage(), timings_ms={}, evidence=(ended,))
    assert (await memory.history("alice", limit=1))[0].evidence == (ended,)


async def test_how_a_turn_was_said_comes_back_and_goes_with_its_session(memory: SqlMemory) -> None:
    spoken = Turn("alice", "alice-1", voice=Voice(-20.5, 187.25, 4.5))
    await memory.begin(spoken, user_text="Hello?", language="en", evidence=())
    await say(memory, "alice", 2)
    assert [turn.voice for turn in await memory.history("alice", limit=9)] == [spoken.voice, None]
    await memory.delete("alice")
    assert await memory.history("alice", limit=9) == ()


async def test_pictures_are_counted_through_the_session_and_found_as_long_as_they_are_there(memory: SqlMemory) -> None:
    for number in range(4):
        await say(memory, "alice", number, images=(PHOTO,) * (number % 3))
    assert [turn.pictures_before for turn in await memory.history("alice", limit=9)] == [0, 0, 1, 3]
    assert [turn.pictures_before for turn in await memory.history("alice", limit=2)] == [1, 3]
    assert (await memory.images([PHOTO.sha256, "ef" * 32])).keys() == {PHOTO.sha256}


async def test_what_the_user_said_is_kept_though_no_answer_came(memory: SqlMemory) -> None:
    await memory.begin(Turn("alice", "t", "hello"), user_text="hello", language="en", evidence=())
    (turn,) = await memory.history("alice", limit=1)
    assert (turn.user_text, turn.reply_text, turn.status) == ("hello", "", "open")


async def test_a_turn_id_is_used_once_in_a_session(memory: SqlMemory) -> None:
    await say(memory, "alice", 1)
    with pytest.raises(InputError):
        await say(memory, "alice", 1)


async def test_a_refused_turn_leaves_no_picture(memory: SqlMemory) -> None:
    await say(memory, "alice", 1)
    with pytest.raises(InputError):
        await say(memory, "alice", 1, images=(PHOTO,))
    with pytest.raises(NotFoundError):
        await memory.image(PHOTO.sha256)


async def test_a_broken_row_is_not_taken_for_a_turn_id_used_twice(memory: SqlMemory) -> None:
    nothing: Any = None
    with pytest.raises(StorageError, match="NOT NULL"):
        await memory.begin(Turn("alice", "t", "hello"), user_text=nothing, language="en", evidence=())


async def test_finishing_a_turn_that_was_not_begun_is_said(memory: SqlMemory) -> None:
    with pytest.raises(NotFoundError):
        await memory.finish("alice", "t", reply_text="", status="done", usage=Usage(), timings_ms={})


async def test_sessions_are_listed_newest_first_with_their_first_words(memory: SqlMemory) -> None:
    await say(memory, "old", 1)
    await asyncio.sleep(0.002)  # the store's clock counts milliseconds
    await say(memory, "new", 1)
    await say(memory, "new", 2)
    listed = await memory.sessions(limit=10)
    assert [(s.session_id, s.turns, s.title) for s in listed] == [("new", 2, "question 1"), ("old", 1, "question 1")]


async def test_deleting_a_session_forgets_its_pictures_unless_another_shows_them(memory: SqlMemory) -> None:
    await say(memory, "alice", 1, images=(PHOTO,))
    await say(memory, "bob", 1, images=(PHOTO,))
    await memory.delete("alice")
    assert await memory.history("alice", limit=1) == ()
    assert await memory.image(PHOTO.sha256)
    await memory.delete("bob")
    with pytest.raises(NotFoundError):
        await memory.image(PHOTO.sha256)
    with pytest.raises(NotFoundError):
        await memory.delete("bob")


async def test_a_picture_begun_while_another_session_forgets_it_is_kept(tmp_path: Path) -> None:
    first, second = SqlMemory(tmp_path), SqlMemory(tmp_path)
    for number in range(20):
        await say(first, f"old {number}", 1, images=(PHOTO,))
        await asyncio.gather(first.delete(f"old {number}"), say(second, f"new {number}", 1, images=(PHOTO,)))
        assert await first.image(PHOTO.sha256)
        await second.delete(f"new {number}")
    await first.close()
    await second.close()


async def test_a_turn_that_a_killed_process_left_open_is_kept(tmp_path: Path) -> None:
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", _KILLED, str(tmp_path))
    assert await killed.wait() == -9
    memory = SqlMemory(tmp_path)
    (turn,) = await memory.history("alice", limit=5)
    await memory.close()
    assert (turn.user_text, turn.reply_text, turn.status) == ("hello", "", "open")


_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from assistant.memory.store import SqlMemory
from assistant.types import Turn
async def main():
    memory = SqlMemory(Path(sys.argv[1]))
    await memory.begin(Turn("alice", "t", "hello"), user_text="hello", language="en", evidence=())
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


async def test_it_is_all_there_after_a_restart(tmp_path: Path) -> None:
    first = SqlMemory(tmp_path)
    await say(first, "alice", 1)
    await first.close()
    second = SqlMemory(tmp_path)
    assert len(await second.history("alice", limit=5)) == 1
    await second.close()


_WRITER = """
import asyncio, sys
from pathlib import Path
from assistant.memory.store import SqlMemory
from assistant.types import Turn, Usage
async def main():
    memory = SqlMemory(Path(sys.argv[1]))
    for n in range(20):
        turn = Turn("shared", f"{sys.argv[2]}-{n}", "hi")
        await memory.begin(turn, user_text="hi", language="en", evidence=())
        await memory.finish("shared", turn.turn_id, reply_text="ho", status="done", usage=Usage(), timings_ms={})
    await memory.close()
asyncio.run(main())
"""


async def test_two_processes_write_one_session_and_lose_nothing(tmp_path: Path) -> None:
    writers = [await asyncio.create_subprocess_exec(sys.executable, "-c", _WRITER, str(tmp_path), name) for name in ("a", "b")]
    assert [await writer.wait() for writer in writers] == [0, 0]
    memory = SqlMemory(tmp_path)
    turns = await memory.history("shared", limit=100)
    await memory.close()
    assert len({turn.turn_id for turn in turns}) == 40
    assert all(turn.status == "done" for turn in turns)
    for name in ("a", "b"):
        assert [t.turn_id for t in turns if t.turn_id.startswith(name)] == [f"{name}-{n}" for n in range(20)]


async def test_a_turn_is_found_by_the_beginning_of_its_id_with_those_before_it(memory: SqlMemory) -> None:
    for number in range(12):
        await say(memory, "alice", number)
    turn, before = await memory.turn("alice-11")
    assert (turn.turn_id, turn.index, [one.index for one in before]) == ("alice-11", 11, list(range(11)))
    exact, _ = await memory.turn("alice-1")
    assert exact.turn_id == "alice-1"
    for unclear in ("alice-", "bob", "%"):
        with pytest.raises(NotFoundError):
            await memory.turn(unclear)
