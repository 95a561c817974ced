"""Features of pictures that do not exist: for any class, what the classifier would have to see to be sure of it.

A softmax layer is the discriminant of classes that share a covariance: its row is the inverse covariance times the class's mean.
Multiplied by the covariance the row gives that mean back. So a thousand named features come from the classifier's weights and
the mean and covariance of any pictures at all, without one label.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from assistant.errors import WeightsCorruptError
from assistant.training.nouns import KINDS, Noun, WordNet, surely_not
from assistant.training.sample import Exchange, Sample, Split, chance, split_of
from assistant.training.wording import Wording
from assistant.vision.encoder import Features

_STRENGTH = (4.0, 14.0)
"""How far from the mean, in multiples of a row: from hardly to entirely sure."""
_DOUBT = 0.2
"""A name that is less likely is only guessed."""
_RESIDUAL = 0.6
_NOISE = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Of pooled features V over many pictures."""

    mean_V: Tensor
    covariance_VV: Tensor


def statistics_of_weights(checkpoint: Path) -> Statistics:
    """What an EfficientNet-Lite's last batch norm remembers of the photos it was trained on: means exact, channels independent.

    A channel before the norm's ReLU6 had mean `bias` and deviation `weight` over all places of all photos. Pooling averages over
    places, which are alike to a degree that is not known; half the variance is taken to remain.

    Raises:
        WeightsCorruptError: It is no such checkpoint.
    """
    try:
        weights = torch.load(checkpoint, map_location="cpu", weights_only=True)
        mean_V, deviation_V = weights["_bn1.bias"].double(), weights["_bn1.weight"].abs().double().clamp_min(1e-6)
    except Exception as error:  # the unpickler raises of everything
        raise WeightsCorruptError(f"{checkpoint} is not an EfficientNet-Lite checkpoint", hint="pull the weights again") from error
    places = torch.linspace(-6, 6, 241, dtype=torch.float64)
    density = torch.exp(-places.square() / 2) / math.sqrt(2 * math.pi) * (places[1] - places[0])
    values = (mean_V[:, None] + deviation_V[:, None] * places).clamp(0, 6)
    means = (values * density).sum(dim=1)
    variances = (values.square() * density).sum(dim=1) - means.square()
    return Statistics(means.float(), torch.diag(variances.clamp_min(1e-6) / 2).float())


class VirtualFeatures:
    """Names, kinds, yes and no, and doubt, without a picture. `Sample.features` carry one vector and its logits, and no grid."""

    name = "virtual"
    licence = "made of the classifier's weights"

    def __init__(
        self,
        *,
        weight_KV: Tensor,
        bias_K: Tensor,
        names: Sequence[str],
        statistics: Statistics,
        kinds: Sequence[frozenset[str]] | None = None,
    ) -> None:
        """Turn the rows into directions.

        Args:
            weight_KV: Of the classifier's last layer.
            bias_K: Of the same.
            names: Of its classes.
            statistics: Of its pooled features.
            kinds: What each class is a kind of, as `class_kinds` tells; None asks about no kinds.
        """
        self._weight_KV, self._bias_K = weight_KV.float().cpu(), bias_K.float().cpu()
        self._nouns = [Noun(name, None, known) for name, known in zip(names, kinds or [frozenset()] * len(names), strict=True)]
        self._mean_V = statistics.mean_V
        self._direction_KV = (self._weight_KV - self._weight_KV.mean(dim=0)) @ statistics.covariance_VV
        self._spread_VV = _root(statistics.covariance_VV)
        self._classes = {side: [k for k, noun in enumerate(self._nouns) if split_of(f"class/{noun.en}") == side] for side in _SIDES}

    def sample(self, number: int, *, seed: int, split: Split) -> Sample:
        """See `Source.sample`."""
        rng = chance(seed, self.name, split, number)
        k = rng.choice(self._classes[split])
        features = self.features(k, strength=rng.uniform(*_STRENGTH), seed=rng.getrandbits(63))
        sure = features.logits_BK[0].exp()
        best = int(sure.argmax())
        wording = Wording("en", rng, split)
        if best == k and sure[k] >= _DOUBT:
            asked = tuple(self._questions(k, wording, split))
        else:
            guess = split_of(f"class/{self._nouns[best].en}") == split
            reply = wording.reply("maybe", a_thing=wording.one(self._nouns[best])) if guess else wording.reply("unclear")
            asked = (wording.exchange("unsure", "name", reply, None),)
        return Sample(self.name, self.licence, f"{self.name}/{split}/{seed}/{number}", asked, features=features)

    def features(self, k: int, *, strength: float, seed: int) -> Features:
        """One vector that the classifier takes for class `k`, the surer the larger `strength`."""
        generator = torch.Generator().manual_seed(seed)
        width = len(self._mean_V)
        residual_V = self._spread_VV @ torch.randn(width, generator=generator) * torch.rand(1, generator=generator) * _RESIDUAL
        noise_V = torch.randn(width, generator=generator) * _NOISE
        pooled_V = (self._mean_V + strength * self._direction_KV[k] + residual_V + noise_V).clamp_min(0)
        logits_K = (self._weight_KV @ pooled_V + self._bias_K).log_softmax(dim=0)
        return Features(logits_BK=logits_K[None], pooled_BV=pooled_V[None], levels={})

    def _questions(self, k: int, wording: Wording, split: Split) -> Sequence[Exchange]:
        rng, noun = wording.rng, self._nouns[k]
        other = self._nouns[rng.choice(self._classes[split])]
        while other.overlaps(noun):
            other = self._nouns[rng.choice(self._classes[split])]
        truth = rng.random() < 0.5
        one, asked = wording.one(noun), wording.one(noun if truth else other)
        thing = wording.name(noun if truth else other)
        chosen = [
            wording.exchange("name", "name", one, "name"),
            wording.yes_no("presence", "is_it", truth, yes="yes_is", no="no_is", a_thing=asked, truth=one)
            if rng.random() < 0.5
            else wording.yes_no("presence", "presence", truth, yes="yes_presence", no="no_presence", a_thing=asked, thing=thing),
        ]
        if noun.kinds:
            chosen.append(self._kind_question(noun, wording))
        return rng.sample(chosen, len(chosen))

    def _kind_question(self, noun: Noun, wording: Wording) -> Exchange:
        rng, never = wording.rng, surely_not(noun.kinds)
        if not never or rng.random() < 0.4:
            return wording.exchange("kind", "kind", wording.a_kind(min(noun.kinds, key=list(KINDS).index)), "kind")
        truth = rng.random() < 0.5
        asked = wording.a_kind(rng.choice(sorted(noun.kinds) if truth else never))
        return wording.yes_no("presence", "is_it", truth, yes="yes_is", no="no_is", a_thing=asked, truth=wording.one(noun))


_SIDES: tuple[Split, ...] = ("train", "held-out")


def class_kinds(nouns: WordNet, synsets: Path) -> tuple[frozenset[str], ...]:
    """What each of ImageNet's classes is a kind of.

    Args:
        nouns: WordNet 3.0, whose places are ImageNet's numbers.
        synsets: A file with one number a line, "n01440764", in the order of the classes.
    """
    return tuple(nouns.kinds_of_sense(int(line[1:])) for line in synsets.read_text(encoding="ascii").split())


def _root(covariance_VV: Tensor) -> Tensor:
    values_V, vectors_VV = torch.linalg.eigh(covariance_VV)
    root_VV: Tensor = vectors_VV * values_V.clamp_min(0).sqrt()
    return root_VV
