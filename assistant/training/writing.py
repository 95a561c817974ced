"""Trains the probe for writing: drawn signs on one side, everything that is drawn without words on the other."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import functional

from assistant.errors import InputError
from assistant.training.prepared import PreparedSample
from assistant.vision.writing import WritingProbe, means_C

_DECAY = 0.1
"""Much, as what sets drawn signs apart most is not what sets pages apart."""
_RARE = 8.0
"""Signs are about that much rarer than the rest."""
_IN_VAIN = 0.1
"""Of the drawn pictures without words that the probe takes for writing: drawn signs are easy, so it is told to be careful."""
_STEPS = 300


def train_writing_probe(samples: Iterable[PreparedSample]) -> WritingProbe:
    """Logistic regression; it ends the same every time.

    Raises:
        InputError: There are no signs among the samples, or nothing else.
    """
    means_SC, signs_S = _examples(samples)
    if signs_S.all() or not signs_S.any():
        raise InputError("there are not both signs and other pictures among the samples", hint="take more of them")
    spread_C = means_SC.std(dim=0) + 1e-3
    normal_SC = (means_SC - means_SC.mean(dim=0)) / spread_C
    weight_C = torch.zeros(means_SC.shape[1], dtype=torch.double, requires_grad=True)
    bias = torch.zeros((), dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight_C, bias], max_iter=_STEPS)

    def loss() -> Tensor:
        optimizer.zero_grad()
        scores_S = normal_SC @ weight_C + bias
        missed = functional.binary_cross_entropy_with_logits(scores_S, signs_S.double(), pos_weight=torch.tensor(_RARE))
        total: Tensor = missed + _DECAY * weight_C.square().sum()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    weight_C = (weight_C.detach() / spread_C).float()
    scores_S = means_SC.float() @ weight_C
    return WritingProbe(weight_C, -float(torch.quantile(scores_S[~signs_S], 1 - _IN_VAIN)))


def judge_writing_probe(probe: WritingProbe, samples: Iterable[PreparedSample]) -> tuple[float, float]:
    """Which share of signs, and which share of other pictures, it takes for writing."""
    means_SC, signs_S = _examples(samples)
    taken_S = means_SC.float() @ probe.weight_C + probe.bias > 0
    return float(taken_S[signs_S].float().mean()), float(taken_S[~signs_S].float().mean())


def _examples(samples: Iterable[PreparedSample]) -> tuple[Tensor, Tensor]:
    """What the probe sees of each picture (S, C), and which of them are signs (S)."""
    means, signs = list[Tensor](), list[bool]()
    for sample in samples:
        # what is said to be read of a mislabelled thing is drawn nowhere, and a sign without words may have some
        if sample.features is not None and sample.evidence and sample.source != "mislabelled":
            for picture, evidence in enumerate(sample.evidence):
                if sample.source != "signs" or evidence.text_lines:
                    means.append(means_C(sample.features, picture).double())
                    signs.append(sample.source == "signs")
    return torch.stack(means), torch.tensor(signs)
