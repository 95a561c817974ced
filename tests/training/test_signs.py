"""Writing in pictures: answers quote what was read, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import WeightsMissingError
from assistant.training.data_store import DataStore
from assistant.training.signs import Signs


def test_answers_quote_the_evidence(store: DataStore) -> None:
    signs = Signs(store, ("en", "zh"))
    unread = 0
    for number in range(200):
        sample = signs.sample(number, seed=0, split="train")
        assert sample.evidence is not None
        lines = sample.evidence[0].text_lines
        for exchange in sample.exchanges:
            for quote in exchange.answer.split('"')[1:2] or exchange.answer.split("“")[1:2]:
                assert all(part.strip(" ”。") in lines for part in quote.split(" / ")), exchange
            if exchange.answer.startswith(("Yes", "是的")):
                assert any(line in exchange.question for line in lines)
        if not lines or sample.exchanges[0].task == "unsure":
            unread += 1
            assert len(sample.exchanges) == 1
    assert 10 < unread < 80


def test_a_reader_that_never_errs_reads_every_board(store: DataStore) -> None:
    signs = Signs(store, ("en",), misread=False)
    tasks = {exchange.task for number in range(100) for exchange in signs.sample(number, seed=0, split="held-out").exchanges}
    assert tasks == {"read"}


def test_what_is_written_in_training_is_not_in_the_held_out_signs(store: DataStore) -> None:
    signs = Signs(store, ("en",))
    read = {
        split: {
            line.upper() for n in range(150) for e in signs.sample(n, seed=1, split=split).evidence or () for line in e.text_lines
        }
        for split in ("train", "held-out")
    }
    words = {split: {line for line in lines if line.replace(" ", "").isalpha() and len(line) > 4} for split, lines in read.items()}
    assert words["train"] and words["held-out"] and not words["train"] & words["held-out"]


def test_without_a_font_the_error_says_what_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError) as caught:
        Signs(DataStore(tmp_path), ("zh",))
    assert "fonts-han" in caught.value.hint
