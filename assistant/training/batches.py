"""Which conversations a step learns from; known from the step's number alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor

from assistant.dialogue.notes import Facts
from assistant.language.chat_template import ChatTemplate, TokenSpan
from assistant.training.conversation import Row, conversation, preamble, render
from assistant.training.distillation import distilled
from assistant.training.prepared import PreparedSample, PreparedSamples
from assistant.training.recipe import Recipe
from assistant.training.sample import Source, chance
from assistant.types import Evidence, Fusion, Message
from assistant.vision.experts import labels_of

_WINDOW = 8
"""Steps whose conversations are sorted by length together, so that rows of a batch are padded little."""
_VIRTUAL_SIDE_PX = 260


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows that begin with the same preamble."""

    prefix_ids_P: Tensor
    rows: tuple[Row, ...]


class Batches:
    """The batches of a training."""

    def __init__(
        self,
        template: ChatTemplate,
        pictures: PreparedSamples,
        recipe: Recipe,
        *,
        names: Sequence[str],
        system_prompt: str,
        examples: str | None,
        virtual: Source | None = None,
        replay: Source | None = None,
        facts: Facts | None = None,
    ) -> None:
        """Choose the sources.

        Args:
            template: Of the language model.
            pictures: Prepared samples.
            recipe: Tells how they are mixed.
            names: That the encoder gives.
            system_prompt: The product's for this model, by name.
            examples: Of the preamble, by name.
            virtual: Of features without pictures; None leaves them out.
            replay: Of conversations without pictures; None leaves them out.
            facts: Makes a note of what the evidence holds that a question asks for.
        """
        self._template, self._pictures, self._recipe, self._names = template, pictures, recipe, names
        self._system_prompt, self._examples = system_prompt, examples
        self._virtual, self._replay, self._facts = virtual, replay, facts
        n = _WINDOW * recipe.batch
        self._n_virtual = round(recipe.virtual_share * n) if virtual else 0
        self._n_replay = round(recipe.replay_share * n) if replay else 0
        self._n_pictures = n - self._n_virtual - self._n_replay
        self._window = lru_cache(maxsize=2)(self._sorted_window)

    @property
    def has_concepts(self) -> bool:
        """Whether there is a first stage."""
        return self._virtual is not None

    def concepts(self, step: int) -> Batch:
        """Of the first stage: virtual features alone, nothing before them, and more of them as they are short.

        Raises:
            ValueError: There is no source of virtual features.
        """
        if self._virtual is None:
            raise ValueError("the first stage needs virtual features")
        size = 2 * self._recipe.batch
        samples = [self._looked_at(self._virtual, number) for number in range(step * size, (step + 1) * size)]
        return self._batch(samples, (), ["early"] * size)

    def mixed(self, step: int, *, late: bool = True) -> Batch:
        """Of the later stages; with `late`, of some steps the pictures are only told of, which teaches a connector nothing."""
        window, place = divmod(step, _WINDOW)
        samples = self._window(window)[place]
        rng = chance(self._recipe.seed, "manner", step)
        late = rng.random() < self._recipe.late_share and late
        bare = rng.random() < self._recipe.bare_share
        begun = () if bare else preamble(rng, system_prompt=self._system_prompt, examples=self._examples, late=late)
        fusions: list[Fusion] = [
            "late" if late else "early" if rng.random() < self._recipe.early_share else "hybrid" for _ in samples
        ]
        return self._batch(samples, begun, fusions)

    def held_out(self, pictures: PreparedSamples) -> list[Batch]:
        """To be evaluated on: one half with a short note, the other with none."""
        rng, batches = chance("evaluation"), []
        begun = preamble(rng, system_prompt=self._system_prompt, examples=self._examples, late=False)
        samples = sorted(self._asked_of(pictures, range(self._recipe.evaluation_samples)), key=_length)
        for first in range(0, len(samples), self._recipe.batch):
            chosen = samples[first : first + self._recipe.batch]
            batches.append(self._batch(chosen, begun, ["hybrid" if i % 2 else "early" for i in range(len(chosen))]))
        return batches

    def _batch(self, samples: Sequence[PreparedSample], begun: Sequence[Message], fusions: Sequence[Fusion]) -> Batch:
        spans = self._template.spans(begun, reply=False)
        ids = [i for span in spans if isinstance(span, TokenSpan) for i in span.ids]
        rows = tuple(
            render(self._template, sample, conversation(sample, fusion, facts=self._facts))
            for sample, fusion in zip(samples, fusions, strict=True)
        )
        return Batch(torch.tensor(ids, dtype=torch.long), rows)

    def _sorted_window(self, window: int) -> list[list[PreparedSample]]:
        numbers = range(window * self._n_pictures, (window + 1) * self._n_pictures)
        samples = self._asked_of(self._pictures, [number % self._recipe.samples for number in numbers])
        for source, n in ((self._virtual, self._n_virtual), (self._replay, self._n_replay)):
            if source is not None:
                samples += [self._looked_at(source, number) for number in range(window * n, (window + 1) * n)]
        rng = chance(self._recipe.seed, "window", window)
        rng.shuffle(samples)
        samples.sort(key=_length)
        ends = [len(samples) * i // _WINDOW for i in range(_WINDOW + 1)]
        return rng.sample([samples[first:end] for first, end in pairwise(ends)], _WINDOW)

    def _asked_of(self, pictures: PreparedSamples, numbers: Iterable[int]) -> list[PreparedSample]:
        """Those of the samples about which something can be asked."""
        samples = (distilled(pictures[number], self._names, seed=self._recipe.seed) for number in numbers)
        return [sample for sample in samples if sample.exchanges]

    def _looked_at(self, source: Source, number: int) -> PreparedSample:
        """A sample without a picture; of virtual features the names are known."""
        sample = source.sample(number, seed=self._recipe.seed, split="train")
        looked = PreparedSample(sample.source, sample.key, sample.exchanges)
        if sample.features is None:
            return looked
        evidence = Evidence(_VIRTUAL_SIDE_PX, _VIRTUAL_SIDE_PX, labels=labels_of(self._names, sample.features.logits_BK[0]))
        return replace(looked, features=sample.features, evidence=(evidence,))


def _length(sample: PreparedSample) -> int:
    """About how long its row becomes, in characters."""
    words = sum(len(exchange.question) + len(exchange.answer) + 40 for exchange in sample.exchanges)
    return words + sum(120 + 40 * len(evidence.regions) for evidence in sample.evidence)
