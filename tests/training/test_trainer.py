from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import torch

from assistant.errors import ConfigError, GenerationError
from assistant.training.conversation import Answer
from assistant.training.low_rank import LowRankChanges
from assistant.training.recipe import Recipe
from assistant.training.sample import Exchange
from assistant.training.trainable_decoder import TrainableDecoder
from assistant.training.trainer import Progress, Trainer
from tests.training.tiny_training import TinyModel, tiny_samples

RECIPE = Recipe(
    steps=12, batch=2, samples=20, warm_up_steps=2, concepts=0.2, frozen=0.4, rank=2, connector_rate=1e-2, changes_rate=1e-2
)


def trainer_of(
    place: Path,
    looked_at: Path,
    recipe: Recipe = RECIPE,
    folder: str = "run",
    *,
    evaluated: bool = False,
    kind: str = "anchored",
    stop_at: int | None = None,
    identity: Mapping[str, Any] = MappingProxyType({}),
) -> tuple[Trainer, list[float]]:
    torch.set_num_threads(1)  # several wait for each other longer than they compute
    model = TinyModel(place / "model")
    losses: list[float] = []

    def report(progress: Progress) -> None:
        losses.append(progress.loss)
        if progress.step == stop_at:
            raise KeyboardInterrupt

    batches = model.batches(tiny_samples(looked_at), recipe)
    changes = LowRankChanges(model.checkpoint.config, targets=("q", "v"), rank=2, alpha=4.0, dropout=0.1)
    decoder = TrainableDecoder(model.checkpoint, dtype=torch.float32)
    held_out = batches.held_out(tiny_samples(looked_at, "held-out")) if evaluated else ()
    arguments = (decoder, model.tokenizer, model.connector(kind), changes, batches, recipe, place / folder)
    return Trainer(*arguments, held_out=held_out, identity=identity, report=report), losses


def test_two_trainings_of_one_seed_have_the_same_losses_and_learn(tmp_path: Path, looked_at: Path) -> None:
    recipe = replace(RECIPE, steps=40)
    first, losses = trainer_of(tmp_path, looked_at, recipe, "first")
    first.run()
    second, again = trainer_of(tmp_path, looked_at, recipe, "second")
    second.run()
    assert losses == again and len(losses) == 40
    assert losses[7] < 0.85 * losses[0]  # one answer to one question
    assert sum(losses[-10:]) < sum(losses[8:18])
    assert first.changes is not None and any(up.any() for up in first.changes.up.values())


@pytest.mark.parametrize("kind", ["gated_cross_attention", "co_attention"])
def test_pictures_that_reach_the_model_in_another_way_are_learned_from_too(tmp_path: Path, looked_at: Path, kind: str) -> None:
    recipe = replace(RECIPE, steps=24, frozen=1.0, early_share=1.0, late_share=0.0, replay_share=0.0, connector_rate=3e-2)
    trainer, _ = trainer_of(tmp_path, looked_at, recipe, kind, kind=kind)
    (batch,) = TinyModel(tmp_path / "model").batches(tiny_samples(looked_at), recipe).held_out(tiny_samples(looked_at))[:1]
    before, _ = trainer._loss(batch, with_changes=False)
    trainer.run()
    after, _ = trainer._loss(batch, with_changes=False)
    assert after < 0.95 * before
    assert all(gate != 0 for name, gate in trainer.connector.named_parameters() if name.endswith("attention_gate"))


def test_a_stopped_training_goes_on_as_if_nothing_had_happened(tmp_path: Path, looked_at: Path) -> None:
    whole, losses = trainer_of(tmp_path, looked_at, folder="whole")
    whole.run()
    stopped, first = trainer_of(tmp_path, looked_at, stop_at=7)
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    resumed, rest = trainer_of(tmp_path, looked_at)
    resumed.run()
    assert [*first, *rest] == losses
    for name, tensor in whole.connector.state_dict().items():
        assert torch.equal(tensor, resumed.connector.state_dict()[name])


def test_a_killed_training_loses_at_most_one_interval(tmp_path: Path, looked_at: Path) -> None:
    code = f"""
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from tests.training.test_trainer import RECIPE, trainer_of
trainer, losses = trainer_of(Path({str(tmp_path)!r}), Path({str(looked_at)!r}), replace(RECIPE, checkpoint_minutes=0.0))
tell = trainer._report
def report(progress):
    if progress.step == 6:
        os.kill(os.getpid(), signal.SIGKILL)
trainer._report = report
trainer.run()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], env={**os.environ}, check=False)
    assert done.returncode == -signal.SIGKILL
    resumed, _ = trainer_of(tmp_path, looked_at)
    assert resumed.state.step == 5


def test_the_checkpoint_of_another_training_is_refused(tmp_path: Path, looked_at: Path) -> None:
    stopped, _ = trainer_of(tmp_path, looked_at, stop_at=2, identity={"kind": "anchored"})
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    trainer_of(tmp_path, looked_at, identity={"kind": "anchored"})
    with pytest.raises(ConfigError, match="of another training"):
        trainer_of(tmp_path, looked_at, replace(RECIPE, seed=1), identity={"kind": "anchored"})
    with pytest.raises(ConfigError, match="of another training"):
        trainer_of(tmp_path, looked_at, identity={"kind": "mlp"})


def test_the_first_stages_leave_the_other_parameters_alone(tmp_path: Path, looked_at: Path) -> None:
    trainer, _ = trainer_of(tmp_path, looked_at, replace(RECIPE, concepts=1.0, frozen=1.0, steps=3))
    before = {name: parameter.clone() for name, parameter in trainer.connector.named_parameters()}
    trainer.run()
    changed = {name for name, x in trainer.connector.named_parameters() if not torch.equal(x, before[name])}
    assert "frame.start_ND" in changed and not any(name.startswith("grid.") for name in changed)
    assert trainer.changes is not None and not any(up.any() for up in trainer.changes.up.values())


def test_without_a_picture_the_unchanged_decoder_is_the_target(tmp_path: Path, looked_at: Path) -> None:
    trainer, _ = trainer_of(tmp_path, looked_at, replace(RECIPE, replay_share=1.0, virtual_share=0.0))
    assert trainer.changes is not None
    batch = trainer._batches.mixed(0)
    assert {row.sample.source for row in batch.rows} == {"replay"}

    def gradient() -> float:
        assert trainer.changes is not None
        trainer._loss(batch, with_changes=True)[0].backward()  # type: ignore[no-untyped-call]
        return max(float(up.grad.abs().max()) for up in trainer.changes.up.values() if up.grad is not None)

    assert gradient() < 1e-6  # nothing is changed yet: there is nothing to undo
    with torch.no_grad():
        for up in trainer.changes.up.values():
            up.add_(0.05)
    assert gradient() > 1e-4


def test_a_loss_that_is_no_number_changes_nothing_and_five_end_it(
    tmp_path: Path, looked_at: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, losses = trainer_of(tmp_path, looked_at)
    before = {name: parameter.clone() for name, parameter in trainer.connector.named_parameters()}
    right = TrainableDecoder.logits
    monkeypatch.setattr(TrainableDecoder, "logits", lambda decoder, stream_ND: right(decoder, stream_ND) * float("nan"))
    with pytest.raises(GenerationError, match="not a number 5 times"):
        trainer.run()
    assert len(losses) == 4 and trainer.state.rate_factor == 1 / 32
    assert all(torch.equal(x, before[name]) for name, x in trainer.connector.named_parameters())


def test_the_best_on_what_is_held_out_is_kept_and_no_progress_ends_it(tmp_path: Path, looked_at: Path) -> None:
    recipe = replace(
        RECIPE, steps=100, evaluation_minutes=0.0, evaluation_samples=6, patience=2, connector_rate=0.0, changes_rate=0.0
    )
    trainer, losses = trainer_of(tmp_path, looked_at, recipe, evaluated=True)
    scores = trainer.run()
    assert len(losses) < 100
    assert 0 <= scores["macro"] <= 1 and scores == trainer.state.scores
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert max(row["scores"]["macro"] for row in rows if "scores" in row) == scores["macro"]


def test_only_words_that_carry_the_answer_are_scored(tmp_path: Path, looked_at: Path) -> None:
    trainer, _ = trainer_of(tmp_path, looked_at)
    model = TinyModel(tmp_path / "model")

    def score(question: str, text: str, said: str) -> float:
        ids = model.tokenizer.encode(text)
        known = [said == "all" or model.tokenizer.token_bytes(i).decode("utf-8", "replace").strip() in said for i in ids]
        return trainer._word_score(Answer(0, len(ids), Exchange(question, text, "name")), [*known, True])

    assert score("Is there a dog?", "Yes, there is a dog.", "Yes") == 1.0
    assert score("Is there a dog?", "No.", "Yes") == 0.0
    assert score("What is this?", "The picture shows a dog.", "dog") == 1.0
    assert score("Where is the dog?", "The dog is on the left.", "all") == 1.0
    assert score("Where is the dog?", "The dog is on the left.", "The dog is on the") == 0.0
