from __future__ import annotations

import pytest
import torch

from assistant.language.decoder import Decoder
from assistant.language.prefix_cache import PrefixCache, Slot
from tests.language.tiny_models import save_tiny_chat_model


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    folder = save_tiny_chat_model(tmp_path_factory.mktemp("model"))
    return Decoder.load(folder, full_precision=True)


def read(decoder: Decoder, slot: Slot, ids: list[int]) -> torch.Tensor:
    """Reads the rest of `ids` and returns the logits after them."""
    rest = ids[len(slot.read) :]
    slot.read += rest
    return decoder.forward(decoder.embed(torch.tensor([rest])), slot.cache)[0]


def test_a_longer_text_goes_on_where_the_shorter_ended(decoder: Decoder) -> None:
    prefixes = PrefixCache(decoder, tokens=64, slots=2)
    read(decoder, prefixes.take([5, 6, 7, 8]), [5, 6, 7, 8])
    assert prefixes.take([5, 6, 7, 8, 9]).read == [5, 6, 7, 8]


def test_the_last_token_is_always_read_again(decoder: Decoder) -> None:
    prefixes = PrefixCache(decoder, tokens=64, slots=1)
    read(decoder, prefixes.take([5, 6, 7]), [5, 6, 7])
    assert prefixes.take([5, 6, 7]).read == [5, 6]


def test_what_is_known_of_a_text_is_told_without_taking_it(decoder: Decoder) -> None:
    prefixes = PrefixCache(decoder, tokens=64, slots=1)
    assert prefixes.known([5, 6]) == 0
    read(decoder, prefixes.take([*range(5, 40)]), [*range(5, 40)])
    assert prefixes.known([5, 6, 7, 50]) == 3
    assert len(prefixes.take([*range(5, 41)]).read) == 35


def test_two_conversations_with_one_beginning_keep_a_slot_each(decoder: Decoder) -> None:
    prefixes = PrefixCache(decoder, tokens=64, slots=2)
    first, second = [5, 6, *range(20, 30)], [5, 6, *range(40, 50)]
    read(decoder, prefixes.take(first), first)
    slot = prefixes.take(second)
    assert slot.read == [5, 6]
    read(decoder, slot, second)
    assert prefixes.take([*first, 1]).read == first
    assert prefixes.take([*second, 1]).read == second


def test_short_conversations_after_a_long_beginning_keep_a_slot_each_and_a_third_takes_the_older(decoder: Decoder) -> None:
    prefixes = PrefixCache(decoder, tokens=128, slots=2)
    system = [5] * 60
    texts = [[*system, *range(first, first + 20)] for first in (20, 40, 60)]
    for text in texts[:2]:
        read(decoder, prefixes.take(text), text)
    for text in texts[:2]:
        text.append(1)
        slot = prefixes.take(text)
        assert slot.read == text[:-1]
        read(decoder, slot, text)
    assert prefixes.take(texts[2]).read == system
    assert prefixes.take([*texts[1], 9]).read == texts[1]


def test_a_text_that_ends_otherwise_goes_on_in_its_slot(decoder: Decoder) -> None:
    prefixes = PrefixCache(decoder, tokens=64, slots=2)
    text = list(range(5, 45))
    slot = prefixes.take(text)
    read(decoder, slot, text)
    assert prefixes.take([*text[:-3], 1, 2]) is slot


def test_a_copied_beginning_predicts_what_a_fresh_one_does(decoder: Decoder) -> None:
    prefixes = PrefixCache(decoder, tokens=64, slots=2)
    first, second = [5, 6, *range(20, 30)], [5, 6, *range(40, 50)]
    read(decoder, prefixes.take(first), first)
    copied = read(decoder, prefixes.take(second), second)
    fresh = read(decoder, PrefixCache(decoder, tokens=64, slots=1).take(second), second)
    torch.testing.assert_close(copied, fresh, rtol=1e-3, atol=1e-3)


def test_the_least_recently_used_gives_way_and_no_more_slots_are_made(decoder: Decoder) -> None:
    prefixes = PrefixCache(decoder, tokens=64, slots=2)
    texts = [[n, *range(20, 30)] for n in (1, 2, 3)]
    slots = []
    for text in texts:
        slot = prefixes.take(text)
        read(decoder, slot, text)
        slots.append(slot)
    assert slots[2] is slots[0]
    assert prefixes.take([*texts[1], 9]).read == texts[1]


def test_a_dropped_slot_is_not_used_again(decoder: Decoder) -> None:
    prefixes = PrefixCache(decoder, tokens=64, slots=2)
    slot = prefixes.take([5, 6, 7])
    read(decoder, slot, [5, 6, 7])
    prefixes.drop(slot)
    assert prefixes.take([5, 6, 7, 8]).read == []


def test_a_picture_is_known_by_its_hash(decoder: Decoder) -> None:
    prefixes = PrefixCache(decoder, tokens=64, slots=1)
    slot = prefixes.take([5, ("a", 0), ("a", 1), 6])
    slot.read += [5, ("a", 0), ("a", 1), 6]
    slot.cache.length = 4
    assert prefixes.take([5, ("a", 0), ("b", 1), 6]).read == [5, ("a", 0)]
