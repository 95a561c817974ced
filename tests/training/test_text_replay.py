"""What the model could say before."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from assistant.errors import ConfigError, FileMissingError
from assistant.testing import ScriptedLanguageModel
from assistant.training.data_store import DataStore
from assistant.training.text_replay import TextReplay, record_replies, replay_prompts

_ = AsyncGenerator


def test_prompts_are_opening_lines_and_sums(store: DataStore) -> None:
    prompts = replay_prompts(store, ("en",))
    assert prompts[:2] == ["Who wrote Hamlet?", "What is 'iron'?"]
    assert "Do you know Ann?" not in prompts
    assert len(prompts) > 100 and len(set(prompts)) == len(prompts)


async def test_an_interrupted_recording_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    model = ScriptedLanguageModel()
    assert await record_replies(model, ["a?", "b?"], path) == 2
    path.write_text(path.read_text() + '{"question": "c')  # killed in the middle of a line
    path.write_text("\n".join(path.read_text().splitlines()[:2]) + "\n")
    assert await record_replies(model, ["a?", "b?", "c?"], path) == 3
    assert len(path.read_text().splitlines()) == 3


def test_replies_are_gone_through_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_text(
        "".join(f'{{"question": "{n}?", "answer": "{n}!"}}\n' for n in range(30)) + '{"question": "x?", "answer": ""}\n'
    )
    replay = TextReplay(path)
    made = [replay.sample(number, seed=0, split="train") for number in range(20)]
    assert len({sample.exchanges[0].question for sample in made}) == 20
    assert all(x.exchanges[0].answer == x.exchanges[0].question.replace("?", "!") and not x.images for x in made)


def test_what_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError):
        TextReplay(tmp_path / "nothing.jsonl")
    (tmp_path / "odd.jsonl").write_text("no\n" * 3)
    with pytest.raises(ConfigError, match="line 1"):
        TextReplay(tmp_path / "odd.jsonl")
    (tmp_path / "few.jsonl").write_text('{"question": "a?", "answer": "b"}\n')
    with pytest.raises(ConfigError, match="too few"):
        TextReplay(tmp_path / "few.jsonl")
