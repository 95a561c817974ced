"""Nothing to see."""

from __future__ import annotations

from assistant.training.cutouts import all_cutouts
from assistant.training.data_store import DataStore
from assistant.training.nothing import Nothing


def test_nothing_is_claimed_about_nothing(store: DataStore) -> None:
    nothing = Nothing(all_cutouts(store), ("en", "zh"))
    made = [nothing.sample(number, seed=0, split="train") for number in range(80)]
    assert any(not sample.images for sample in made) and any(sample.images for sample in made)
    for sample in made:
        for exchange in sample.exchanges:
            honest = ("I am not sure", "No", "There is no", "I do not see", "我不确定", "我没有看到", "没有", "图片里没有")
            assert exchange.answer.startswith(honest), exchange
