from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from assistant.dialogue.compose import BLOCK_TURNS, Percept, compose
from assistant.errors import ContextLengthError
from assistant.types import Evidence, Label, Message, Prompt, StoredTurn

NOTE = "[Picture {number}: {evidence}]"


def words(messages: Sequence[Message]) -> int:
    return sum(len(message.text.split()) for message in messages)


def stored(number: int, *, pictures: int = 0) -> StoredTurn:
    evidence = (Evidence(4, 3, (Label("cat", 0.9),)),) * pictures
    return StoredTurn(f"t{number}", "s", number, "2026-01-01", f"question {number}", f"answer {number}", "en", evidence)


def composed(history: Sequence[StoredTurn], percept: Percept, budget_tokens: int = 1000) -> Prompt:
    return compose(
        [Message("system", "Be brief.")], history, percept, picture_note=NOTE, budget_tokens=budget_tokens, count_tokens=words
    )


def test_the_prompt_is_system_then_history_then_the_new_turn() -> None:
    prompt = composed([stored(0)], Percept("And now?"))
    assert [(m.role, m.text) for m in prompt.messages] == [
        ("system", "Be brief."),
        ("user", "question 0"),
        ("assistant", "answer 0"),
        ("user", "And now?"),
    ]


def test_the_next_prompt_starts_with_the_last_one() -> None:
    history = [stored(i, pictures=i % 2) for i in range(5)]
    last = composed(history[:4], Percept(history[4].user_text, history[4].evidence))
    following = composed(history, Percept("more"))
    assert [m.text for m in following.messages[: len(last.messages)]] == [m.text for m in last.messages]


def test_pictures_are_numbered_through_the_session() -> None:
    prompt = composed([stored(0, pictures=2)], Percept("And this?", (Evidence(8, 8),)))
    assert prompt.messages[1].text.startswith("[Picture 1: 4x3 pixels; looks like cat (90%)")
    assert "[Picture 2:" in prompt.messages[1].text
    assert prompt.messages[-1].text.startswith("[Picture 3: 8x8 pixels; no object recognised")


def test_the_oldest_turns_go_first_and_in_blocks_so_that_the_prefix_stays() -> None:
    history = [stored(i) for i in range(40)]
    starts = [composed(history[:n], Percept("now"), budget_tokens=60).messages[1].text for n in range(30, 40)]
    assert len(set(starts)) <= 3
    assert all(words(composed(history[:n], Percept("now"), budget_tokens=60).messages) <= 60 for n in range(40))


@pytest.mark.parametrize("budget_tokens", [60, 1000])
def test_the_beginning_stays_for_a_block_of_turns_though_the_window_slides_with_each(budget_tokens: int) -> None:
    history = [stored(i) for i in range(140)]
    prompts = [composed(history[n - 50 : n], Percept("now"), budget_tokens) for n in range(100, 140)]
    starts = [prompt.messages[1].text for prompt in prompts]
    moves = [n for n in range(1, 40) if starts[n] != starts[n - 1]]
    assert {later - earlier for earlier, later in pairwise(moves)} == {BLOCK_TURNS}


def test_turns_without_a_reply_are_left_out_and_move_nothing() -> None:
    history = [replace(stored(i), status="failed") if i % 3 == 0 else stored(i) for i in range(3, 30)]
    texts = [message.text for message in composed(history, Percept("now")).messages]
    assert texts[1:3] == ["question 8", "answer 8"]
    assert "question 9" not in texts


def test_a_turn_that_cannot_fit_is_refused_with_both_numbers() -> None:
    with pytest.raises(ContextLengthError, match="takes 12 tokens and the model has room for 5"):
        composed([stored(0)], Percept("one two three four five six seven eight nine ten"), budget_tokens=5)
