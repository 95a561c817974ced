"""Captions against those that people wrote: CIDEr-D, BLEU-4 and ROUGE-L, without Java.

Words are cut by an expression much like the Penn Treebank's, so figures differ a little from those of the COCO tools.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Words: TypeAlias = Sequence[str]
NGrams: TypeAlias = "Counter[tuple[str, ...]]"

_TOKEN = re.compile(r"n't\b|'(?:s|re|ve|ll|m|d)\b|\w+?(?=n't\b)|\w+(?:[-./]\w+)*")
_LONGEST = 4
_CIDER_SIGMA = 6.0
_ROUGE_BETA = 1.2


def words(text: str) -> tuple[str, ...]:
    """In lower case, without punctuation; "n't" and "'s" are words of their own."""
    return tuple(_TOKEN.findall(text.lower().replace("’", "'")))


def bleu_4(captions: Sequence[Words], references: Sequence[Sequence[Words]]) -> float:
    """The geometric mean of the shares of n-grams that a reference has, times the brevity penalty, over the corpus."""
    hits, made = [0] * _LONGEST, [0] * _LONGEST
    length = reference_length = 0
    for caption, others in zip(captions, references, strict=True):
        length += len(caption)
        reference_length += min((abs(len(other) - len(caption)), len(other)) for other in others)[1]
        for n in range(1, _LONGEST + 1):
            mine, most = _ngrams(caption, n), _ngrams_of_any(others, n)
            hits[n - 1] += sum((mine & most).values())
            made[n - 1] += sum(mine.values())
    if 0 in hits:
        return 0.0
    precision = math.exp(sum(math.log(h / m) for h, m in zip(hits, made, strict=True)) / _LONGEST)
    return precision * min(1.0, math.exp(1 - reference_length / length))


def rouge_l(captions: Sequence[Words], references: Sequence[Sequence[Words]]) -> float:
    """The F-score (beta 1.2) of the longest common subsequence, precision and recall of the best reference each; the mean."""
    total = 0.0
    for caption, others in zip(captions, references, strict=True):
        common = [_common_subsequence(caption, other) for other in others]
        precision = max(x / max(1, len(caption)) for x in common)
        recall = max(x / max(1, len(other)) for x, other in zip(common, others, strict=True))
        if precision and recall:
            total += (1 + _ROUGE_BETA**2) * precision * recall / (recall + _ROUGE_BETA**2 * precision)
    return total / max(1, len(captions))


def cider_d(captions: Sequence[Words], references: Sequence[Sequence[Words]]) -> float:
    """Consensus with the references by n-grams weighted by their rarity (arXiv:1411.5726), 10 at most; the mean.

    How rare an n-gram is comes from these references: figures of different sets of pictures cannot be compared.
    """
    pictures = max(1, len(references))
    total = 0.0
    for n in range(1, _LONGEST + 1):
        seen_in = Counter(ngram for others in references for ngram in _ngrams_of_any(others, n))
        for caption, others in zip(captions, references, strict=True):
            mine = _weighted(_ngrams(caption, n), seen_in, pictures)
            for other in others:
                theirs = _weighted(_ngrams(other, n), seen_in, pictures)
                product = sum(min(weight, theirs[x]) * theirs[x] for x, weight in mine.items() if x in theirs)
                size = math.hypot(*mine.values()) * math.hypot(*theirs.values())
                penalty = math.exp(-((len(caption) - len(other)) ** 2) / (2 * _CIDER_SIGMA**2))
                total += penalty * product / size / len(others) if size else 0.0
    return 10 * total / _LONGEST / pictures


def _weighted(ngrams: NGrams, seen_in: NGrams, pictures: int) -> dict[tuple[str, ...], float]:
    return {x: count * math.log(pictures / max(1, seen_in[x])) for x, count in ngrams.items()}


def _ngrams(text: Words, n: int) -> NGrams:
    return Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))


def _ngrams_of_any(texts: Iterable[Words], n: int) -> NGrams:
    """Each as often as the text has it that has it most."""
    most: NGrams = Counter()
    for text in texts:
        most |= _ngrams(text, n)
    return most


def _common_subsequence(left: Words, right: Words) -> int:
    lengths = [0] * (len(right) + 1)
    for a in left:
        before = 0
        for i, b in enumerate(right, start=1):
            before, lengths[i] = lengths[i], before + 1 if a == b else max(lengths[i], lengths[i - 1])
    return lengths[-1]
