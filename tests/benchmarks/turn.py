"""How long a spoken turn takes: cold start to ready, then ten recorded questions one after the other.

    python tests/benchmarks/turn.py [--profile tiny|fast|cpu ...] [--json]

Each profile runs in a process of its own, so that its peak memory is its own. The questions are about 4 s long, spoken by
the project's own voice with a little noise; every question is the first turn of a session of its own. Times are
milliseconds since the recording was handed over: the whole recording is there at once, as in `assistant ask --audio`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

STARTED = time.perf_counter()

AIMS = {
    "cpu": {"first_audio_ms": 1500, "memory_mb": 3500},
    "fast": {"first_audio_ms": 1000, "memory_mb": 1500},
    "tiny": {"first_audio_ms": 700, "memory_mb": 1000},
}
QUESTIONS = (
    "Good morning, could you please tell me what the capital city of France is?",
    "I would like to know how many days there are in a normal week, please.",
    "Could you tell me which animal is usually called the best friend of man?",
    "Please tell me in one sentence what a library is good for these days.",
    "I have three apples and I buy four more, how many apples do I have now?",
    "My name is Anna and I live in Berlin, can you tell me where I live?",
    "What would you recommend that I wear outside when it is raining heavily?",
    "Can you explain to me in simple words why the sky looks blue at noon?",
    "Which of these is larger, the moon or the earth, and do you know why?",
    "Tell me please what people usually eat for breakfast in your opinion.",
)


async def measure(profile: str) -> dict[str, object]:
    """The figures of one profile, in this process."""
    from assistant import AsyncAssistant
    from assistant.types import Audio

    with tempfile.TemporaryDirectory() as folder:
        async with AsyncAssistant(profile=profile, data_dir=Path(folder)) as assistant:
            await assistant.warm()
            ready_s = time.perf_counter() - STARTED
            noise = np.random.default_rng(0)
            turns = []
            for text in QUESTIONS:
                clean = Audio.join([piece async for piece in assistant.say(text, language="en")])
                hiss_T = noise.normal(0.0, 0.003, len(clean.samples_T)).astype(np.float32)
                question = Audio(clean.samples_T + hiss_T, clean.sample_rate_hz)
                before = time.process_time()
                reply = await assistant.ask(audio=question)
                cpu_s = time.process_time() - before
                speaking_s = (reply.timings_ms["total"] - reply.timings_ms["first_token"]) / 1000
                turns.append(
                    {
                        **reply.timings_ms,
                        "question_s": question.duration_s,
                        "tokens_per_s": (reply.usage.completion_tokens - 1) / max(speaking_s, 1e-3),
                        "cpu_s": cpu_s,
                        "heard": reply.transcript,
                        "said": reply.text,
                    }
                )
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"profile": profile, "ready_s": ready_s, "peak_mb": peak_mb, "load": os.getloadavg()[0], "turns": turns}


def report(result: dict[str, object]) -> str:
    """The figures as a table, with the aims."""
    turns = result["turns"]
    profile, peak_mb = str(result["profile"]), float(str(result["peak_mb"]))
    assert isinstance(turns, list)
    lines = [f"profile {profile}: ready after {result['ready_s']:.1f} s, peak memory {peak_mb:.0f} MB, load {result['load']:.1f}"]
    for name in ("question_s", "transcribe", "first_token", "first_audio", "total", "tokens_per_s", "cpu_s"):
        values = sorted(turn[name] for turn in turns)
        p50, p95 = statistics.median(values), values[min(len(values) - 1, round(0.95 * len(values)))]
        lines.append(f"  {name:<14} p50 {p50:>8.1f}   p95 {p95:>8.1f}")
    first_audio = statistics.median(turn["first_audio"] for turn in turns)
    aims = AIMS[profile]
    for name, value, unit in (("first_audio_ms", first_audio, "ms"), ("memory_mb", peak_mb, "MB")):
        lines.append(f"  aim {name} <= {aims[name]}: {'met' if value <= aims[name] else 'MISSED'} ({value:.0f} {unit})")
    return "\n".join(lines)


def main() -> None:
    """Measure each profile in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", nargs="+", default=["tiny", "fast", "cpu"], choices=list(AIMS))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(asyncio.run(measure(arguments.profile[0]))))
        return
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        file=sys.stderr,
    )
    for profile in arguments.profile:
        command = [sys.executable, __file__, "--child", "--profile", profile]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        print(done.stdout.strip() if arguments.json else report(json.loads(done.stdout)))


if __name__ == "__main__":
    main()
