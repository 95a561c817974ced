"""Closed questions about photos, as POPE asks them (arXiv:2305.10355): is there a dog, and how many are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

from assistant.evaluation.answers import number, yes_or_no
from assistant.evaluation.score import Figure, Score, confusion, ratio, share
from assistant.evaluation.task import Question, Said, Task

_ASKED_PRESENCE, _ASKED_COUNT = " Answer yes or no.", " Answer with a number."
"""Frozen: another wording moves the figures by several points (MobileVLM#41)."""
_MAX_TOKENS = 16
UNPARSED = "?"


def presence(questions: Sequence[Question]) -> Task:
    """Is it there? Right is "yes" or "no". Asked for in writing, and by which of "Yes" and "No" is the likelier reply."""
    asked = [Question(x.key, x.image, x.text + _ASKED_PRESENCE, x.right) for x in questions]
    truths = [x.right == ("yes",) for x in questions]
    return Task("presence", asked, partial(_judge_presence, truths), _MAX_TOKENS, ("Yes", "No"))


def counting(questions: Sequence[Question]) -> Task:
    """How many are there? Right is a number in digits."""
    asked = [Question(x.key, x.image, x.text + _ASKED_COUNT, x.right) for x in questions]
    return Task("count", asked, partial(_judge_counts, [int(x.right[0]) for x in questions]), _MAX_TOKENS)


def _judge_presence(truths: Sequence[bool], said: Sequence[Said]) -> Score:
    answers = [yes_or_no(x.reply) for x in said]
    hits = sum(truth and answer is True for truth, answer in zip(truths, answers, strict=True))
    claims, there = sum(answer is True for answer in answers), sum(truths)
    margins = list(zip(truths, (x.margin for x in said), strict=True))
    wins = [1.0 if yes > no else 0.5 if yes == no else 0.0 for truth, yes in margins if truth for other, no in margins if not other]
    written = {True: "yes", False: "no", None: UNPARSED}
    return Score(
        (
            share("accuracy", [truth is answer for truth, answer in zip(truths, answers, strict=True)]),
            ratio("precision", hits, claims),
            ratio("recall", hits, there),
            Figure("F1", 2 * hits / max(1, claims + there)),
            share("yes ratio", [answer is True for answer in answers]),
            share("unparsed", [answer is None for answer in answers]),
            share("by score", [truth == (margin > 0) for truth, margin in margins]),
            Figure("AUC", sum(wins) / max(1, len(wins))),
        ),
        {"presence": confusion(zip((written[x] for x in truths), (written[x] for x in answers), strict=True))},
    )


def _judge_counts(truths: Sequence[int], said: Sequence[Said]) -> Score:
    answers = [number(x.reply) for x in said]
    pairs = list(zip(truths, answers, strict=True))
    commonest = max(Counter(truths).values(), default=0)
    return Score(
        (
            share("exact", [truth == answer for truth, answer in pairs]),
            share("within 1", [answer is not None and abs(truth - answer) <= 1 for truth, answer in pairs]),
            share("unparsed", [answer is None for answer in answers]),
            ratio("commonest", commonest, len(truths)),
        ),
        {"count": confusion((str(truth), UNPARSED if answer is None else str(answer)) for truth, answer in pairs)},
    )
