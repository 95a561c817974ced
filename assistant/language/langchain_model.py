"""Any chat model that LangChain knows: vLLM, Ollama, OpenAI, Anthropic and many more."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import PIL.Image
from langchain.chat_models import init_chat_model
from langchain_core.exceptions import ContextOverflowError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage
from langchain_core.messages.utils import count_tokens_approximately

from assistant.errors import (
    AssistantError,
    ConfigError,
    ContextLengthError,
    EmptyTurnError,
    GenerationError,
    InputError,
    MissingDependencyError,
    NotFoundError,
    StorageError,
)
from assistant.language.stop_strings import StopStrings
from assistant.language.tokenizer import valid_text
from assistant.lately import Lately
from assistant.types import FinishReason, Generated, GenerationOptions, Image, Message, Prompt, Usage

# A provider's class has one of these fields for each option, or none; integrations do not agree on the names.
_FIELDS = {
    "max_tokens": ("max_tokens", "num_predict", "max_output_tokens", "max_new_tokens"),
    "temperature": ("temperature",),
    "top_p": ("top_p",),
    "top_k": ("top_k",),
    "repetition_penalty": ("repetition_penalty", "repeat_penalty"),
    "seed": ("seed",),
}
# As vLLM, llama.cpp, OpenAI and Anthropic word it.
_OVERFLOW = re.compile(r"context.length|context.(size|window)|prompt is too long", re.IGNORECASE)
_PICTURE_SIDE_PX = 1024
"""Of the longer side as it is sent; providers scale larger pictures down themselves."""
_PICTURE_TOKENS = 1400
"""What a square picture of that side costs at most: 1398 with Anthropic (pixels / 750), 1369 with Qwen2.5-VL, 765 with OpenAI."""
_PICTURES = 32
"""That are kept as they were sent: about 300 KB each, and every turn sends the newest of the conversation again."""
_LENGTH_REASONS = {"length", "max_tokens", "MAX_TOKENS"}


class LangChainModel:
    """A LangChain chat model. Pictures go to it as data URLs."""

    def __init__(
        self,
        model: str | BaseChatModel,
        *,
        context_tokens: int = 8192,
        name: str | None = None,
        base_url: str | None = None,
        sees: bool = True,
        **arguments: Any,
    ) -> None:
        """Connect.

        Args:
            model: `PROVIDER:MODEL` as for `init_chat_model`, or a chat model.
            context_tokens: Of prompt and reply together.
            name: The model, as users know it; None takes `model`.
            base_url: Where the provider listens; None takes its own address. Of no meaning for a chat model.
            sees: Whether it takes pictures, which nobody can ask it.
            **arguments: Further ones for `init_chat_model`.

        Raises:
            MissingDependencyError: The provider's package is not installed.
            ConfigError: The provider is unknown or refuses its arguments.
        """
        if isinstance(model, str):
            if base_url is not None:
                arguments["base_url"] = base_url
            try:
                self._model: BaseChatModel = init_chat_model(model, **arguments)
            except ImportError as error:
                raise MissingDependencyError(f"{model} needs a package: {error}", hint=f"pip install {_package(model)}") from error
            except Exception as error:  # every provider raises its own
                raise ConfigError(
                    f"chat model {model!r}: {error}", hint="name it PROVIDER:MODEL and set the provider's key in the environment"
                ) from error
        else:
            self._model = model
        self._name = name or (model if isinstance(model, str) else type(model).__name__)
        self._context_tokens = context_tokens
        self._sees = sees
        self._data_urls: Lately[str] = Lately(_PICTURES)
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The model, as users know it."""
        return self._name

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and reply may have together."""
        return self._context_tokens

    @property
    def sees(self) -> bool:
        """Whether the pictures of a prompt are sent."""
        return self._sees

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """About how many tokens the messages take (four characters a token): the provider's tokenizer is not at hand."""
        texts = [self._message(replace(message, images=())) for message in messages]
        pictures = sum(len(message.images) for message in messages)
        return int(count_tokens_approximately(texts)) + pictures * _PICTURE_TOKENS

    async def generate(self, prompt: Prompt, options: GenerationOptions) -> AsyncGenerator[Generated, None]:
        """The reply, piece by piece; the last piece carries `finish_reason` and `usage` (zeros if the provider does not say).

        `choices` and `json_schema` use the provider's structured output; the reply then comes in one piece.

        Raises:
            ContextLengthError: The prompt does not fit.
            InputError: The prompt is empty, or two constraints are given.
            GenerationError: The provider failed.
        """
        if not prompt.messages:
            raise EmptyTurnError("the prompt has no message", hint="give at least one message")
        if self.count_tokens(prompt.messages) >= self._context_tokens:
            raise ContextLengthError(f"the prompt passes {self._context_tokens} tokens", hint="shorten it or begin a new session")
        messages = await asyncio.to_thread(lambda: [self._message(message) for message in prompt.messages])
        model = _with_options(self._model, options)
        try:
            if options.choices or options.json_schema is not None:
                yield await _structured(model, messages, options)
                return
            async with aclosing(_stream(model, messages, options)) as pieces:
                async for piece in pieces:
                    yield piece
        except AssistantError:
            raise
        except Exception as error:  # every provider raises its own
            if isinstance(error, ContextOverflowError) or _OVERFLOW.search(str(error)):
                raise ContextLengthError(f"{self._name}: {error}", hint="shorten it or begin a new session") from error
            raise GenerationError(f"{self._name}: {error}", hint="check the provider's address, key and model name") from error

    async def score(self, prompt: Prompt, candidates: Sequence[str]) -> tuple[float, ...]:
        """Always refused: chat providers do not tell the probability of a given text.

        Raises:
            GenerationError: Always.
        """
        raise GenerationError(f"{self._name} cannot score text", hint="use the engine 'embedded' or 'transformers' for scores")

    async def close(self) -> None:
        """Nothing is held open."""

    def _message(self, message: Message) -> BaseMessage:
        content: Any = valid_text(message.text)
        if message.images:
            content = []
            for number, image in message.numbered:
                try:
                    picture = {"type": "image_url", "image_url": {"url": self._data_url(image)}}
                except (NotFoundError, StorageError):  # a remembered one: its note stands alone, the conversation goes on
                    continue
                content += [{"type": "text", "text": f"Picture {number}: "}, picture]
            content.append({"type": "text", "text": valid_text(message.text)})
        match message.role:
            case "system":
                return SystemMessage(content)
            case "user":
                return HumanMessage(content)
            case "assistant":
                return AIMessage(content)

    def _data_url(self, image: Image) -> str:
        with self._lock:
            return self._data_urls.get(image.sha256) or self._data_urls.put(image.sha256, _data_url(image))


async def _stream(model: BaseChatModel, messages: list[BaseMessage], options: GenerationOptions) -> AsyncGenerator[Generated, None]:
    # Not every provider heeds stop strings, so they are looked for here too.
    stops = StopStrings(options.stop)
    reason: FinishReason = "stop"
    usage = Usage()
    async with aclosing(model.astream(messages, stop=list(options.stop) or None)) as chunks:  # type: ignore[type-var]
        async for chunk in chunks:
            if shown := stops.push(chunk.text):
                yield Generated(shown)
            usage = _usage(chunk, usage)
            reason = _reason(chunk, reason)
            if stops.found:
                reason = "stop"
                break
    yield Generated(stops.finish(), reason, usage)


async def _structured(model: BaseChatModel, messages: list[BaseMessage], options: GenerationOptions) -> Generated:
    if options.choices and options.json_schema is not None:
        raise InputError("both choices and json_schema are given", hint="give one of them")
    choice = {"type": "object", "properties": {"choice": {"enum": list(options.choices)}}, "required": ["choice"]}
    schema = {"title": "reply", "description": "The reply."} | dict(options.json_schema or choice)
    try:
        answer: Any = await model.with_structured_output(schema, include_raw=True).ainvoke(messages)
    except NotImplementedError as error:
        raise GenerationError("the provider has no structured output", hint="use another model, or no constraint") from error
    parsed = answer["parsed"]
    if parsed is None or (options.choices and parsed.get("choice") not in options.choices):
        raise GenerationError("the provider's reply does not follow the constraint", hint="try again, or use another model")
    text = parsed["choice"] if options.choices else json.dumps(parsed, ensure_ascii=False)
    return Generated(text, _reason(answer["raw"], "stop"), _usage(answer["raw"], Usage()))


def _with_options(model: BaseChatModel, options: GenerationOptions) -> BaseChatModel:
    """The model with the options its class has a field for; the connection is shared."""
    known = type(model).model_fields
    update: dict[str, Any] = {"stream_usage": True} if "stream_usage" in known else {}
    for option, fields in _FIELDS.items():
        value = getattr(options, option)
        field = next((field for field in fields if field in known), None)
        if field is not None and not (option in ("top_k", "repetition_penalty", "top_p") and value in (0, 1.0)):
            update[field] = value
    return model.model_copy(update=update)


def _data_url(image: Image) -> str:
    buffer = io.BytesIO()
    picture = PIL.Image.fromarray(image.pixels_HWC)
    picture.thumbnail((_PICTURE_SIDE_PX, _PICTURE_SIDE_PX))
    picture.save(buffer, format="JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _usage(message: AIMessage | AIMessageChunk, before: Usage) -> Usage:
    told = message.usage_metadata
    if told is None:
        return before
    cached = told.get("input_token_details", {}).get("cache_read", 0) or 0
    return Usage(
        before.prompt_tokens + told["input_tokens"],
        before.cached_tokens + cached,
        before.completion_tokens + told["output_tokens"],
    )


def _reason(message: AIMessage | AIMessageChunk, before: FinishReason) -> FinishReason:
    told = message.response_metadata
    given = told.get("finish_reason") or told.get("stop_reason") or told.get("done_reason")
    return before if given is None else "length" if given in _LENGTH_REASONS else "stop"


def _package(model: str) -> str:
    return f"langchain-{model.split(':', 1)[0].replace('_', '-')}" if ":" in model else "the provider's langchain package"
