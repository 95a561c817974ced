import pytest

from assistant.evaluation.score import Figure, average, calibration_error, confusion, ratio, reliability, share


def test_a_share_has_wilsons_interval() -> None:
    figure = share("right", [True] * 8 + [False] * 2)
    assert (figure.value, figure.cases) == (0.8, 10)
    assert figure.low == pytest.approx(0.4902, abs=1e-4)
    assert figure.high == pytest.approx(0.9433, abs=1e-4)
    assert str(figure) == "80.0 ±22.7"


def test_all_of_few_is_not_certainty_and_none_at_all_is_nothing() -> None:
    assert share("right", [True] * 5).low == pytest.approx(0.5655, abs=1e-4)
    nothing = ratio("precision", 0, 0)
    assert (nothing.value, nothing.low, nothing.high) == (0.0, 0.0, 1.0)
    assert str(share("right", [True, False] * 500)) == "50.0"
    assert str(Figure("AUC", 0.5)) == "0.500"


def test_an_average_of_independent_shares_is_surer_than_each() -> None:
    parts = [share("a", [True, False] * 10), share("b", [True] * 20)]
    whole = average("average", parts)
    assert (whole.value, whole.cases) == (0.75, 40)
    assert whole.low is not None
    assert whole.high is not None
    assert whole.high - whole.low < (parts[0].high or 0) - (parts[0].low or 0)
    assert average("average", []).value == 0.0


def test_the_calibration_error_is_the_distance_of_confidence_and_share() -> None:
    bins = reliability([0.95, 0.91, 0.15, 1.0], [True, False, False, True])
    assert [(x.cases, round(x.confidence, 3), round(x.right, 3)) for x in bins] == [(1, 0.15, 0.0), (3, 0.953, 0.667)]
    assert calibration_error(bins) == pytest.approx((0.15 + 3 * abs(0.95333 - 0.66667)) / 4, abs=1e-4)
    assert calibration_error(reliability([], [])) == 0.0


def test_what_was_said_is_counted_by_what_is_right() -> None:
    assert confusion([("yes", "no"), ("yes", "yes"), ("no", "no"), ("yes", "no")]) == {"yes": {"no": 2, "yes": 1}, "no": {"no": 1}}
