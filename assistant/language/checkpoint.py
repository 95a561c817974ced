"""A downloaded checkpoint, made ready once: GGUF file or safetensors folder -> a folder of packed tensors that maps in at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TOKENIZER_FILE = "tokenizer_source.json"
"""`TokenizerSource` as JSON, in every converted folder. A `tokenizer.json` of the source is copied beside it."""


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
        cache_dir: Where converted folders live. Safe for two processes at once: each writes its own folder, one is kept.
        progress: Told the share done in [0, 1].

    Returns:
        `<cache_dir>/<name>-<key of the content>/`, for `Decoder.load`.

    Raises:
        WeightsMissingError: There is no such file or folder.
        WeightsCorruptError: It cannot be parsed, is cut short, or is of an architecture this decoder does not run.
    """
    raise NotImplementedError


def read_metadata(source: Path) -> TokenizerSource:
    """The tokenizer of a GGUF file, or of a converted folder.

    Raises:
        WeightsCorruptError: The file is not valid.
    """
    raise NotImplementedError
