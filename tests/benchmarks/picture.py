"""How long a typed question takes until the reply begins: without a picture, with a new one, with one that was seen before.

    python tests/benchmarks/picture.py [--profile tiny|fast|cpu ...] [--threads N] [--rounds N] [--json]

Each profile runs in a process of its own, all loaded before the first question. The same question is asked some times in two
sessions that take turns: in one there is no picture; the other was shown one at its beginning ("seen"), or is shown another
with each question ("new"), or was given it a while before ("ahead"), as in a chat where the question is yet to be typed. "Read"
is new too, but asks what the picture says, which waits for the reader of text. Times are milliseconds from the turn to the first
token; where the machine is busy, only ratios mean something.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

AIMS = {"new": 1.6, "seen": 1.15, "ahead": 1.15}
"""Beside the same question without a picture."""
QUESTION, READING = "What is in the picture?", "What does the picture say?"
DATA = Path(__file__).parents[2] / "data"


async def measure(profile: str, threads: int | None, rounds: int) -> dict[str, object]:
    """The figures of one profile, in this process."""
    from assistant import AsyncAssistant
    from assistant.types import Image
    from assistant.vision.experts import EvidenceEncoder
    from assistant.vision.image import decode_image

    photo = decode_image(DATA / "photo.jpg", max_bytes=2**20, max_pixels=10**6, max_side_px=1000)
    chance = np.random.default_rng(0)

    def another() -> Image:
        """The photo, a little different: new to all that knows it."""
        grain_HWC = chance.integers(-3, 4, photo.pixels_HWC.shape)
        pixels_HWC = (photo.pixels_HWC.astype(int) + grain_HWC).clip(0, 255).astype(np.uint8)
        return Image(pixels_HWC, hashlib.sha256(pixels_HWC.tobytes()).hexdigest())

    given: dict[str, Any] = {"profile": profile, **({"threads": threads} if threads else {})}
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncAssistant(**given, data_dir=Path(folder)) as assistant:
            await assistant.warm(speech=False, pictures=True)

            async def ask(session: str, *images: Image) -> tuple[float, int]:
                question = READING if session.startswith("read") else QUESTION
                reply = await assistant.ask(question, images=images, session=session, speak=False)
                return reply.timings_ms["first_token"], reply.usage.prompt_tokens

            times: dict[str, list[list[float]]] = {}
            for kind in ("seen", "new", "ahead", "read"):
                await ask(f"{kind}-none")
                await ask(kind, *([photo] if kind == "seen" else []))
                times[kind] = []
                for _ in range(rounds):
                    image = another()
                    if kind == "ahead":
                        await assistant._look([image], kind)
                    without, _ = await ask(f"{kind}-none")
                    shown, tokens = await ask(kind, *([] if kind == "seen" else [image]))
                    times[kind].append([shown, without, tokens])
            vision, model = await assistant._vision.get(), await assistant._language_model.get()
            assert isinstance(vision, EvidenceEncoder)
            steps = {
                "encode": lambda image: vision._encode(image),
                "find": lambda image: vision._find(image),
                "project": lambda image: model.count_tokens([_message(image)]),
                "read text": lambda image: vision._read(image),
            }
            images = [another() for _ in range(rounds)]
            spent = {name: [_ms(step, image) for image in images] for name, step in steps.items()}
            tokens = model.count_tokens([_message(photo)]) - model.count_tokens([_message(None)])
    return {"profile": profile, "load": os.getloadavg()[0], "times": times, "steps": spent, "tokens": tokens}


def _message(image: Any) -> Any:
    from assistant.types import Message

    return Message("user", QUESTION, () if image is None else (image,))


def _ms(step: Callable[[Any], object], image: Any) -> float:
    start = time.perf_counter()
    step(image)
    return (time.perf_counter() - start) * 1000


def report(result: dict[str, Any]) -> str:
    """The figures as a table, with the aims."""
    lines = [f"profile {result['profile']}: a picture is {result['tokens']} tokens, load {result['load']:.1f}"]
    for name, told in (("seen", "seen before"), ("new", "new"), ("ahead", "looked at ahead"), ("read", "new, to be read")):
        ratio = statistics.median(shown / without for shown, without, _ in result["times"][name])
        shown, without = (statistics.median(pair[i] for pair in result["times"][name]) for i in (0, 1))
        aim = f"   aim {AIMS[name]}: {'met' if ratio <= AIMS[name] else 'MISSED'}" if name in AIMS else ""
        lines.append(f"  first token, picture {told:<18}{shown:>8.0f} ms, without {without:>6.0f} ms {ratio:>6.2f} x{aim}")
    series = enumerate(result["times"]["new"], start=1)
    lines.append("  new pictures in one session, ms to the first token (prompt tokens):")
    lines.append("    " + ", ".join(f"{number}: {shown:.0f} ({tokens})" for number, (shown, _, tokens) in series))
    lines += [f"  {name:<18}{statistics.median(values):>8.0f} ms" for name, values in result["steps"].items()]
    return "\n".join(lines)


def main() -> None:
    """Measure each profile in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", nargs="+", default=["tiny", "fast", "cpu"], choices=("tiny", "fast", "cpu"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(asyncio.run(measure(given.profile[0], given.threads, given.rounds))))
        return
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        file=sys.stderr,
    )
    for profile in given.profile:
        command = [sys.executable, __file__, "--child", "--profile", profile, "--rounds", str(given.rounds)]
        command += ["--threads", str(given.threads)] if given.threads else []
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        print(done.stdout.strip() if given.json else report(json.loads(done.stdout)), flush=True)


if __name__ == "__main__":
    main()
