from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch

from assistant.errors import GenerationError, InputError
from assistant.language.constraint import Constraint, ConstraintCompiler
from assistant.language.tokenizer import Tokenizer
from assistant.types import GenerationOptions
from tests.language.tiny_models import tiny_tokenizer

END = 2
TOKENIZER = Tokenizer(tiny_tokenizer())


@pytest.fixture(scope="module")
def compiler() -> ConstraintCompiler:
    return ConstraintCompiler(TOKENIZER.backend.to_str(), [END, 0])


def constrained(compiler: ConstraintCompiler, options: GenerationOptions) -> Constraint:
    constraint = compiler.compile(options)
    assert constraint is not None
    return constraint


def drawn(constraint: Constraint, seed: int) -> str:
    """What a model without an opinion writes under the constraint."""
    generator = torch.Generator().manual_seed(seed)
    ids: list[int] = []
    while not constraint.finished and len(ids) < 2000:
        # More logits than the tokenizer has ids, as real models have.
        probabilities = torch.softmax(constraint.mask(torch.zeros(TOKENIZER.size + 9)), 0)
        token_id = int(torch.multinomial(probabilities, 1, generator=generator))
        if token_id in (END, 0):
            break
        ids.append(token_id)
        constraint.accept(token_id)
    return TOKENIZER.decode(ids)


@pytest.mark.parametrize("choices", [("yes", "no"), ("a", "ab", "abc"), ('"quoted" \\ {x}', "line\nbreak"), ("不知道", "😀")])
def test_only_a_choice_can_be_written_and_each_can(compiler: ConstraintCompiler, choices: tuple[str, ...]) -> None:
    options = GenerationOptions(choices=choices)
    assert {drawn(constrained(compiler, options), seed) for seed in range(60)} == set(choices)


@pytest.mark.parametrize(
    ("schema", "is_right"),
    [
        (
            {
                "type": "object",
                "properties": {"n": {"type": "integer"}, "ok": {"type": "boolean"}},
                "required": ["n", "ok"],
                "additionalProperties": False,
            },
            lambda x: set(x) == {"n", "ok"} and isinstance(x["n"], int) and isinstance(x["ok"], bool),
        ),
        (
            {"type": "array", "items": {"enum": ["red", "green", 3]}, "minItems": 2, "maxItems": 4},
            lambda x: 2 <= len(x) <= 4 and set(x) <= {"red", "green", 3},
        ),
        ({"anyOf": [{"type": "null"}, {"const": "x"}]}, lambda x: x in (None, "x")),
        ({"type": "string", "pattern": "^[a-c]{2,5}$"}, lambda x: re.fullmatch("[a-c]{2,5}", x) is not None),
        (
            {"$ref": "#/$defs/tree", "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 1}}},
            lambda x: isinstance(x, list) and len(x) <= 1,
        ),
    ],
)
def test_what_is_written_follows_the_schema(
    compiler: ConstraintCompiler, schema: Mapping[str, Any], is_right: Callable[[Any], bool]
) -> None:
    for seed in range(10):
        assert is_right(json.loads(drawn(constrained(compiler, GenerationOptions(json_schema=schema)), seed)))


def test_no_constraint_is_no_constraint(compiler: ConstraintCompiler) -> None:
    assert compiler.compile(GenerationOptions()) is None


@pytest.mark.parametrize(
    "options",
    [
        GenerationOptions(json_schema={"type": "bogus"}),
        GenerationOptions(json_schema={"not": {"type": "string"}}),
        GenerationOptions(json_schema={"$ref": "file:///etc/passwd"}),
        GenerationOptions(json_schema={"type": object()}),
        GenerationOptions(json_schema={"enum": []}),
        GenerationOptions(choices=("",)),
        GenerationOptions(choices=("yes",), json_schema={}),
    ],
)
def test_what_cannot_be_followed_is_refused_with_a_hint(compiler: ConstraintCompiler, options: GenerationOptions) -> None:
    with pytest.raises(InputError) as caught:
        compiler.compile(options)
    assert caught.value.hint


def test_a_token_against_the_grammar_is_an_error(compiler: ConstraintCompiler) -> None:
    with pytest.raises(GenerationError):
        constrained(compiler, GenerationOptions(choices=("yes",))).accept(TOKENIZER.encode("n")[0])
