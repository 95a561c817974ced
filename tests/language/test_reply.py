from __future__ import annotations

import torch
from torch import Tensor

from assistant.language.reply import Reply
from assistant.language.tokenizer import TextStream, Tokenizer
from assistant.types import GenerationOptions, Usage
from tests.language.tiny_models import tiny_tokenizer

END = 2
TOKENIZER = Tokenizer(tiny_tokenizer())


def reply(options: GenerationOptions, *, room_tokens: int = 100) -> Reply:
    return Reply(TextStream(TOKENIZER), options, end_ids={END}, constraint=None, room_tokens=room_tokens)


def certain(token_id: int) -> Tensor:
    logits = torch.zeros(TOKENIZER.size)
    logits[token_id] = 50.0
    return logits


def written(text: str, options: GenerationOptions, *, room_tokens: int = 100) -> tuple[list[str], Reply]:
    """What is shown of a model that is certain of `text` and then ends."""
    made = reply(options, room_tokens=room_tokens)
    pieces = []
    for token_id in [*TOKENIZER.encode(text), END]:
        pieces.append(made.advance(certain(token_id)))
        if made.finish_reason is not None:
            break
    return pieces, made


def test_the_end_token_ends_it_and_is_not_counted() -> None:
    pieces, made = written("Hi 日本 😀", GenerationOptions())
    assert "".join(pieces) == "Hi 日本 😀"
    assert made.finish_reason == "stop"
    assert made.tokens == len(TOKENIZER.encode("Hi 日本 😀"))


def test_no_piece_has_half_a_character() -> None:
    pieces, _ = written("日本 😀", GenerationOptions())
    assert "\ufffd" not in "".join(pieces)


def test_max_tokens_and_the_room_in_the_context_end_it() -> None:
    assert written("one two three", GenerationOptions(max_tokens=2))[1].finish_reason == "length"
    made = written("one two three", GenerationOptions(), room_tokens=3)[1]
    assert (made.finish_reason, made.tokens) == ("length", 3)


def test_a_stop_string_ends_it() -> None:
    pieces, made = written("one two three", GenerationOptions(stop=("tw",)))
    assert "".join(pieces) == "one "
    assert made.finish_reason == "stop"


def test_text_held_back_for_a_stop_string_is_shown_at_the_end() -> None:
    pieces, _ = written("one tw", GenerationOptions(stop=("two",)))
    assert "".join(pieces) == "one tw"


def test_the_last_piece_tells_what_it_cost() -> None:
    _, made = written("a", GenerationOptions())
    last = made.last("", prompt_tokens=5, cached_tokens=4)
    assert (last.finish_reason, last.usage) == ("stop", Usage(5, 4, 1))
