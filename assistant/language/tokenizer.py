"""Text to token ids and back.

A GGUF file carries its vocabulary and merges; they become a Hugging Face `tokenizers` tokenizer, kept as `tokenizer.json`.
Text is only ever text here: control tokens such as an end of turn have ids, which a chat template asks for by name, and no
text that a user writes can produce one.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers

from assistant.errors import InvalidTextError, WeightsCorruptError
from assistant.language.gguf_checkpoint import TokenizerSource

FILE_NAME = "tokenizer.json"

# Token types of GGUF (gguf.TokenType).
_CONTROL, _USER_DEFINED, _UNUSED = 3, 4, 5

_LONGEST_RUN = 1000
_LONG_RUN = re.compile(rf"(?:\S{{{_LONGEST_RUN}}}|\s{{{_LONGEST_RUN}}})")

_QWEN2_WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


class Tokenizer:
    """A byte-level BPE tokenizer."""

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        # Control tokens written out in the text are then read letter by letter.
        backend.encode_special_tokens = True
        backend.no_padding()
        backend.no_truncation()
        self.backend = backend
        self._added = backend.get_added_tokens_decoder()
        self._control = {token.content: i for i, token in self._added.items() if token.special}

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Read a `tokenizer.json`, or a folder that has one.

        Raises:
            WeightsCorruptError: The file is missing or is not a tokenizer.
        """
        file = path / FILE_NAME if path.is_dir() else path
        try:
            return cls(tokenizers.Tokenizer.from_file(str(file)))
        except Exception as error:  # the library raises plain Exception
            raise WeightsCorruptError(
                f"{file} is not a tokenizer: {error}", hint="take the folder from its source again"
            ) from error

    @property
    def size(self) -> int:
        """The number of ids; a model may have more logits than that, which mean nothing."""
        return int(self.backend.get_vocab_size(with_added_tokens=True))

    def encode(self, text: str) -> list[int]:
        """The ids of plain text.

        Raises:
            InvalidTextError: The text is not valid Unicode.
        """
        pieces = _pieces(valid_text(text))
        if len(pieces) == 1:
            return list(self.backend.encode(text, add_special_tokens=False).ids)
        return [i for piece in pieces for i in self.backend.encode(piece, add_special_tokens=False).ids]

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; control tokens have none, and bytes that are no UTF-8 become U+FFFD."""
        return b"".join(self.token_bytes(i) for i in ids).decode("utf-8", errors="replace")

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes a token stands for; empty for control tokens and ids outside the vocabulary."""
        if added := self._added.get(token_id):
            return b"" if added.special else added.content.encode()
        token = self.backend.id_to_token(token_id) if token_id >= 0 else None
        return b"" if token is None else bytes(_BYTE_OF_LETTER[letter] for letter in token if letter in _BYTE_OF_LETTER)

    def control_id(self, name: str) -> int | None:
        """The id of a control token such as `<|im_end|>`; None if the vocabulary has no such control token."""
        return self._control.get(name)


class TextStream:
    """Turns a stream of ids into text, never giving half a character."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, token_id: int) -> str:
        """The characters that are complete now."""
        return self._decoder.decode(self._tokenizer.token_bytes(token_id))

    def finish(self) -> str:
        """What is left: U+FFFD if the stream ends within a character, else nothing."""
        return self._decoder.decode(b"", final=True)


def valid_text(text: str) -> str:
    """The text itself.

    Raises:
        InvalidTextError: It holds half a surrogate pair, which no model can read.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidTextError(f"the text is not valid Unicode: {error.reason}", hint="leave out lone surrogates") from error
    return text


def open_tokenizer(source: TokenizerSource | Path) -> Tokenizer:
    """The tokenizer of a checkpoint: of a GGUF file's fields, or of a folder's `tokenizer.json`.

    Raises:
        WeightsCorruptError: There is none, or one that cannot be used.
    """
    return Tokenizer.load(source) if isinstance(source, Path) else from_source(source)


def from_source(source: TokenizerSource) -> Tokenizer:
    """The tokenizer that a GGUF file describes.

    Raises:
        WeightsCorruptError: The fields do not fit together, or the model or pre-tokenizer is unknown.
    """
    tokens, token_types, pre_tokenizer = source.tokens, source.token_types, source.pre_tokenizer
    if source.model != "gpt2":
        raise WeightsCorruptError(f"tokenizer of kind {source.model!r}", hint="only byte-level BPE (gpt2) is read")
    if pre_tokenizer not in _PRE_TOKENIZERS:
        known = ", ".join(_PRE_TOKENIZERS)
        raise WeightsCorruptError(f"unknown pre-tokenizer {pre_tokenizer!r}", hint=f"known: {known}")
    if len(tokens) != len(token_types):
        raise WeightsCorruptError(f"{len(tokens)} tokens with {len(token_types)} types", hint="fetch the file again")
    vocabulary = {
        token: i for i, (token, kind) in enumerate(zip(tokens, token_types, strict=True)) if kind not in (_USER_DEFINED, _UNUSED)
    }
    added = [
        (i, AddedToken(token, special=kind == _CONTROL, normalized=False))
        for i, (token, kind) in enumerate(zip(tokens, token_types, strict=True))
        if kind in (_CONTROL, _USER_DEFINED)
    ]
    # An added token takes the next free id unless the vocabulary has it, so those within must be part of it.
    vocabulary.update({token.content: i for i, token in added})
    pairs = [tuple(merge.split(" ")) for merge in source.merges]
    if any(len(pair) != 2 for pair in pairs):
        raise WeightsCorruptError("a merge is not a pair of tokens", hint="fetch the file again")
    try:
        backend = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=[(pair[0], pair[1]) for pair in pairs]))
    except Exception as error:  # the library raises plain Exception
        raise WeightsCorruptError(f"the merges do not fit the vocabulary: {error}", hint="fetch the file again") from error
    if pre_tokenizer == "qwen2":
        backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = _PRE_TOKENIZERS[pre_tokenizer]()
    backend.decoder = decoders.ByteLevel()
    for _, token in added:
        (backend.add_special_tokens if token.special else backend.add_tokens)([token])
    return Tokenizer(backend)


def _gpt2_words() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.ByteLevel(add_prefix_space=False)


def _smollm_words() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), _gpt2_words()])


def _qwen2_words() -> pre_tokenizers.PreTokenizer:
    words = pre_tokenizers.Split(Regex(_QWEN2_WORDS), behavior="isolated")
    return pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


_PRE_TOKENIZERS = {"gpt-2": _gpt2_words, "smollm": _smollm_words, "qwen2": _qwen2_words}


def _pieces(text: str) -> list[str]:
    """Cuts runs without a space (or of nothing else) every 1000 characters: merging within one word is not linear in its length."""
    pieces: list[str] = []
    start = 0
    for run in _LONG_RUN.finditer(text):
        pieces.append(text[start : run.end()])
        start = run.end()
    if start < len(text) or not pieces:
        pieces.append(text[start:])
    return pieces


def _byte_of_letter() -> dict[str, int]:
    """The printable alphabet of byte-level BPE (GPT-2): printable Latin-1 stands for itself, other bytes for U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    table = {chr(byte): byte for byte in printable}
    others = (byte for byte in range(256) if byte not in printable)
    table.update({chr(256 + n): byte for n, byte in enumerate(others)})
    return table


_BYTE_OF_LETTER = _byte_of_letter()
