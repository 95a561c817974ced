"""A model in a GGUF file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from assistant.language.decoder_config import checked_config, corrupt
from assistant.language.gguf import StoredTensor, Value, read_gguf, side_by_side


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


T = TypeVar("T")


def _field(metadata: Mapping[str, Value], name: str, kind: type[T], default: T | None = None) -> T:
    value = metadata.get(name, default)
    if not isinstance(value, kind):
        raise corrupt(f"metadata {name!r} is {value!r}, not {kind.__name__}")
    return value


class GgufCheckpoint:
    """The tensors stay in the mapped file, but for Qwen2's q and k, whose rows are copied into another order."""

    def __init__(self, path: Path) -> None:
        """Read what the file says of the model.

        Raises:
            WeightsMissingError: There is no such file.
            WeightsCorruptError: It is damaged, or of a model that is not run here.
        """
        self._file = read_gguf(path)
        metadata = self._file.metadata
        architecture = _field(metadata, "general.architecture", str)
        if "rope_freqs.weight" in self._file.tensors or metadata.get(f"{architecture}.rope.scaling.type", "none") != "none":
            raise corrupt("scaled rotary positions are not supported")

        def number(name: str, default: int | None = None) -> int:
            return _field(metadata, f"{architecture}.{name}", int, default)

        heads = number("attention.head_count")
        table = self._file.tensors.get("token_embd.weight")
        self.config = checked_config(
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
        """By llama.cpp's name; q and k rows such that the rotary pairs lie side by side. None if it is not there."""
        tensor = self._file.tensors.get(name)
        # llama.cpp's converter stores Llama's q and k side by side already, Qwen2's not
        if tensor is not None and self.config.architecture == "qwen2" and (".attn_q." in name or ".attn_k." in name):
            return side_by_side(tensor, self.config.head_width)
        return tensor

    def tokenizer(self) -> TokenizerSource:
        """Its fields.

        Raises:
            WeightsCorruptError: A field is missing or of the wrong type.
        """
        data = self._file.metadata

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
