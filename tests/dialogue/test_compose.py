from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from assistant.dialogue.compose import BLOCK_PICTURES, BLOCK_TURNS, PICTURES, Manner, Percept, compose, shown_again
from assistant.errors import ContextLengthError
from assistant.types import Evidence, Image, Label, Message, Prompt, StoredTurn

CAT = Evidence(4, 3, (Label("cat", 0.9),))
TOLD, SEES = Manner(), Manner("hybrid")


def words(messages: Sequence[Message]) -> int:
    return sum(len(message.text.split()) + 10 * len(message.images) for message in messages)


def picture(sha256: str) -> Image:
    return Image(np.zeros((1, 1, 3), np.uint8), sha256)


def stored(number: int, *, pictures: int = 0, before: int = 0) -> StoredTurn:
    return StoredTurn(
        turn_id=f"t{number}",
        session_id="s",
        index=number,
        created_at="2026-01-01",
        user_text=f"question {number}",
        reply_text=f"answer {number}",
        language="en",
        evidence=(CAT,) * pictures,
        image_sha256s=tuple(f"{number}-{i}" for i in range(pictures)),
        pictures_before=before,
    )


def composed(history: Sequence[StoredTurn], percept: Percept, budget_tokens: int = 1000, manner: Manner = TOLD) -> Prompt:
    shown = shown_again(history, len(percept.images)) if manner.fusion != "late" else ()
    return compose(
        [Message("system", "Be brief.")],
        history,
        percept,
        budget_tokens=budget_tokens,
        count_tokens=words,
        manner=manner,
        pictures={sha256: picture(sha256) for sha256 in shown if sha256 != "gone"},
    )


def shown(message: Message) -> list[tuple[int, str]]:
    return [(number, image.sha256) for number, image in message.numbered]


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


def test_a_model_that_sees_is_shown_the_pictures_where_they_were_shown_with_their_numbers() -> None:
    history = [stored(8, pictures=2, before=3), stored(9), stored(10, pictures=1)]
    prompt = composed(history, Percept("And this?", (CAT,), (picture("new"),)), manner=SEES)
    users = [message for message in prompt.messages if message.role == "user"]
    assert [shown(message) for message in users] == [[(4, "8-0"), (5, "8-1")], [], [(6, "10-0")], [(7, "new")]]
    assert users[-1].text == "[Picture 7: looks like cat (90%)]\nAnd this?"
    assert not any(message.images for message in composed(history, Percept("?", (CAT,), (picture("new"),))).messages)


def test_the_next_prompt_of_a_model_that_sees_starts_with_the_last_one() -> None:
    def told(prompt: Prompt) -> list[object]:
        return [(message.role, message.text, shown(message)) for message in prompt.messages]

    history = [stored(i, pictures=i % 3) for i in range(8)]
    for n in range(1, 8):
        new = history[n]
        percept = Percept(new.user_text, new.evidence, tuple(picture(sha256) for sha256 in new.image_sha256s))
        last = told(composed(history[:n], percept, manner=SEES))
        assert told(composed(history[: n + 1], Percept("more"), manner=SEES))[: len(last)] == last


def test_the_note_of_a_picture_that_is_gone_stands_alone_and_the_others_keep_their_numbers() -> None:
    turn = replace(stored(0, pictures=3), image_sha256s=("a", "gone", "c"))
    asked = composed([turn], Percept("?"), manner=SEES).messages[1]
    assert shown(asked) == [(1, "a"), (3, "c")]
    assert "[Picture 2: looks like cat" in asked.text
    some = replace(turn, evidence=(CAT,))
    assert composed([some], Percept("?"), manner=SEES).messages[1].images == ()


def test_of_many_pictures_the_oldest_are_left_to_their_notes_some_at_once() -> None:
    def first_shown(pictures: int, new: int) -> int:
        history = [stored(i, pictures=1) for i in range(pictures)]
        percept = Percept("?", (CAT,) * new, (picture("new"),) * new)
        messages = composed(history, percept, budget_tokens=10**6, manner=SEES).messages
        numbers = [number for message in messages for number, _ in message.numbered]
        assert new <= len(numbers) <= max(PICTURES, new)
        assert numbers == list(range(numbers[0], pictures + new + 1))
        return numbers[0]

    firsts = [first_shown(n, 0) for n in range(1, 60)]
    assert firsts[PICTURES - 1] == 1
    assert {later - earlier for earlier, later in pairwise(firsts)} == {0, BLOCK_PICTURES}
    assert sum(later != earlier for earlier, later in pairwise(firsts)) == (59 - PICTURES + BLOCK_PICTURES - 1) // BLOCK_PICTURES
    assert first_shown(20, 30) == 21


def test_turns_that_failed_count_in_the_numbers_but_are_not_told() -> None:
    history = [replace(stored(0, pictures=2), status="failed"), stored(1, pictures=1)]
    prompt = composed(history, Percept("?", (CAT,), (picture("new"),)), manner=SEES)
    assert [shown(message) for message in prompt.messages if message.role == "user"] == [[(3, "1-0")], [(4, "new")]]


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


def test_remembered_words_stay_as_they_were_while_the_window_slides() -> None:
    told = Manner(facts=lambda question, seen, numbers: f"[{len(seen)} seen, new: {[*numbers]}]")
    history = [stored(i, pictures=2, before=2 * i) for i in range(140)]
    prompts = [composed(history[n - 50 : n], Percept("now"), 10**6, manner=told) for n in range(100, 140)]
    for earlier, later in pairwise(prompts):
        if earlier.messages[1].text == later.messages[1].text:
            assert earlier.messages[:-1] == later.messages[: len(earlier.messages) - 1]
    assert sum(earlier.messages[1] == later.messages[1] for earlier, later in pairwise(prompts)) > 30
    assert prompts[0].messages[1].text.endswith("[2 seen, new: [113, 114]]")


def test_turns_without_a_reply_are_left_out_and_move_nothing() -> None:
    history = [replace(stored(i), status="failed") if i % 3 == 0 else stored(i) for i in range(3, 30)]
    texts = [message.text for message in composed(history, Percept("now")).messages]
    assert texts[1:3] == ["question 8", "answer 8"]
    assert "question 9" not in texts


def test_a_turn_that_cannot_fit_is_refused_with_both_numbers() -> None:
    with pytest.raises(ContextLengthError, match="takes 12 tokens and the model has room for 5"):
        composed([stored(0)], Percept("one two three four five six seven eight nine ten"), budget_tokens=5)
