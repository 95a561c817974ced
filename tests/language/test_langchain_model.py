from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import PIL.Image
import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from assistant.errors import ConfigError, ContextLengthError, GenerationError, MissingDependencyError
from assistant.language.langchain_model import LangChainModel
from assistant.memory.attachments import StoredImage
from assistant.types import Generated, GenerationOptions, Image, Message, Prompt, Usage

PROMPT = Prompt((Message("system", "Be brief."), Message("user", "Hi"), Message("assistant", "Hello"), Message("user", "Bye")))


class Server:
    """A chat-completions endpoint on this machine: answers with `words`, and remembers what it was asked."""

    def __init__(self) -> None:
        self.words = ["Good", "bye", " now", ", friend."]
        self.finish_reason = "stop"
        self.error: tuple[int, dict[str, str]] | None = None
        self.pause_s = 0.0
        self.asked: dict[str, Any] = {}
        self.left = asyncio.Event()
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = int(head.split("content-length:")[1].split("\r\n")[0])
                self.asked = json.loads(await reader.readexactly(length))
                await self.reply(writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            self.left.set()
        finally:
            writer.close()

    async def reply(self, writer: asyncio.StreamWriter) -> None:
        if self.error is not None:
            status, error = self.error
            send(writer, status, "application/json", json.dumps({"error": error}))
        elif not self.asked.get("stream"):
            message = {"role": "assistant", "content": "".join(self.words)}
            choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
            send(writer, 200, "application/json", json.dumps(envelope("chat.completion", [choice], usage=USAGE)))
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
            for event in self.events():
                writer.write(f"data: {event}\n\n".encode())
                await writer.drain()
                await asyncio.sleep(self.pause_s)
            writer.write(b"data: [DONE]\n\n")
            await writer.drain()
            raise ConnectionResetError

    def events(self) -> Iterator[str]:
        for word in self.words:
            yield json.dumps(envelope("chat.completion.chunk", [{"index": 0, "delta": {"role": "assistant", "content": word}}]))
        last = {"index": 0, "delta": {}, "finish_reason": self.finish_reason}
        yield json.dumps(envelope("chat.completion.chunk", [last]))
        yield json.dumps(envelope("chat.completion.chunk", [], usage=USAGE))


USAGE = {"prompt_tokens": 21, "completion_tokens": 4, "total_tokens": 25, "prompt_tokens_details": {"cached_tokens": 16}}


def envelope(kind: str, choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"id": "1", "object": kind, "created": 0, "model": "tiny", "choices": choices, **more}


def send(writer: asyncio.StreamWriter, status: int, kind: str, body: str) -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body.encode())}\r\n\r\n"
    writer.write(head.encode() + body.encode())


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    listener = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    yield made
    listener.close()


@pytest.fixture
def remote(server: Server) -> LangChainModel:
    pytest.importorskip("langchain_openai")
    return LangChainModel("openai:tiny", base_url=server.url, api_key="none", max_retries=0)


async def pieces_of(model: LangChainModel, options: GenerationOptions | None = None, prompt: Prompt = PROMPT) -> list[Generated]:
    return [piece async for piece in model.generate(prompt, options or GenerationOptions())]


async def test_the_reply_streams_over_http_with_its_usage(remote: LangChainModel) -> None:
    pieces = await pieces_of(remote)
    assert [piece.text for piece in pieces if piece.text] == ["Good", "bye", " now", ", friend."]
    assert pieces[-1].finish_reason == "stop"
    assert pieces[-1].usage == Usage(21, 16, 4)


async def test_messages_and_options_reach_the_provider(remote: LangChainModel, server: Server) -> None:
    await pieces_of(remote, GenerationOptions(max_tokens=7, temperature=0.5, top_p=0.9, seed=3, stop=("###",)))
    assert [(message["role"], message["content"]) for message in server.asked["messages"]] == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Bye"),
    ]
    sent = {name: server.asked[name] for name in ("model", "temperature", "top_p", "seed", "stop")}
    assert sent == {"model": "tiny", "temperature": 0.5, "top_p": 0.9, "seed": 3, "stop": ["###"]}
    assert 7 in (server.asked.get("max_tokens"), server.asked.get("max_completion_tokens"))


async def test_options_of_one_reply_do_not_stay_for_the_next(remote: LangChainModel, server: Server) -> None:
    await pieces_of(remote, GenerationOptions(top_p=0.5))
    await pieces_of(remote)
    assert "top_p" not in server.asked


async def test_a_cut_reply_says_length(remote: LangChainModel, server: Server) -> None:
    server.finish_reason = "length"
    assert (await pieces_of(remote))[-1].finish_reason == "length"


async def test_a_stop_string_ends_the_reply_even_if_the_provider_goes_on(remote: LangChainModel) -> None:
    pieces = await pieces_of(remote, GenerationOptions(stop=("e now",)))
    assert "".join(piece.text for piece in pieces) == "Goodby"
    assert pieces[-1].finish_reason == "stop"


async def test_a_picture_goes_as_a_data_url_after_its_number(remote: LangChainModel, server: Server) -> None:
    image = Image(np.full((3, 5, 3), 200, np.uint8), "x")
    await pieces_of(remote, prompt=Prompt((Message("user", "What is this?", (image,), (3,)),)))
    number, picture, words = server.asked["messages"][0]["content"]
    assert number == {"type": "text", "text": "Picture 3: "}
    assert words == {"type": "text", "text": "What is this?"}
    head, data = picture["image_url"]["url"].split(",")
    assert head == "data:image/jpeg;base64"
    assert PIL.Image.open(io.BytesIO(base64.b64decode(data))).size == (5, 3)


async def test_a_remembered_picture_is_read_and_encoded_once(remote: LangChainModel, server: Server) -> None:
    stored, reads = io.BytesIO(), list[str]()
    PIL.Image.new("RGB", (5, 3)).save(stored, "PNG")

    def read() -> bytes:
        reads.append("read")
        return stored.getvalue()

    for _ in range(2):  # each turn opens it anew
        await pieces_of(remote, prompt=Prompt((Message("user", "Look.", (StoredImage("kept", read),), (1,)),)))
    assert reads == ["read"]
    assert server.asked["messages"][0]["content"][1]["type"] == "image_url"


async def test_a_remembered_picture_that_is_damaged_is_left_out(remote: LangChainModel, server: Server) -> None:
    damaged, whole = StoredImage("damaged", lambda: b"no picture"), Image(np.zeros((3, 5, 3), np.uint8), "x")
    await pieces_of(remote, prompt=Prompt((Message("user", "Look.", (damaged, whole), (1, 2)),)))
    number, picture, words = server.asked["messages"][0]["content"]
    assert (number["text"], picture["type"], words["text"]) == ("Picture 2: ", "image_url", "Look.")


async def test_a_large_picture_is_sent_smaller_and_counted_without_encoding_it(remote: LangChainModel, server: Server) -> None:
    message = Message("user", "What is it?", images=(Image(np.zeros((1536, 2048, 3), np.uint8), "ab" * 32),))
    await pieces_of(remote, prompt=Prompt((message,)))
    url = server.asked["messages"][0]["content"][1]["image_url"]["url"]
    assert PIL.Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).size == (1024, 768)
    assert 1000 < remote.count_tokens([message]) < 2000


async def test_a_json_schema_goes_to_the_provider(remote: LangChainModel, server: Server) -> None:
    server.words = ['{"age": 36}']
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"], "additionalProperties": False}
    (piece,) = await pieces_of(remote, GenerationOptions(json_schema=schema))
    assert json.loads(piece.text) == {"age": 36}
    assert (piece.finish_reason, piece.usage) == ("stop", Usage(21, 16, 4))
    assert server.asked["response_format"]["json_schema"]["schema"]["required"] == ["age"]


async def test_choices_go_to_the_provider(remote: LangChainModel, server: Server) -> None:
    server.words = ['{"choice": "no"}']
    (piece,) = await pieces_of(remote, GenerationOptions(choices=("yes", "no")))
    assert piece.text == "no"


async def test_a_reply_against_the_constraint_is_an_error(remote: LangChainModel, server: Server) -> None:
    server.words = ['{"choice": "maybe"}']
    with pytest.raises(GenerationError):
        await pieces_of(remote, GenerationOptions(choices=("yes", "no")))


async def test_leaving_the_stream_hangs_up(remote: LangChainModel, server: Server) -> None:
    server.words = ["word "] * 1000
    server.pause_s = 0.01

    async def read() -> None:
        async for _ in remote.generate(PROMPT, GenerationOptions()):
            await asyncio.sleep(0.03)

    task = asyncio.create_task(read())
    await asyncio.sleep(0.3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.wait_for(server.left.wait(), 5)


async def test_a_refused_key_is_a_generation_error_with_a_hint(remote: LangChainModel, server: Server) -> None:
    server.error = (401, {"message": "bad key", "type": "invalid_request_error", "code": "invalid_api_key"})
    with pytest.raises(GenerationError, match="bad key") as caught:
        await pieces_of(remote)
    assert "key" in caught.value.hint


async def test_a_prompt_too_long_for_the_provider_is_told_apart(remote: LangChainModel, server: Server) -> None:
    message = "This model's maximum context length is 8 tokens."
    server.error = (400, {"message": message, "type": "invalid_request_error", "code": "context_length_exceeded"})
    with pytest.raises(ContextLengthError):
        await pieces_of(remote)


async def test_a_server_that_is_away_is_a_generation_error() -> None:
    pytest.importorskip("langchain_openai")
    away = LangChainModel("openai:tiny", base_url="http://127.0.0.1:9/v1", api_key="none", max_retries=0)
    with pytest.raises(GenerationError):
        await pieces_of(away)


async def test_any_chat_model_object_will_do() -> None:
    model = LangChainModel(GenericFakeChatModel(messages=iter([AIMessage("One two three.")])), name="scripted")
    pieces = await pieces_of(model)
    assert "".join(piece.text for piece in pieces) == "One two three."
    assert model.name == "scripted"


async def test_a_model_without_structured_output_says_so() -> None:
    model = LangChainModel(GenericFakeChatModel(messages=iter([AIMessage("x")])))
    with pytest.raises(GenerationError, match="structured"):
        await pieces_of(model, GenerationOptions(choices=("yes", "no")))


def test_an_unknown_provider_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigError):
        LangChainModel("no-such-provider:x")


def test_a_provider_without_its_package_says_what_to_install() -> None:
    with pytest.raises(MissingDependencyError) as caught:
        LangChainModel("groq:x")
    assert "langchain-groq" in caught.value.hint
