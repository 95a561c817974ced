import pytest

from assistant.evaluation.chat import ChatAnswer, ChatResult
from assistant.evaluation.retention import compare


def result(**passed: bool) -> ChatResult:
    return ChatResult("model", tuple(ChatAnswer(name, "recall", "?", "!", flag, False, False) for name, flag in passed.items()))


def test_the_loss_is_in_points_and_of_what_was_right() -> None:
    kept = compare(result(a=True, b=True, c=True, d=False), result(a=True, b=False, c=False, d=True))
    assert (kept.lost, kept.gained) == (("b", "c"), ("d",))
    assert kept.loss_points == 25.0
    assert kept.relative_loss == pytest.approx(1 / 3)
    assert "loss 25.0 points" in kept.table()
    assert compare(result(a=False), result(a=True)).relative_loss == 0.0


def test_other_cases_are_refused() -> None:
    with pytest.raises(ValueError, match="differ"):
        compare(result(a=True), result(b=True))
