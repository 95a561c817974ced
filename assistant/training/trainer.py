"""The training itself: batches in, a connector and low-rank changes out, resumable at any time."""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from assistant.errors import ConfigError, GenerationError
from assistant.language.tokenizer import Tokenizer
from assistant.training.batches import Batch, Batches
from assistant.training.conversation import Answer, Row
from assistant.training.curves import draw_curves
from assistant.training.low_rank import LowRankChanges
from assistant.training.recipe import Recipe
from assistant.training.text_replay import TextReplay
from assistant.training.trainable_decoder import TrainableDecoder
from assistant.vision.connector import Connector
from assistant.vision.connectors.gated_cross_attention import GatedCrossAttention
from assistant.vision.encoder import Features

LOG = "log.jsonl"
"""In the folder of a run: a row for each step and each evaluation."""
_SMALL = 4096
"""Parameters of no more numbers are gains, markers and temperatures: what the first stage trains, and never decays."""
_MOST_FAILURES = 5
_LEAST_ANSWERS = 4
"""Of a task, for its score to count."""
_FRAME_WORDS = "a an the is are it its this that there i see do not in on of at to and picture image shows looks like thing"
_FRAME = frozenset(_FRAME_WORDS.split())
_WORD = re.compile(r"[一-鿿]|[\w'-]+")


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after every step."""

    step: int
    share: float
    """Of the whole training, from 0 to 1."""
    loss: float
    tokens: int
    """Positions of the batch, padding not counted."""
    seconds: float
    """The step took."""
    elapsed_s: float
    """Of training in all, over all its runs."""


@dataclass(slots=True)
class State:
    """What a checkpoint holds beside tensors."""

    step: int = 0
    elapsed_s: float = 0.0
    rate_factor: float = 1.0
    failures: int = 0
    changes_since: int = -1
    """The step at which the low-rank changes began; -1 before."""
    mixed_since: int = -1
    best: float = -1.0
    since_best: int = 0
    evaluated_s: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)
    """Of the best."""


class Trainer:
    """Changes a connector and, if given, low-rank changes, in place."""

    def __init__(
        self,
        decoder: TrainableDecoder,
        tokenizer: Tokenizer,
        connector: Connector,
        changes: LowRankChanges | None,
        batches: Batches,
        recipe: Recipe,
        folder: Path,
        *,
        held_out: Sequence[Batch] = (),
        identity: Mapping[str, Any] = MappingProxyType({}),
        report: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        """Get ready; goes on from the checkpoint in the folder if there is one.

        Args:
            decoder: Frozen.
            tokenizer: Its own.
            connector: A torch module.
            changes: To the decoder; None leaves it as it is.
            batches: What to learn from.
            recipe: How.
            folder: Of the run: checkpoint, log.
            held_out: What to evaluate on; empty evaluates never.
            identity: What else must be the same for a checkpoint to be of this training, as JSON.
            report: Told after every step.

        Raises:
            ConfigError: The checkpoint in the folder is of another training.
        """
        self._decoder, self._tokenizer, self._batches, self._recipe = decoder, tokenizer, batches, recipe
        self.connector, self.changes = cast(nn.Module, connector).to(decoder.device), changes and changes.to(decoder.device)
        self._folder, self._held_out, self._report, self._others = folder, held_out, report, dict(identity)
        self._named = {f"connector.{name}": parameter for name, parameter in self.connector.named_parameters()}
        small = [parameter for parameter in self._named.values() if parameter.numel() <= _SMALL]
        large = [parameter for parameter in self._named.values() if parameter.numel() > _SMALL]
        groups: list[dict[str, Any]] = [
            {"params": small, "weight_decay": 0.0, "role": "small"},
            {"params": large, "weight_decay": recipe.weight_decay, "role": "large"},
        ]
        if changes is not None:
            named = {f"changes.{name}": parameter for name, parameter in changes.named_parameters()}
            self._named |= named
            groups.append({"params": list(named.values()), "weight_decay": 0.0, "role": "changes"})
        self._optimizer = torch.optim.AdamW([group for group in groups if group["params"]], lr=0.0, betas=(0.9, 0.98))
        self.state = State()
        self._best: dict[str, Tensor] = {}
        folder.mkdir(parents=True, exist_ok=True)
        if self._checkpoint.exists():
            self._restore()

    @property
    def share(self) -> float:
        """Of the training that is done, from 0 to 1."""
        recipe = self._recipe
        by_steps = self.state.step / recipe.steps if recipe.steps else 1.0
        by_time = self.state.elapsed_s / (60 * recipe.minutes) if recipe.minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    def run(self) -> Mapping[str, float]:
        """Train to the end; then the parameters are the best ones.

        Returns:
            The scores of the best, by task, and `macro`, their mean; empty where nothing was evaluated.

        Raises:
            GenerationError: The loss was not a number again and again.
            KeyboardInterrupt: After the checkpoint was written.
        """
        saved_s = self.state.elapsed_s
        try:
            while self.share < 1.0:
                self._advance()
                if self.state.elapsed_s - saved_s >= 60 * self._recipe.checkpoint_minutes:
                    saved_s = self.state.elapsed_s
                    self.save()
                if self.state.elapsed_s - self.state.evaluated_s >= 60 * self._recipe.evaluation_minutes:
                    self._judge()
                    if self.state.since_best >= self._recipe.patience:
                        break
            if self._held_out and self.state.step:
                self._judge()
        except KeyboardInterrupt:
            self.save()
            raise
        if self._best:
            self._load(self._best)
        self.save()
        if self.state.step:
            draw_curves(self._folder / LOG, self._folder / "curves.png")
        return self.state.scores

    def evaluate(self) -> dict[str, float]:
        """The share of words that the model would say right, given the right ones before: by task, and `macro`, their mean.

        Words of the question that the right answer does not repeat are passed over.
        """
        scores: dict[str, list[float]] = defaultdict(list)
        self._mode(train=False)
        with torch.no_grad():
            for batch in self._held_out:
                stream_BTD, starts = self._stream(batch)
                for i, row in enumerate(batch.rows):
                    for answer in row.answers:
                        first, last = starts[i][answer.start], starts[i][answer.end - 1]
                        ids = row.items[answer.start : answer.end]
                        logits_LV = self._decoder.logits(stream_BTD[i, first - 1 : last])
                        # asked for the shape of the red thing, "a red heart" is as right as "a heart"
                        asked = set(self._tokenizer.encode(f" {answer.exchange.question}")) - set(ids)
                        logits_LV[:, sorted(asked)] = -math.inf
                        right = [guess == item for guess, item in zip(logits_LV.argmax(dim=1).tolist(), ids, strict=True)]
                        scores[answer.exchange.task].append(self._word_score(answer, right))
        self._mode(train=True)
        means = {task: sum(values) / len(values) for task, values in sorted(scores.items()) if len(values) >= _LEAST_ANSWERS}
        return {**means, "macro": sum(means.values()) / max(1, len(means))}

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        tensors = {f"now.{name}": parameter.detach() for name, parameter in self._named.items()}
        tensors |= {f"best.{name}": tensor for name, tensor in self._best.items()}
        steps: dict[str, float] = {}
        for name, parameter in self._named.items():
            if moments := self._optimizer.state.get(parameter):
                tensors |= {f"mean.{name}": moments["exp_avg"], f"square.{name}": moments["exp_avg_sq"]}
                steps[name] = float(moments["step"])
        facts = {"state": {name: getattr(self.state, name) for name in State.__slots__}, "steps": steps, "of": self._identity()}
        draft = self._checkpoint.with_suffix(f".{os.getpid()}.part")
        save_file({name: tensor.cpu().contiguous() for name, tensor in tensors.items()}, draft, {"training": json.dumps(facts)})
        draft.replace(self._checkpoint)

    @property
    def _checkpoint(self) -> Path:
        return self._folder / "checkpoint.safetensors"

    def _identity(self) -> dict[str, Any]:
        """What must be the same for a training to go on; its length may change."""
        shapes = {name: list(parameter.shape) for name, parameter in self._named.items()}
        identity = {"shapes": shapes, "seed": self._recipe.seed, **self._others}
        return cast(dict[str, Any], json.loads(json.dumps(identity)))  # tuples as JSON gives them back

    def _restore(self) -> None:
        with safe_open(self._checkpoint, framework="pt") as file:
            facts = json.loads(file.metadata()["training"])
            if facts["of"] != self._identity():
                raise ConfigError(
                    f"{self._checkpoint} is of another training",
                    hint="give another --folder, or the options it was begun with",
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        self.state = State(**facts["state"])
        self._load({name.removeprefix("now."): tensor for name, tensor in tensors.items() if name.startswith("now.")})
        self._best = {name.removeprefix("best."): tensor for name, tensor in tensors.items() if name.startswith("best.")}
        for name, steps in facts["steps"].items():
            self._optimizer.state[self._named[name]] = {
                "step": torch.tensor(steps),
                "exp_avg": tensors[f"mean.{name}"].to(self._decoder.device),
                "exp_avg_sq": tensors[f"square.{name}"].to(self._decoder.device),
            }

    @torch.no_grad()
    def _load(self, tensors: Mapping[str, Tensor]) -> None:
        for name, tensor in tensors.items():
            self._named[name].copy_(tensor)

    def _advance(self) -> None:
        begun_s, state, share = time.monotonic(), self.state, self.share
        concepts = share < self._recipe.concepts and self._batches.has_concepts
        if not concepts and state.mixed_since < 0:
            state.mixed_since = state.step
        with_changes = self.changes is not None and share >= self._recipe.frozen
        if with_changes and state.changes_since < 0:
            state.changes_since = state.step
        self._set_rates(share, concepts=concepts, with_changes=with_changes)
        torch.manual_seed(hash((self._recipe.seed, state.step)))  # of dropout
        if concepts:
            batch = self._batches.concepts(state.step)
        else:
            batch = self._batches.mixed(state.step - state.mixed_since, late=with_changes)
        loss, tokens = self._loss(batch, with_changes=with_changes)
        self._optimizer.zero_grad(set_to_none=True)
        if loss.requires_grad:  # while the decoder is frozen, conversations without pictures teach nothing
            loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_([x for x in self._named.values() if x.grad is not None], self._recipe.clip)
        if math.isfinite(float(loss.detach())) and math.isfinite(float(norm)):
            self._optimizer.step()
        else:
            self._fail()
        seconds = time.monotonic() - begun_s
        state.step += 1
        state.elapsed_s += seconds
        self._log(step=state.step, loss=float(loss.detach()), norm=float(norm), tokens=tokens, seconds=seconds)
        self._report(Progress(state.step, self.share, float(loss.detach()), tokens, seconds, state.elapsed_s))

    def _fail(self) -> None:
        """A loss that is no number: the step is left out and the next ones are smaller."""
        self.state.failures += 1
        self.state.rate_factor /= 2
        if self.state.failures >= _MOST_FAILURES:
            raise GenerationError(
                f"the loss was not a number {_MOST_FAILURES} times",
                hint="train with lower rates, --connector-rate and --changes-rate",
            )

    def _set_rates(self, share: float, *, concepts: bool, with_changes: bool) -> None:
        recipe, state = self._recipe, self.state
        for group in self._optimizer.param_groups:
            rate = 0.0
            if group["role"] == "changes":
                rate = recipe.rate(recipe.changes_rate, share, state.step - state.changes_since) if with_changes else 0.0
            elif concepts:
                rate = recipe.rate(recipe.concepts_rate, share, state.step) if group["role"] == "small" else 0.0
            else:
                rate = recipe.rate(recipe.connector_rate, share, state.step - state.mixed_since)
            group["lr"] = rate * state.rate_factor
            for parameter in group["params"]:
                parameter.requires_grad_(rate > 0)

    def _loss(self, batch: Batch, *, with_changes: bool) -> tuple[Tensor, int]:
        """The mean over answers of each answer's mean cross-entropy, so that long answers do not drown the short.

        In conversations without a picture it is the cross-entropy with what the unchanged decoder would say.
        """
        stream_BTD, starts = self._stream(batch, with_changes=with_changes)
        rows, places, targets, weights = list[int](), list[int](), list[int](), list[float]()
        for i, row in enumerate(batch.rows):
            for answer in row.answers:
                for item in range(answer.start, answer.end):
                    rows.append(i)
                    places.append(starts[i][item] - 1)
                    targets.append(row.items[item])
                    weights.append(1 / (answer.end - answer.start))
        device = self._decoder.device
        chosen = torch.tensor(rows, device=device), torch.tensor(places, device=device)
        logits_NV = self._decoder.logits(stream_BTD[chosen])
        losses_N = functional.cross_entropy(logits_NV, torch.tensor(targets, device=device), reduction="none")
        replayed_N = torch.tensor([batch.rows[i].sample.source == TextReplay.name for i in rows], device=device)
        if with_changes and self.changes is not None and replayed_N.any():
            wanted_MV = self._unchanged(batch, *(part[replayed_N] for part in chosen))
            retained_M = functional.cross_entropy(logits_NV[replayed_N], wanted_MV, reduction="none")
            losses_N = losses_N.masked_scatter(replayed_N, retained_M)
        n_answers = sum(len(row.answers) for row in batch.rows)
        return losses_N @ torch.tensor(weights, device=device) / n_answers, sum(starts[i][-1] for i in range(len(starts)))

    @torch.no_grad()
    def _unchanged(self, batch: Batch, rows_M: Tensor, places_M: Tensor) -> Tensor:
        """The probabilities that the decoder as it was gives at places of some rows, (M, V)."""
        distinct, numbers_M = rows_M.unique(return_inverse=True)  # type: ignore[no-untyped-call]
        chosen = Batch(batch.prefix_ids_P, tuple(batch.rows[i] for i in distinct.tolist()))
        stream_BTD, _ = self._stream(chosen, with_changes=False)
        return self._decoder.logits(stream_BTD[numbers_M, places_M]).softmax(dim=1)

    def _stream(self, batch: Batch, *, with_changes: bool = True) -> tuple[Tensor, list[list[int]]]:
        """The decoder's stream over a batch, and where each item of each row begins in it; last, where the row ends."""
        tokens = self._visual_tokens(batch.rows)
        rows, starts, seen = list[Tensor](), list[list[int]](), list[tuple[Tensor, int, int, int]]()
        for row, pictures in zip(batch.rows, tokens, strict=True):
            embedded_ND = self._decoder.embed(torch.tensor([max(0, item) for item in row.items]))
            parts, places, first, place = list[Tensor](), list[int](), 0, 0
            shown = list[tuple[Tensor, int]]()
            for n, item in enumerate(row.items):
                places.append(place)
                if item < 0:
                    picture_ND = pictures[-1 - item]
                    if isinstance(self.connector, GatedCrossAttention):
                        shown.append((picture_ND, place))
                        picture_ND = picture_ND[:0]
                    parts += [embedded_ND[first:n], picture_ND]
                    first = n + 1
                    place += len(picture_ND)
                else:
                    place += 1
            ends = [*(start for _, start in shown[1:]), place]
            seen += [(picture_ND, len(rows), start, end) for (picture_ND, start), end in zip(shown, ends, strict=False)]
            rows.append(torch.cat([*parts, embedded_ND[first:]]))
            starts.append([*places, place])
        rows_BTD = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        changes, look = self.changes if with_changes else None, None
        if seen:
            assert isinstance(self.connector, GatedCrossAttention)
            prefix, length, device = len(batch.prefix_ids_P), rows_BTD.shape[1], self._decoder.device
            look = self.connector.between(
                [(x_ND, torch.arange(start, end, device=device) + prefix + row * length) for x_ND, row, start, end in seen]
            )
        return self._decoder(batch.prefix_ids_P, rows_BTD, changes, look), starts

    def _visual_tokens(self, rows: Sequence[Row]) -> list[list[Tensor]]:
        """Of each row's pictures; those of all rows that have the same levels are looked at at once."""
        tokens: list[list[Tensor]] = [[] for _ in rows]
        kinds: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            if row.sample.features is not None and any(item < 0 for item in row.items):
                kinds[tuple(row.sample.features.levels)].append(i)
        for levels, chosen in kinds.items():
            features = [_asked(rows[i]) for i in chosen]
            made = list(self.connector(_joined(features, levels, self._decoder.device)))
            for i, one in zip(chosen, features, strict=True):
                tokens[i], made = made[: len(one.logits_BK)], made[len(one.logits_BK) :]
        return tokens

    def _word_score(self, answer: Answer, right: Sequence[bool]) -> float:
        """Of the words that carry the answer: neither of the question nor of the phrase around it; of yes and no, that word."""
        text, question = answer.exchange.answer, set(_WORD.findall(answer.exchange.question.lower()))
        words = [(match[0].lower(), match.span()) for match in _WORD.finditer(text)]
        if words and words[0][0] in ("yes", "no"):
            chosen = words[:1]
        else:
            carrying = [word for word in words if word[0] not in _FRAME]
            chosen = [word for word in carrying if word[0] not in question] or carrying or words
        offsets = self._tokenizer.backend.encode(text, add_special_tokens=False).offsets
        scores = []
        for _, (first, end) in chosen:
            scores.append(all(right[n] for n, (start, stop) in enumerate(offsets) if start < end and stop > first))
        return sum(scores) / len(scores) if scores else float(all(right))

    def _judge(self) -> None:
        self.state.evaluated_s = self.state.elapsed_s
        if not self._held_out:
            return
        scores = self.evaluate()
        self._log(step=self.state.step, scores=scores)
        draw_curves(self._folder / LOG, self._folder / "curves.png")
        if scores["macro"] > self.state.best:
            self.state.best, self.state.since_best, self.state.scores = scores["macro"], 0, scores
            self._best = {name: parameter.detach().clone() for name, parameter in self._named.items()}
        else:
            self.state.since_best += 1
        self.save()

    def _mode(self, *, train: bool) -> None:
        self.connector.train(train)
        if self.changes is not None:
            self.changes.train(train)

    def _log(self, **facts: object) -> None:
        with (self._folder / LOG).open("a", encoding="utf-8") as log:
            log.write(json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **facts}) + "\n")


def _asked(row: Row) -> Features:
    features = cast(Features, row.sample.features)
    return replace(features, questions=(row.question,) * len(features.logits_BK))


def _joined(features: Sequence[Features], levels: Sequence[str], device: torch.device) -> Features:
    return Features(
        torch.cat([one.logits_BK for one in features]).to(device),
        torch.cat([one.pooled_BV for one in features]).to(device),
        {name: torch.cat([one.levels[name] for one in features]).to(device) for name in levels},
        tuple(regions for one in features for regions in (one.regions or ((),) * len(one.logits_BK))),
        tuple(question for one in features for question in one.questions),
    )
