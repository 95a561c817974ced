"""How fast and how large the decoder is, beside transformers and llama.cpp on the same weights, one thread each.

    python tests/benchmarks/decoder.py --model smollm2-135m-instruct

Each engine runs in a process of its own; rounds take turns, because other programs share the machine. Medians of wall time are
printed, and beside them medians of processor time, which waiting for a busy core does not touch (a busy memory bus does).
llama.cpp comes from the wheel `xllamacpp` if it is installed. transformers runs the same weights, dequantised.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from importlib.util import find_spec
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

MODELS = ("smollm2-135m-instruct", "qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-1.5b-instruct")
PREFILL_AIMS = {"transformers bfloat16": 1.0, "llama.cpp": 3.0}
DECODE_AIMS = {"transformers bfloat16": 2.5, "transformers float32": 2.5, "llama.cpp": 0.9}
PEAK_AIMS_MB = {MODELS[0]: 1000, MODELS[1]: 1500, MODELS[2]: 3500}
"""Of the whole assistant; here only the decoder's process is seen."""


@dataclass(frozen=True)
class Timing:
    """One round of one engine: of the prompt, and of one decoded token."""

    prefill_ms: float
    decode_ms: float
    prefill_cpu_ms: float
    decode_cpu_ms: float


@dataclass(frozen=True)
class Engine:
    """A process that answers rounds."""

    name: str
    process: multiprocessing.process.BaseProcess
    pipe: Connection


def main() -> None:
    """Print the table of each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", choices=MODELS, help="default: all")
    parser.add_argument("--weights-dir", type=Path, help="holds <model>/model.gguf; default: where `assistant pull` puts weights")
    parser.add_argument("--prompt", type=int, default=212, help="tokens")
    parser.add_argument("--tokens", type=int, default=16, help="to decode in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engine", action="append", choices=list(ENGINES), help="default: all")
    given = parser.parse_args()
    for model in given.model or MODELS:
        _compare(model, _weights(given.weights_dir, model), given)


def _weights(folder: Path | None, model: str) -> Path:
    if folder is not None:
        return folder / model / "model.gguf"
    from assistant.config import load_settings
    from assistant.weights import WeightStore

    return WeightStore(load_settings().cache_dir).folder(model) / "model.gguf"


def _compare(model: str, weights: Path, given: argparse.Namespace) -> None:
    print(f"\n{model}: prompt {given.prompt}, {given.tokens} tokens")
    context = multiprocessing.get_context("spawn")
    engines = []
    for name in given.engine or ENGINES:
        if name == "llama.cpp" and find_spec("xllamacpp") is None:
            print("  llama.cpp: the wheel xllamacpp is not installed, left out")
            continue
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(name, weights, theirs), daemon=True)
        process.start()
        engines.append(Engine(name, process, ours))
    loads = {engine.name: engine.pipe.recv() for engine in engines}
    timings: dict[str, list[Timing]] = {engine.name: [] for engine in engines}
    reads = []
    for turn in range(given.rounds + 1):
        for engine in engines:
            engine.pipe.send((turn, given.prompt, given.tokens))
            timing = engine.pipe.recv()
            if turn:  # the first round warms up
                timings[engine.name].append(timing)
        reads.append(_read_gb_per_s())
    peaks = {}
    for engine in engines:
        engine.pipe.send(None)
        peaks[engine.name] = engine.pipe.recv()
        engine.process.join()
    _print(model, weights, given.prompt, loads, timings, peaks, statistics.median(reads))


def _print(
    model: str,
    weights: Path,
    prompt: int,
    loads: dict[str, float],
    timings: dict[str, list[Timing]],
    peaks: dict[str, float],
    read_gb_per_s: float,
) -> None:
    kinds = {field.name: {name: _median(rounds, field.name) for name, rounds in timings.items()} for field in fields(Timing)}
    prefill, decode, prefill_cpu, decode_cpu = kinds.values()
    prefill_best = {name: min(timing.prefill_cpu_ms for timing in rounds) for name, rounds in timings.items()}
    decode_best = {name: min(timing.decode_cpu_ms for timing in rounds) for name, rounds in timings.items()}
    print(f"  {'':22} load s | prefill ms  (cpu)  tok/s | decode ms  (cpu)  tok/s | peak MB")
    for name in timings:
        print(
            f"  {name:22}{loads[name]:7.1f} |{prefill[name]:11.0f}{prefill_cpu[name]:7.0f}{1000 * prompt / prefill[name]:7.0f} |"
            f"{decode[name]:10.1f}{decode_cpu[name]:7.1f}{1000 / decode[name]:7.1f} |{peaks[name]:8.0f}"
        )
    if "ours" not in timings:
        return
    gigabytes = _bytes_per_token(weights) / 1e9
    limit_ms = 1000 * gigabytes / read_gb_per_s
    print(
        f"  memory read by one thread {read_gb_per_s:.1f} GB/s; {gigabytes:.2f} GB of weights a token: at least {limit_ms:.1f} ms,"
    )
    print(f"  decode runs at {limit_ms / decode['ours']:.0%} of that limit")
    for what, wall, best, aims in (
        ("prefill", prefill, prefill_best, PREFILL_AIMS),
        ("decode", decode, decode_best, DECODE_AIMS),
    ):
        for name, aim in aims.items():
            if name in wall:
                ratio, best_ratio = wall[name] / wall["ours"], best[name] / best["ours"]
                verdict = "reached" if ratio >= aim else "MISSED"
                print(f"  {what} {ratio:5.2f} x {name:22} ({best_ratio:5.2f} by each one's best round, cpu), aim {aim} {verdict}")
    print(f"  peak {peaks['ours']:.0f} MB of the {PEAK_AIMS_MB[model]} MB for the whole assistant")


def _median(rounds: Sequence[Timing], field: str) -> float:
    return float(statistics.median(getattr(timing, field) for timing in rounds))


def _bytes_per_token(weights: Path) -> int:
    """What one decoding step reads: all but the table of embeddings, unless that is the head too."""
    from assistant.language.gguf import read_gguf

    tensors = read_gguf(weights).tensors
    return sum(
        tensor.bytes_RB.nbytes for name, tensor in tensors.items() if name != "token_embd.weight" or "output.weight" not in tensors
    )


def _read_gb_per_s() -> float:
    import torch

    torch.set_num_threads(1)
    numbers = torch.ones(1 << 25, dtype=torch.int64)
    best = min(_timed(lambda: numbers.sum()) for _ in range(3))
    return numbers.numel() * 8 / best / 1e9


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


# ── the processes ──

Round = Callable[[Sequence[int], int], Timing]


def _serve(name: str, weights: Path, pipe: Connection) -> None:
    started = time.perf_counter()
    answer = ENGINES[name](weights)
    pipe.send(time.perf_counter() - started)
    while (request := pipe.recv()) is not None:
        turn, prompt, tokens = request
        pipe.send(answer([(turn * 7919 + index * 104_729) % 40_000 + 100 for index in range(prompt)], tokens))
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _ours(weights: Path) -> Round:
    import torch

    from assistant.language.decoder import Decoder

    decoder = Decoder.load(weights)

    def run(ids: Sequence[int], tokens: int) -> Timing:
        cache = decoder.new_cache(tokens=len(ids) + tokens)
        times = [_now()]
        following = torch.tensor([ids])
        for _ in range(tokens + 1):
            following = decoder.forward(decoder.embed(following), cache).argmax(-1, keepdim=True)
            times.append(_now())
        return _timing(times)

    return run


def _now() -> tuple[float, float]:
    """Wall and processor time in ms."""
    return 1000 * time.perf_counter(), 1000 * time.process_time()


def _timing(times: Sequence[tuple[float, float]]) -> Timing:
    steps = [(after[0] - before[0], after[1] - before[1]) for before, after in zip(times, times[1:], strict=False)]
    decode, decode_cpu = (statistics.median(column) for column in zip(*steps[1:], strict=True))
    return Timing(steps[0][0], decode, steps[0][1], decode_cpu)


def _transformers(dtype: str) -> Callable[[Path], Round]:
    def build(weights: Path) -> Round:
        import torch
        from transformers import DynamicCache

        torch.set_num_threads(1)
        model = reference_model(weights, getattr(torch, dtype))

        @torch.inference_mode()
        def run(ids: Sequence[int], tokens: int) -> Timing:
            cache = DynamicCache(config=model.config)
            times = [_now()]
            following = torch.tensor([ids])
            for _ in range(tokens + 1):
                logits = model(input_ids=following, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
                following = logits[:, -1].argmax(-1, keepdim=True)
                times.append(_now())
            return _timing(times)

        return run

    return build


def reference_model(weights: Path, dtype: Any) -> Any:
    """The same weights, dequantised, in transformers. Generates by its plain eager forward, as `generate` does inside."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    from assistant.language.gguf import read_gguf
    from assistant.language.gguf_checkpoint import GgufCheckpoint

    shape = GgufCheckpoint(weights).config
    llama = shape.architecture == "llama"
    kind: Any = LlamaForCausalLM if llama else Qwen2ForCausalLM
    config = (LlamaConfig if llama else Qwen2Config)(
        vocab_size=shape.vocabulary_size,
        hidden_size=shape.width,
        intermediate_size=shape.intermediate_width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        max_position_embeddings=shape.context_tokens,
        rms_norm_eps=shape.rms_epsilon,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=shape.tied_embeddings,
    )
    with torch.device("meta"):
        model = kind(config)
    tensors = read_gguf(weights).tensors
    parts = {
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    state = {}
    for name, parameter in model.state_dict().items():
        stem, _, kind = name.rpartition(".")
        if stem.startswith("model.layers."):
            _, _, index, part = stem.split(".", 3)
            stored = f"blk.{index}.{parts[part]}.{kind}"
        else:
            stored = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}[stem] + ".weight"
        if stored == "output.weight" and shape.tied_embeddings:
            stored = "token_embd.weight"
        tensor = torch.from_numpy(tensors[stored].dequantize()).reshape(parameter.shape)
        if llama and (".q_proj" in name or ".k_proj" in name):  # llama.cpp keeps the rotary pairs side by side
            tensor = tensor.view(-1, shape.head_width // 2, 2, tensor.shape[1]).transpose(1, 2).reshape(tensor.shape)
        state[name] = tensor.to(dtype)
    model.load_state_dict(state, assign=True)
    model.tie_weights()
    model.model.rotary_emb = type(model.model.rotary_emb)(config)
    return model.eval()


def _llama_cpp(weights: Path) -> Round:
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(weights)
    settings.n_ctx, settings.n_parallel, settings.warmup, settings.verbosity = 1024, 1, False, -1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(settings)

    def complete(ids: Sequence[int], tokens: int) -> tuple[float, float]:
        before = time.process_time()
        request = {"prompt": list(ids), "n_predict": tokens, "temperature": 0, "stream": False, "ignore_eos": True}
        timings = server.handle_completions(request)["timings"]
        return timings["prompt_ms"] + timings["predicted_ms"], 1000 * (time.process_time() - before)

    def run(ids: Sequence[int], tokens: int) -> Timing:
        prefill = complete(ids, 1)
        decode = complete(ids, tokens)  # the prompt is cached but for its last token
        return Timing(prefill[0], decode[0] / tokens, prefill[1], decode[1] / tokens)

    return run


ENGINES: dict[str, Callable[[Path], Round]] = {
    "ours": _ours,
    "transformers bfloat16": _transformers("bfloat16"),
    "transformers float32": _transformers("float32"),
    "llama.cpp": _llama_cpp,
}

if __name__ == "__main__":
    main()
