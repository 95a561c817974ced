"""What the model could say before."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import ConfigError, FileMissingError
from assistant.training.data_store import DataStore
from assistant.training.text_replay import TextReplay, recorded_prompts, replay_prompts, write_replies


def test_prompts_are_opening_lines_and_sums(store: DataStore) -> None:
    prompts = replay_prompts(store, ("en",))
    assert prompts[:2] == ["Who wrote Hamlet?", "What is 'iron'?"]
    assert "Do you know Ann?" not in prompts
    assert len(prompts) > 100 and len(set(prompts)) == len(prompts)


@pytest.mark.parametrize("rest", [b'{"question": "c', '{"question": "几'.encode()[:-1]])
def test_a_recording_that_was_stopped_in_the_middle_of_a_line_goes_on(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "replies.jsonl"
    assert recorded_prompts(path) == frozenset()
    write_replies(path, [("a?", "one\u2028two"), ("b?", "b!")])
    path.write_bytes(path.read_bytes() + rest)
    assert recorded_prompts(path) == {"a?", "b?"}
    write_replies(path, [("c?", "c!"), ("d?", "d!")])
    assert recorded_prompts(path) == {"a?", "b?", "c?", "d?"}


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
