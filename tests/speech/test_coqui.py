"""Coqui over HTTP against a real server that speaks `tts-server`'s protocol, and in process where its package imports."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from assistant.errors import MissingDependencyError, SynthesisError
from assistant.speech.coqui import CoquiSynthesizer, stretched
from assistant.types import Audio

RATE = 22_050


class TtsServer(ThreadingHTTPServer):
    """Answers `GET /api/tts` with a tone as long as the text, and keeps what was asked."""

    asked: list[dict[str, list[str]]]


class Handler(BaseHTTPRequestHandler):
    server: TtsServer

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = parse_qs(address.query, keep_blank_values=True)
        self.server.asked.append(query)
        found = address.path == "/api/tts" and "crash" not in query["text"][0]
        seconds = 0.1 * len(query["text"][0])
        tone_T = (0.4 * np.sin(2 * np.pi * 220 * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)
        self.send_response(200 if found else 500)
        self.end_headers()
        self.wfile.write(Audio(tone_T, RATE).to_wav() if found else b"")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[TtsServer]:
    with TtsServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def connected(server: TtsServer) -> CoquiSynthesizer:
    url = f"http://127.0.0.1:{server.server_port}"
    return CoquiSynthesizer(url=url, languages=frozenset({"en", "de"}), voices=("Ana", "Bo"))


async def said(engine: CoquiSynthesizer, text: str, speed: float = 1.0) -> list[Audio]:
    return [piece async for piece in engine.synthesize(text, language="de", voice="Bo", speed=speed)]


async def test_each_sentence_is_asked_of_the_server_with_speaker_and_language(server: TtsServer) -> None:
    engine = connected(server)
    pieces = await said(engine, "Guten Tag. Wie geht es Ihnen?")
    assert [piece.sample_rate_hz for piece in pieces] == [RATE, RATE]
    assert pieces[0].duration_s == pytest.approx(1.0 + 0.28, abs=0.02)
    assert [query["text"] for query in server.asked] == [["Guten Tag."], ["Wie geht es Ihnen?"]]
    assert {(query["speaker_id"][0], query["language_id"][0]) for query in server.asked} == {("Bo", "de")}
    await engine.close()


async def test_speed_changes_the_length_and_not_the_pitch(server: TtsServer) -> None:
    engine = connected(server)
    slow, fast = [Audio.join(await said(engine, "Guten Tag, guten Tag", speed)) for speed in (0.7, 1.5)]
    assert 1.8 < slow.duration_s / fast.duration_s < 2.4
    for audio in (slow, fast):
        spectrum_F = np.abs(np.fft.rfft(audio.samples_T))
        assert spectrum_F.argmax() * RATE / len(audio.samples_T) == pytest.approx(220, abs=8)
    await engine.close()


async def test_a_server_that_fails_is_an_error_and_the_next_text_is_spoken(server: TtsServer) -> None:
    engine = connected(server)
    with pytest.raises(SynthesisError) as raised:
        await said(engine, "crash")
    assert "tts-server" in raised.value.hint
    assert await said(engine, "Hallo")
    await engine.close()


async def test_a_server_that_is_not_there_is_an_error() -> None:
    engine = CoquiSynthesizer(url="http://127.0.0.1:9")
    with pytest.raises(SynthesisError):
        [piece async for piece in engine.synthesize("Hello", language="en")]
    await engine.close()


def test_without_a_server_or_the_package_the_hint_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "TTS", None)
    monkeypatch.setitem(sys.modules, "TTS.api", None)
    with pytest.raises(MissingDependencyError) as raised:
        CoquiSynthesizer()
    assert "assistant[coqui]" in raised.value.hint
    assert "tts-server" in raised.value.hint


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 2.0])
def test_stretching_keeps_every_part_of_the_sound(speed: float) -> None:
    rising_T = np.linspace(0.1, 0.9, RATE, dtype=np.float32) * np.sin(np.arange(RATE) * 0.1).astype(np.float32)
    changed_T = stretched(rising_T, speed)
    assert len(changed_T) == int(RATE / speed)
    assert np.abs(changed_T[-4000:]).max() > 2 * np.abs(changed_T[:4000]).max()
