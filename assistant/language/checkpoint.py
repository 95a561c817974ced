"""A downloaded checkpoint, made ready once: GGUF file or safetensors folder -> a folder of packed tensors that maps in at once."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

import filelock
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from assistant.errors import StorageError, StorageFullError, WeightsCorruptError, WeightsMissingError
from assistant.language.gguf import BlockType, GgufFile, StoredTensor, Value, read_gguf
from assistant.language.prepacked import ALIGNMENT
from assistant.language.quantization import machine, pack

FORMAT = 5
"""Raised whenever converted folders change; old ones are then removed and made anew."""
CONFIG_FILE = "config.json"
TOKENIZER_FILE = "tokenizer_source.json"
"""`TokenizerSource` as JSON, in every folder converted from a GGUF file."""
TOKENIZER_COPIES = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json")
"""Copied from a safetensors folder if they are there."""
KEY_BYTES = 1 << 23
SMALL_MODEL = 200_000_000
"""Weights in all layers; see `quantization.pack`."""


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """The shape of a decoder."""

    architecture: Literal["llama", "qwen2"]
    vocabulary_size: int
    width: int
    """D, of the residual stream."""
    layers: int
    heads: int
    key_value_heads: int
    head_width: int
    intermediate_width: int
    rope_theta: float
    rms_epsilon: float
    context_tokens: int
    """The longest context it was trained for."""
    tied_embeddings: bool


@dataclass(frozen=True, slots=True)
class TokenizerSource:
    """What a GGUF file says about its byte-level BPE tokenizer."""

    model: str
    """`gpt2` for byte-level BPE."""
    pre_tokenizer: str
    """llama.cpp's name of the splitting rule: `qwen2`, `smollm`, ..."""
    tokens: tuple[str, ...]
    merges: tuple[str, ...]
    """`left right` pairs, most wanted first."""
    token_types: tuple[int, ...]
    """One per token: 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte."""
    bos_id: int | None
    eos_id: int | None
    unknown_id: int | None
    padding_id: int | None
    add_bos: bool
    chat_template: str
    """Jinja source; "" if there is none. Code from a file: render it only sandboxed."""


def convert(source: Path, cache_dir: Path, *, progress: Callable[[float], None] | None = None) -> Path:
    """The folder with the packed form of `source`, made now unless it is there.

    Args:
        source: A GGUF file, or a folder with `config.json` and `*.safetensors` as transformers saves it.
        cache_dir: Where converted folders live; what was converted from earlier sources of the same name is removed from it.
            Safe for two processes at once: the second waits for the first.
        progress: Told the share done in [0, 1].

    Returns:
        `<cache_dir>/<name>-<key of the content>/`, for `Decoder.load`.

    Raises:
        WeightsMissingError: There is no such file or folder.
        WeightsCorruptError: It cannot be parsed, is cut short, or is of an architecture this decoder does not run.
        StorageError: The folder cannot be read or written; nothing half-written is left.
        StorageFullError: The disk is full.
    """
    name = source.parent.name if source.name == "model.gguf" else source.stem
    target = cache_dir / f"{name}-{_key(source)}"
    if _whole(target):
        return target
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(cache_dir / f".{name}.lock"):  # it dies with the process
            if not _whole(target):
                _remove(cache_dir, re.compile(rf"\.{re.escape(name)}-{_KEY}-.+"))  # of a process that was killed
                _make(source, target, progress or (lambda share: None))
                _remove(cache_dir, re.compile(rf"{re.escape(name)}-{_KEY}"), keep=target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageFullError(
                f"{source} was not converted: the disk is full", hint=f"free some space at {cache_dir}"
            ) from error
        raise StorageError(f"{source} was not converted: {error}", hint="check its rights, or set cache_dir") from error
    return target


_KEY = "[0-9a-f]{16}"


def _make(source: Path, target: Path, progress: Callable[[float], None]) -> None:
    """Convert into a folder of its own, which takes the target's place once it is whole."""
    checkpoint = _FolderCheckpoint(source) if source.is_dir() else _GgufCheckpoint(source)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # many short operations: more threads only wait for each other
    try:
        _write(checkpoint, scratch, progress)
        _remove(target.parent, re.compile(re.escape(target.name)))  # it is there only if it is damaged
        scratch.rename(target)
    finally:
        torch.set_num_threads(threads)
        shutil.rmtree(scratch, ignore_errors=True)


def _remove(cache_dir: Path, names: re.Pattern[str], *, keep: Path | None = None) -> None:
    """Delete folders, in a way that nobody sees half of one. Whoever has one mapped in keeps what is mapped."""
    for folder in [path for path in cache_dir.iterdir() if path != keep and names.fullmatch(path.name)]:
        with suppress(OSError):  # another user's, or in use where that forbids it
            if not folder.name.startswith("."):
                folder = folder.rename(cache_dir / f".{folder.name}-{os.getpid()}")
            shutil.rmtree(folder)


def _whole(folder: Path) -> bool:
    """Whether every file is there at its size."""
    try:
        sizes = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))["files"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def read_metadata(source: Path) -> TokenizerSource:
    """The tokenizer of a GGUF file, or of a folder converted from one.

    Raises:
        WeightsMissingError: There is no such file.
        WeightsCorruptError: The file is not valid.
    """
    if source.is_file():
        return _tokenizer(read_gguf(source))
    try:
        stored = json.loads((source / TOKENIZER_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsMissingError(f"there is no {TOKENIZER_FILE} in {source}", hint="convert the checkpoint again") from None
    lists = {name: tuple(stored[name]) for name in ("tokens", "merges", "token_types")}
    return TokenizerSource(**(stored | lists))


def layer_file(index: int) -> str:
    """The name of the file with the tensors of a layer."""
    return f"layer-{index:03}.safetensors"


class _Checkpoint(Protocol):
    config: DecoderConfig

    def tensor(self, name: str) -> StoredTensor | None:
        """By llama.cpp's name; q and k rows such that the rotary pairs lie side by side."""

    def finish(self, folder: Path) -> None:
        """Write what the tokenizer needs."""


def _write(checkpoint: _Checkpoint, folder: Path, progress: Callable[[float], None]) -> None:
    config = checkpoint.config
    for index in range(config.layers):
        _save(dict(_layer(checkpoint, f"blk.{index}.")), folder / layer_file(index))
        progress((index + 1) / (config.layers + 2))
    table = _need(checkpoint, "token_embd.weight", config.vocabulary_size, config.width)
    head = checkpoint.tensor("output.weight") or table
    _check_shape("output.weight", head, config.vocabulary_size, config.width)
    _save({"table": torch.from_numpy(np.array(table.bytes_RB))}, folder / "embeddings.safetensors")
    norm = torch.from_numpy(_need(checkpoint, "output_norm.weight", 1, config.width).dequantize()[0])
    _save(
        {"norm": norm} | {f"head.{name}": tensor for name, tensor in pack([head], small=False, few_rows=True).items()},
        folder / "head.safetensors",
    )
    checkpoint.finish(folder)
    description = asdict(config) | {"embedding_type": table.block_type.name, "format": FORMAT}
    description["files"] = {path.name: path.stat().st_size for path in folder.iterdir()}
    (folder / CONFIG_FILE).write_text(json.dumps(description, indent=1), encoding="utf-8")
    progress(1.0)


def _save(tensors: Mapping[str, Tensor], path: Path) -> None:
    """A safetensors file whose tensors start on cache lines; those of odd length come last."""
    ordered = sorted(tensors.items(), key=lambda item: item[1].nbytes % ALIGNMENT != 0)
    header: dict[str, Any] = {}
    start = 0
    for name, tensor in ordered:
        header[name] = {
            "dtype": _TYPE_NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, start + tensor.nbytes],
        }
        start += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, tensor in ordered:
            file.write(tensor.contiguous().flatten().view(torch.uint8).numpy().data)


_TYPE_NAMES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int8: "I8", torch.uint8: "U8"}


def _layer(checkpoint: _Checkpoint, prefix: str) -> Iterator[tuple[str, Tensor]]:
    config = checkpoint.config
    inner, outer = config.intermediate_width, config.width
    queries, keys = config.heads * config.head_width, config.key_value_heads * config.head_width
    merged = {
        "attention": (("attn_q", queries), ("attn_k", keys), ("attn_v", keys)),
        "attention_output": (("attn_output", outer),),
        "gate_up": (("ffn_gate", inner), ("ffn_up", inner)),
        "down": (("ffn_down", outer),),
    }
    small = config.layers * (outer * (2 * queries + 2 * keys) + 3 * outer * inner) <= SMALL_MODEL
    columns = {"attention": outer, "attention_output": queries, "gate_up": outer, "down": inner}
    for name, sources in merged.items():
        parts = [_need(checkpoint, f"{prefix}{source}.weight", rows, columns[name]) for source, rows in sources]
        for kind, tensor in pack(parts, small=small).items():
            yield f"{name}.{kind}", tensor
        biases = [(checkpoint.tensor(f"{prefix}{source}.bias"), rows) for source, rows in sources]
        if any(bias is not None for bias, _ in biases):
            flat = [np.zeros(rows, np.float32) if bias is None else bias.dequantize().reshape(-1) for bias, rows in biases]
            if [len(bias) for bias in flat] != [rows for _, rows in biases]:
                raise _corrupt(f"a bias of {prefix}{name} has the wrong length")
            yield f"{name}.bias", torch.from_numpy(np.concatenate(flat))
    for name in ("attn_norm", "ffn_norm"):
        yield name, torch.from_numpy(_need(checkpoint, f"{prefix}{name}.weight", 1, outer).dequantize()[0])


def _need(checkpoint: _Checkpoint, name: str, rows: int, columns: int) -> StoredTensor:
    tensor = checkpoint.tensor(name)
    if tensor is None:
        raise _corrupt(f"tensor {name!r} is missing")
    _check_shape(name, tensor, rows, columns)
    return tensor


def _check_shape(name: str, tensor: StoredTensor, rows: int, columns: int) -> None:
    if (tensor.rows, tensor.columns) != (rows, columns):
        raise _corrupt(f"tensor {name!r} is {tensor.rows} x {tensor.columns}, not {rows} x {columns}")


def _corrupt(message: str) -> WeightsCorruptError:
    return WeightsCorruptError(message, hint="pull the model's weights again, or choose a Llama or Qwen2 model")


def _side_by_side(tensor: StoredTensor, head_width: int) -> StoredTensor:
    """Rows i and i + half of each head, as transformers rotates them, become rows 2i and 2i + 1."""
    if tensor.rows == 1 and tensor.columns != 1:
        flat = np.ascontiguousarray(tensor.dequantize().reshape(-1, 1)).view(np.uint8)
        tensor = StoredTensor(BlockType.F32, flat, 1)
    order = np.arange(tensor.rows).reshape(-1, 2, head_width // 2).swapaxes(1, 2).reshape(-1)
    return tensor.take(order)


# ── GGUF ──

T = TypeVar("T")


def _field(metadata: Mapping[str, Value], name: str, kind: type[T], default: T | None = None) -> T:
    value = metadata.get(name, default)
    if not isinstance(value, kind):
        raise _corrupt(f"metadata {name!r} is {value!r}, not {kind.__name__}")
    return value


class _GgufCheckpoint:
    def __init__(self, path: Path) -> None:
        self._file = read_gguf(path)
        metadata = self._file.metadata
        architecture = _field(metadata, "general.architecture", str)
        if "rope_freqs.weight" in self._file.tensors or metadata.get(f"{architecture}.rope.scaling.type", "none") != "none":
            raise _corrupt("scaled rotary positions are not supported")

        def number(name: str, default: int | None = None) -> int:
            return _field(metadata, f"{architecture}.{name}", int, default)

        heads = number("attention.head_count")
        table = self._file.tensors.get("token_embd.weight")
        self.config = _checked(
            architecture=architecture,
            vocabulary_size=table.rows if table else 0,
            width=number("embedding_length"),
            layers=number("block_count"),
            heads=heads,
            key_value_heads=number("attention.head_count_kv", heads),
            head_width=number("attention.key_length", number("embedding_length") // max(heads, 1)),
            intermediate_width=number("feed_forward_length"),
            rope_theta=_field(metadata, f"{architecture}.rope.freq_base", float, 10_000.0),
            rms_epsilon=_field(metadata, f"{architecture}.attention.layer_norm_rms_epsilon", float),
            context_tokens=number("context_length"),
            tied_embeddings="output.weight" not in self._file.tensors,
        )

    def tensor(self, name: str) -> StoredTensor | None:
        tensor = self._file.tensors.get(name)
        # llama.cpp's converter stores Llama's q and k side by side already, Qwen2's not
        if tensor is not None and self.config.architecture == "qwen2" and (".attn_q." in name or ".attn_k." in name):
            return _side_by_side(tensor, self.config.head_width)
        return tensor

    def finish(self, folder: Path) -> None:
        source = _tokenizer(self._file)
        text = json.dumps({field.name: getattr(source, field.name) for field in fields(source)}, ensure_ascii=False)
        (folder / TOKENIZER_FILE).write_text(text, encoding="utf-8")


def _tokenizer(file: GgufFile) -> TokenizerSource:
    data = file.metadata

    def optional_id(name: str) -> int | None:
        return _field(data, f"tokenizer.ggml.{name}", int) if f"tokenizer.ggml.{name}" in data else None

    return TokenizerSource(
        model=_field(data, "tokenizer.ggml.model", str),
        pre_tokenizer=_field(data, "tokenizer.ggml.pre", str, "default"),
        tokens=_field(data, "tokenizer.ggml.tokens", tuple),
        merges=_field(data, "tokenizer.ggml.merges", tuple, ()),
        token_types=_field(data, "tokenizer.ggml.token_type", tuple, ()),
        bos_id=optional_id("bos_token_id"),
        eos_id=optional_id("eos_token_id"),
        unknown_id=optional_id("unknown_token_id"),
        padding_id=optional_id("padding_token_id"),
        add_bos=_field(data, "tokenizer.ggml.add_bos_token", bool, False),
        chat_template=_field(data, "tokenizer.chat_template", str, ""),
    )


def _checked(**fields: Any) -> DecoderConfig:
    config = DecoderConfig(**fields)
    sizes = (config.vocabulary_size, config.width, config.layers, config.heads, config.key_value_heads, config.intermediate_width)
    if config.architecture not in ("llama", "qwen2"):
        raise _corrupt(f"architecture {config.architecture!r} is not supported")
    if not all(0 < size <= 1 << 20 for size in (*sizes, config.context_tokens)) or config.layers > 1024:
        raise _corrupt(f"sizes out of bounds: {config}")
    if config.heads % config.key_value_heads or config.head_width % 2 or not 0 < config.head_width <= 1024:
        raise _corrupt(f"the heads do not fit together: {config}")
    if not 0 < config.rms_epsilon < 1 or not 1 < config.rope_theta < 1e12:
        raise _corrupt(f"constants out of bounds: {config}")
    return config


# ── safetensors ──

_FOLDER_NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
_FOLDER_TYPES = {torch.float32: BlockType.F32, torch.float16: BlockType.F16, torch.bfloat16: BlockType.BF16}


class _FolderCheckpoint:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, Any] = {}
        try:
            given = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
            if not isinstance(given, dict):
                raise _corrupt(f"{folder / CONFIG_FILE} is not a JSON object")
            for path in sorted(folder.glob("*.safetensors")):
                opened: Any = safe_open(path, framework="pt")
                self._files |= dict.fromkeys(opened.keys(), opened)
        except (SafetensorError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise _corrupt(f"{folder}: {error}") from error
        rope = given.get("rope_parameters") or {"rope_theta": given.get("rope_theta", 10_000.0)}
        if rope.get("rope_type", "default") != "default" or given.get("rope_scaling"):
            raise _corrupt("scaled rotary positions are not supported")
        try:
            heads = given["num_attention_heads"]
            self.config = _checked(
                architecture=given["model_type"],
                vocabulary_size=given["vocab_size"],
                width=given["hidden_size"],
                layers=given["num_hidden_layers"],
                heads=heads,
                key_value_heads=given.get("num_key_value_heads") or heads,
                head_width=given.get("head_dim") or given["hidden_size"] // heads,
                intermediate_width=given["intermediate_size"],
                rope_theta=float(rope["rope_theta"]),
                rms_epsilon=given["rms_norm_eps"],
                context_tokens=given["max_position_embeddings"],
                tied_embeddings=bool(given.get("tie_word_embeddings", False)),
            )
        except (KeyError, TypeError) as error:
            raise _corrupt(f"{folder / CONFIG_FILE}: {error!r}") from error

    def tensor(self, name: str) -> StoredTensor | None:
        if name == "output.weight" and self.config.tied_embeddings:
            return None
        stored = self._name(name)
        if stored not in self._files:
            return None
        tensor: Tensor = self._files[stored].get_tensor(stored)
        if tensor.dtype not in _FOLDER_TYPES or tensor.dim() > 2:
            raise _corrupt(f"{stored!r} is {tensor.dtype} of shape {tuple(tensor.shape)}")
        rows: NDArray[np.uint8] = tensor.reshape(-1, tensor.shape[-1]).contiguous().view(torch.uint8).numpy()
        matrix = StoredTensor(_FOLDER_TYPES[tensor.dtype], rows, tensor.shape[-1])
        return _side_by_side(matrix, self.config.head_width) if ".attn_q." in name or ".attn_k." in name else matrix

    def finish(self, folder: Path) -> None:
        for name in TOKENIZER_COPIES:
            if (self._folder / name).is_file():
                shutil.copy(self._folder / name, folder / name)

    @staticmethod
    def _name(name: str) -> str:
        match name.split("."):
            case ["blk", index, part, kind]:
                return f"model.layers.{index}.{_FOLDER_NAMES[part]}.{kind}"
            case ["token_embd", kind]:
                return f"model.embed_tokens.{kind}"
            case ["output_norm", kind]:
                return f"model.norm.{kind}"
            case _:
                return "lm_head.weight"


def _key(source: Path) -> str:
    """Names content, format and machine without reading gigabytes: sizes, and each file's first and last bytes."""
    files = sorted([*source.glob("*.safetensors"), *source.glob("*.json")]) if source.is_dir() else [source]
    if not files or not all(file.is_file() for file in files):
        raise WeightsMissingError(f"there is no checkpoint at {source}", hint="pull the model's weights first")
    digest = hashlib.sha256(f"{FORMAT} {machine()}".encode())
    for path in files:
        size = path.stat().st_size
        with path.open("rb") as file:
            digest.update(f"{path.name} {size}".encode() + file.read(KEY_BYTES))
            file.seek(max(0, size - KEY_BYTES))
            digest.update(file.read(KEY_BYTES))
    return digest.hexdigest()[:16]
