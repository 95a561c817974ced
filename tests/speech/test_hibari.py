"""The English voice."""

from __future__ import annotations

import socket
import time

import numpy as np
import pytest

from assistant.errors import SynthesisError
from assistant.speech.hibari import HibariSynthesizer
from assistant.types import Audio

pytestmark = pytest.mark.weights


@pytest.fixture(scope="module")
def hibari() -> HibariSynthesizer:
    return HibariSynthesizer()


async def said(engine: HibariSynthesizer, text: str) -> Audio:
    return Audio.join([piece async for piece in engine.synthesize(text, language="en")])


async def test_the_same_text_gives_the_same_samples(hibari: HibariSynthesizer) -> None:
    first, second = [await said(hibari, "A red sofa.") for _ in range(2)]
    assert np.array_equal(first.samples_T, second.samples_T)


def test_only_voices_inside_the_package_are_offered(hibari: HibariSynthesizer) -> None:
    assert hibari.voices == ("heart",)


async def test_it_never_opens_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    engine = HibariSynthesizer()
    assert (await said(engine, "Hello, zyxquor.")).duration_s > 0.5
    await engine.close()


async def test_the_first_piece_comes_long_before_the_last(hibari: HibariSynthesizer) -> None:
    text = "The picture shows a busy street, and a bus. " * 20
    start, first_s = time.perf_counter(), None
    async for _ in hibari.synthesize(text, language="en"):
        first_s = first_s or time.perf_counter() - start
    assert first_s is not None
    assert first_s < (time.perf_counter() - start) / 4


async def test_several_threads_say_the_same(hibari: HibariSynthesizer) -> None:
    engine = HibariSynthesizer(threads=2)
    assert (await said(engine, "A red sofa.")).duration_s == pytest.approx((await said(hibari, "A red sofa.")).duration_s, abs=0.05)
    await engine.close()


async def test_text_it_cannot_read_is_an_error_and_the_next_is_spoken(hibari: HibariSynthesizer) -> None:
    with pytest.raises(SynthesisError):
        await said(hibari, "9" * 100)
    assert (await said(hibari, "Hello.")).duration_s > 0.3
