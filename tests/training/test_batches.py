from __future__ import annotations

from collections import Counter
from pathlib import Path

from assistant.training.recipe import Recipe
from tests.training.tiny_training import TinyModel, tiny_samples

RECIPE = Recipe(batch=4, samples=60, virtual_share=0.25, replay_share=0.25, late_share=0.3, bare_share=0.3)


def test_a_batch_depends_on_its_number_alone(tmp_path: Path, looked_at: Path) -> None:
    model = TinyModel(tmp_path / "model")
    first, second = (model.batches(tiny_samples(looked_at), RECIPE) for _ in range(2))
    before = [[row.items for row in first.mixed(step).rows] for step in range(12)]
    assert [row.items for row in second.mixed(11).rows] == before[11]
    assert [row.items for row in second.concepts(3).rows] == [row.items for row in first.concepts(3).rows]


def test_sources_come_in_their_shares_and_rows_of_a_batch_are_alike_in_length(tmp_path: Path, looked_at: Path) -> None:
    batches = TinyModel(tmp_path / "model").batches(tiny_samples(looked_at), RECIPE)
    chosen = [batches.mixed(step) for step in range(16)]
    counts = Counter(row.sample.source for batch in chosen for row in batch.rows)
    assert counts == {"shapes": 32, "virtual": 16, "replay": 16}
    lengths = [[len(row.items) for row in batch.rows] for batch in chosen]
    padded = sum(4 * max(row) for row in lengths)
    assert sum(map(sum, lengths)) > 0.7 * padded


def test_some_steps_are_without_pictures_or_preamble_and_none_where_that_teaches_nothing(tmp_path: Path, looked_at: Path) -> None:
    batches = TinyModel(tmp_path / "model").batches(tiny_samples(looked_at), RECIPE)
    seeing = [any(item < 0 for row in batches.mixed(step).rows for item in row.items) for step in range(40)]
    begun = [len(batches.mixed(step).prefix_ids_P) > 0 for step in range(40)]
    assert 0 < sum(begun) < 40
    pictures = [any(row.sample.evidence for row in batches.mixed(step).rows) for step in range(40)]
    assert any(shown and not seen for shown, seen in zip(pictures, seeing, strict=True))
    for step, shown in enumerate(pictures):
        assert any(item < 0 for row in batches.mixed(step, late=False).rows for item in row.items) == shown


def test_what_is_held_out_is_looked_at_once_with_and_once_without_notes(tmp_path: Path, looked_at: Path) -> None:
    recipe = Recipe(batch=4, evaluation_samples=10)
    model = TinyModel(tmp_path / "model")
    held_out = model.batches(tiny_samples(looked_at), recipe).held_out(tiny_samples(looked_at, "held-out"))
    assert [len(batch.rows) for batch in held_out] == [4, 4, 2]
    assert all("/held-out/" in row.sample.key for batch in held_out for row in batch.rows)
