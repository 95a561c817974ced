"""Holds a reply to a JSON schema or to a list of choices, token by token (llguidance)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher, LLTokenizer
from numpy.typing import NDArray
from torch import Tensor

from assistant.errors import GenerationError, InputError
from assistant.types import GenerationOptions

# One way to write JSON: a small model may else fill its reply with blanks.
_COMPACT_JSON = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class ConstraintCompiler:
    """Makes constraints for one tokenizer. Building it takes about a second for a large vocabulary, so keep it."""

    def __init__(self, tokenizer_json: str, end_ids: Sequence[int]) -> None:
        """Read the vocabulary.

        Args:
            tokenizer_json: A Hugging Face tokenizer, as the text of its `tokenizer.json`.
            end_ids: Tokens that end a reply; allowed where the reply may end.
        """
        self._tokenizer = LLTokenizer(tokenizer_json, eos_token=list(end_ids))

    def compile(self, options: GenerationOptions) -> Constraint | None:
        """The constraint the options ask for; None if they ask for none.

        Raises:
            InputError: The schema or the choices cannot be followed.
        """
        grammar = _grammar(options)
        if grammar is None:
            return None
        failed, messages = LLMatcher.validate_grammar_with_warnings(grammar, self._tokenizer)
        if failed:
            raise InputError(
                f"json_schema cannot be followed: {messages[0]}", hint="use type, properties, items, enum, const, pattern and anyOf"
            )
        return Constraint(LLMatcher(self._tokenizer, grammar, log_level=0), self._tokenizer.vocab_size)


class Constraint:
    """Where one reply stands in its grammar."""

    def __init__(self, matcher: LLMatcher, vocabulary_size: int) -> None:
        self._matcher = matcher
        self._words: NDArray[np.int32] = np.zeros((vocabulary_size + 31) // 32, dtype=np.int32)

    @property
    def finished(self) -> bool:
        """Whether the reply is complete and nothing may follow."""
        return self._matcher.is_stopped()

    def mask(self, logits_V: Tensor) -> Tensor:
        """The logits, minus infinity for each token that may not come next.

        Raises:
            GenerationError: The grammar grew past the library's limits.
        """
        self._matcher.unsafe_compute_mask_ptr(self._words.ctypes.data, self._words.nbytes)
        self._check()
        allowed = np.unpackbits(self._words.view(np.uint8), bitorder="little")[: len(logits_V)].astype(bool)
        allowed_V = torch.zeros(len(logits_V), dtype=torch.bool)
        allowed_V[: len(allowed)] = torch.from_numpy(allowed)
        return logits_V.masked_fill(~allowed_V.to(logits_V.device), float("-inf"))

    def accept(self, token_id: int) -> None:
        """Note the token that was chosen.

        Raises:
            GenerationError: The token was not allowed.
        """
        self._matcher.consume_token(token_id)
        self._check()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise GenerationError(f"the constraint failed: {self._matcher.get_error()}", hint="make the schema simpler")


def _grammar(options: GenerationOptions) -> str | None:
    if options.choices and options.json_schema is not None:
        raise InputError("both choices and json_schema are given", hint="give one of them")
    if options.choices:
        if not all(options.choices):
            raise InputError("a choice is empty", hint="give each choice at least one character")
        return str(LLMatcher.grammar_from_lark("start: " + " | ".join(json.dumps(c, ensure_ascii=False) for c in options.choices)))
    if options.json_schema is not None:
        return _json_grammar(options.json_schema)
    return None


def _json_grammar(schema: Mapping[str, Any]) -> str:
    try:
        return str(LLMatcher.grammar_from_json_schema(json.dumps({**schema, "x-guidance": _COMPACT_JSON})))
    except (TypeError, ValueError) as error:
        raise InputError(f"json_schema is not JSON: {error}", hint="give a JSON schema") from error
