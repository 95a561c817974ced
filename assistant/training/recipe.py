"""What a training does: how long, on what, how fast."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recipe:
    """The study's three stages for two processor cores.

    First, on virtual features alone, the connector's small vectors; then the whole connector while the language model is frozen;
    then the low-rank changes with it. Learning rates rise over `warm_up_steps` when their parameters' time begins and fall along
    one cosine to the end.
    """

    steps: int = 2000
    """In all; 0 trains nothing."""
    minutes: float | None = None
    """The schedule ends after so many if that is before the last step; two such runs are not the same."""
    batch: int = 12
    """Conversations of a step, a few less where nothing can be asked about some pictures."""
    samples: int = 6000
    """Different samples with pictures; after the last comes the first again, told of in another manner."""
    virtual_share: float = 0.1
    """Of a batch, conversations about virtual features."""
    replay_share: float = 0.22
    """Of a batch, conversations without a picture, against forgetting: the untouched model's own probabilities are to be met."""
    replies: int = 300
    """Different ones of those; the untouched model is asked for them once."""
    early_share: float = 0.4
    """Of the conversations whose pictures become tokens, those without a note of the names."""
    late_share: float = 0.15
    """Of the steps, those whose pictures are only told of."""
    bare_share: float = 0.2
    """Of the steps, those without the product's system prompt."""
    concepts: float = 0.03
    """Share of the training that is its first stage."""
    frozen: float = 0.1
    """Share of the training after which the low-rank changes begin."""
    connector_rate: float = 1e-3
    changes_rate: float = 3e-4
    concepts_rate: float = 3e-3
    warm_up_steps: int = 40
    last_rate: float = 0.05
    """At the end, of the highest."""
    weight_decay: float = 0.01
    """Of the connector's matrices."""
    clip: float = 1.0
    """Of the gradient's norm."""
    rank: int = 16
    alpha: float = 32.0
    targets: tuple[str, ...] = ("q", "k", "v", "o", "gate", "up")
    dropout: float = 0.05
    seed: int = 0
    evaluation_samples: int = 96
    evaluation_minutes: float = 10.0
    checkpoint_minutes: float = 3.0
    patience: int = 6
    """Evaluations without a better score after which the training ends."""

    def rate(self, highest: float, progress: float, since: int) -> float:
        """A learning rate.

        Args:
            highest: Of the schedule.
            progress: From 0 to 1.
            since: Steps since the parameters' time began.
        """
        falling = self.last_rate + (1 - self.last_rate) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return highest * falling * min(1.0, (since + 1) / self.warm_up_steps)
