"""What a picture costs: tokens, parameters, and the time until the first word."""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open

from assistant.evaluation.subject import Subject
from assistant.types import Fusion, GenerationOptions, Image, Message, Prompt

_QUESTION = "What is in the picture?"


@dataclass(frozen=True, slots=True)
class Costs:
    """Of one new picture in a session whose model is warm; medians."""

    tokens: float
    """That it adds to the prompt: visual ones and those of its note."""
    look_ms: float
    """Until it is visual tokens: encoded, searched for things, projected; 0 where it becomes none."""
    evidence_ms: float
    """From then until the experts have reported; what the look has found is not looked for again."""
    first_token_ms: float
    """From then until the first piece of the reply."""


async def measure_costs(subject: Subject, images: Sequence[Image], fusion: Fusion) -> Costs:
    """Ask once about each picture; none of them may have been shown to the subject before."""
    rows = []
    blind = await subject.prompt(_QUESTION, None, fusion)
    assert blind is not None
    await _first_piece_ms(subject, blind)
    for image in images:
        start = time.perf_counter()
        if fusion != "late":
            await asyncio.to_thread(subject.model.count_tokens, [Message("user", _QUESTION, (image,))])
        looked = time.perf_counter()
        await subject.evidence(image)
        reported = time.perf_counter()
        prompt = await subject.prompt(_QUESTION, image, fusion)
        if prompt is not None:
            tokens = subject.model.count_tokens(prompt.messages) - subject.model.count_tokens(blind.messages)
            look_ms = 0.0 if fusion == "late" else 1000 * (looked - start)
            rows.append((tokens, look_ms, 1000 * (reported - looked), await _first_piece_ms(subject, prompt)))
    return Costs(*(statistics.median(column) for column in zip(*rows, strict=True))) if rows else Costs(0, 0, 0, 0)


def parameters(connector: Path | None) -> tuple[int, int]:
    """How many numbers of a file are the connector's, and how many change the language model; none without a file."""
    if connector is None:
        return 0, 0
    counts = {"connector": 0, "adapter": 0}
    with safe_open(connector, framework="np") as file:
        for name in file.keys():  # noqa: SIM118, it is no mapping
            counts[name.partition(".")[0]] += math.prod(file.get_slice(name).get_shape())
    return counts["connector"], counts["adapter"]


async def _first_piece_ms(subject: Subject, prompt: Prompt) -> float:
    start = time.perf_counter()
    async with aclosing(subject.model.generate(prompt, GenerationOptions(max_tokens=8))) as pieces:
        async for _ in pieces:
            break
    return 1000 * (time.perf_counter() - start)
