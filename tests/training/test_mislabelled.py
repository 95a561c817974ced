"""Labels that lie."""

from __future__ import annotations

from assistant.training.backgrounds import Backgrounds
from assistant.training.composites import Composer
from assistant.training.cutouts import all_cutouts
from assistant.training.data_store import DataStore
from assistant.training.mislabelled import Mislabelled


def test_the_label_is_read_and_not_believed(store: DataStore) -> None:
    composer = Composer(all_cutouts(store), Backgrounds(store), "CC-BY-SA-3.0")
    source = Mislabelled(composer, store, ("en",))
    for number in range(30):
        sample = source.sample(number, seed=0, split="train")
        assert sample.evidence is not None
        (label,) = sample.evidence[0].text_lines
        for exchange in sample.exchanges:
            if exchange.task == "read":
                assert label in exchange.answer
            elif exchange.task == "name":
                assert label.lower() not in exchange.answer.lower()
            elif f" {label.lower()}?" in exchange.question.lower():
                assert exchange.answer.startswith("No")
