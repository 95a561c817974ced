from assistant.evaluation.task import ALL, Sampling


def test_every_nth_is_taken_and_of_these_so_many_evenly() -> None:
    assert Sampling(every=3).of(range(10)) == [0, 3, 6, 9]
    assert Sampling(limit=4).of(range(10)) == [0, 2, 5, 7]
    assert Sampling(every=2, limit=2).of(range(10)) == [0, 4]
    assert Sampling(limit=20).of(range(10)) == ALL.of(range(10)) == list(range(10))
