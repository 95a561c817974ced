from assistant.lately import Lately


def test_what_was_asked_for_least_lately_is_forgotten() -> None:
    kept = Lately[int](2)
    assert kept.put("a", 1) == 1
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (1, None, 3)


def test_a_value_that_is_put_again_counts_as_asked_for() -> None:
    kept = Lately[int](2)
    for name, value in (("a", 1), ("b", 2), ("a", 4), ("c", 3)):
        kept.put(name, value)
    assert (kept.get("a"), kept.get("b")) == (4, None)
