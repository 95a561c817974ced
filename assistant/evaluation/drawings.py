"""Scenes of plain shapes and signs, drawn on the spot on the side of every split that training never sees."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TypeAlias

from assistant.evaluation.answers import contains, normalized, number, stems, yes_or_no
from assistant.evaluation.closed import UNPARSED
from assistant.evaluation.score import Score, average, confusion, share
from assistant.evaluation.task import Question, Said, Task
from assistant.training.sample import Exchange, Sample, Source, samples
from assistant.training.sample import Task as Family
from assistant.training.shapes import COLOURS, SHAPES

Reader: TypeAlias = Callable[[str], str]
"""What a reply says, in a few words that can be compared."""

FAMILIES: tuple[Family, ...] = ("colour", "shape", "where", "count", "relation", "presence")
SEED = 20_000
"""Far from the seeds that anybody trains with."""

_MAX_TOKENS = 24
_SIGN_TOKENS = 40
_SEARCHED = 40
"""Scenes drawn for each question that is wanted of a family, before it is taken to have no more."""
_MEANT = {stems(word): word for word in (*COLOURS, *SHAPES, "top", "bottom", "left", "right", "center")} | {
    stems(word): meant
    for word, meant in {
        "upper": "top", "up": "top", "lower": "bottom", "down": "bottom", "centre": "center", "middle": "center",
    }.items()
}  # fmt: skip
"""Words that answer questions about scenes, by their stems."""


def scenes(source: Source, each: int, *, seed: int = SEED) -> Task:
    """So many questions of each family about held-out scenes: colours and shapes, places, numbers, relations, presence.

    A reply is right when it says what the answer says, in whatever words: the same colours, shapes and places that the question
    has not said already, the same number, or the same of yes and no.
    """
    found: dict[Family, list[tuple[Question, Exchange]]] = {family: [] for family in FAMILIES}
    for sample in islice(samples(source, seed=seed, split="held-out"), each * _SEARCHED):
        for exchange in _alone(sample):
            chosen = found.get(exchange.task, [])
            if exchange.task in found and len(chosen) < each and reader(exchange)(exchange.answer) != UNPARSED:
                chosen.append((_question(sample, exchange), exchange))
        if all(len(chosen) == each for chosen in found.values()):
            break
    both = [item for chosen in found.values() for item in chosen]
    return Task("scenes", [question for question, _ in both], partial(_judge_scenes, [x for _, x in both]), _MAX_TOKENS)


def signs(source: Source, number: int, *, seed: int = SEED) -> Task:
    """So many questions about what is written on held-out signs, read by the reader that is used, not as the source says.

    Args:
        source: Of signs whose evidence is what is written on them.
        number: Of questions.
        seed: Of the source.
    """
    written = (x for x in samples(source, seed=seed, split="held-out") if x.evidence and x.evidence[0].text_lines)
    both = list(islice(((_question(x, exchange), exchange) for x in written for exchange in _alone(x)), number))
    return Task("signs", [question for question, _ in both], partial(_judge_signs, [x for _, x in both]), _SIGN_TOKENS)


def reader(exchange: Exchange) -> Reader:
    """How replies to a question are read, as its answer tells."""
    if re.match(r"(yes|no)\b", exchange.answer.lower()):
        return lambda reply: {True: "yes", False: "no", None: UNPARSED}[yes_or_no(reply)]
    if exchange.task == "count":
        return _number
    asked = _meant(exchange.question)
    return lambda reply: " ".join(sorted(_meant(reply) - asked)) or UNPARSED


def _number(reply: str) -> str:
    value = 0 if re.search(r"\b(no|not|none)\b", reply.lower()) else number(reply)
    return UNPARSED if value is None else str(value)


def _meant(text: str) -> set[str]:
    return {_MEANT[stem] for stem in stems(text).split() if stem in _MEANT}


def _alone(sample: Sample) -> Iterator[Exchange]:
    """The questions that are understood without those before them."""
    for exchange in sample.exchanges:
        if not re.search(r"\bits?\b", exchange.question) or any(shape in exchange.question for shape in SHAPES):
            yield exchange


def _question(sample: Sample, exchange: Exchange) -> Question:
    return Question(sample.key, sample.images[0], exchange.question, (exchange.answer,))


def _judge_scenes(exchanges: Sequence[Exchange], said: Sequence[Said]) -> Score:
    pairs: dict[Family, list[tuple[str, str]]] = {}
    for exchange, answer in zip(exchanges, said, strict=True):
        read = reader(exchange)
        pairs.setdefault(exchange.task, []).append((read(exchange.answer), read(answer.reply)))
    families = [share(family, [right == meant for right, meant in pairs[family]]) for family in FAMILIES if family in pairs]
    return Score((average("average", families), *families), {family: confusion(table) for family, table in pairs.items()})


def _judge_signs(exchanges: Sequence[Exchange], said: Sequence[Said]) -> Score:
    right, exact = [], []
    for exchange, answer in zip(exchanges, said, strict=True):
        if re.match(r"(yes|no)\b", exchange.answer.lower()):
            right.append(reader(exchange)(answer.reply) == reader(exchange)(exchange.answer))
        else:
            right.append(contains(answer.reply, exchange.answer))
            exact.append(normalized(answer.reply) == normalized(exchange.answer))
    return Score((share("right", right), share("exact", exact)))
