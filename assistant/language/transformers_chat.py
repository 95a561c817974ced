"""Messages to the tokens of a prompt by the template and the processor that come with a model, each picture in its place."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import PIL.Image
import transformers
from torch import Tensor
from transformers import AutoImageProcessor, AutoTokenizer
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING
from transformers.processing_utils import ProcessorMixin

from assistant.errors import ConfigError, NotFoundError, StorageError, UnsupportedMediaError, WeightsCorruptError
from assistant.language.prefix_cache import Key
from assistant.language.tokenizer import valid_text
from assistant.lately import Lately
from assistant.types import Image, Message

_SPLICED = frozenset({"idefics3", "llava", "qwen2_5_vl", "qwen2_vl", "smolvlm"})
"""Model types whose decoder knows a picture by its embeddings alone, which may then be read one after the other and kept.
Elsewhere the tokens of a picture may see each other, or deeper layers may be given more of it."""
_THINNEST = 100
"""Sides to each other. Processors enlarge the shorter side: without a bound a line of pixels takes gigabytes."""
_LAYOUTS, _PIXELS = 256, 4
"""Pictures whose tokens, and whose pixels, are kept: the former take kilobytes, the latter up to 50 MB each."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """How a processor writes a picture into a prompt."""

    ids: tuple[int, ...]
    """Placeholders, and the marks around and between them."""
    places_L: Tensor
    """True where a feature of the picture goes."""
    grid_13: Tensor | None
    """`image_grid_thw` of the classes that count places in time, height and width."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture in its place in a prompt."""

    image: Image
    number: int
    """Counted through the conversation from 1."""
    start: int
    """Position of the first token."""
    layout: Layout

    @property
    def end(self) -> int:
        """Position after the last token."""
        return self.start + len(self.layout.ids)


@dataclass(frozen=True, slots=True, eq=False)
class ChatPrompt:
    """A prompt as its model reads it."""

    ids: list[int]
    keys: list[Key]
    """What stands at each position, one picture told from another."""
    pictures: tuple[Picture, ...] = ()
    whole: Mapping[str, Tensor] = field(default_factory=dict)
    """What else the model takes, where it must read all pictures at once; `pictures` is empty then."""


class TransformersChat:
    """Writes prompts. May be called from several threads."""

    def __init__(self, source: str, config: Any, *, sees: bool, **common: Any) -> None:
        """Load the tokenizer and, for a model that sees, its processor.

        Args:
            source: As for `from_pretrained`.
            config: The model's.
            sees: Whether it takes pictures.
            **common: For every `from_pretrained`.

        Raises:
            WeightsCorruptError: There is no chat template, or the processor is unknown.
            ConfigError: The library can prepare pictures for this model with torchvision only.
            OSError, ValueError, KeyError, TypeError, ImportError: What the library raises when it cannot load something.
        """
        tokenizers: Any = AutoTokenizer
        self.tokenizer: Any = tokenizers.from_pretrained(source, **common)
        processor: Any = _processor(source, config, self.tokenizer, common) if sees else None
        self._processor = processor
        self._template = (processor and processor.chat_template) or self.tokenizer.chat_template
        if self._template is None:
            raise WeightsCorruptError(f"{source} has no chat template", hint="use an instruct or chat model")
        self._spliced = sees and config.model_type in _SPLICED
        self._placeholder: int = self.tokenizer.convert_tokens_to_ids(processor.image_token) if self._spliced else -1
        self._control = _pattern(_control_marks(self.tokenizer, processor))
        self._typed = _pattern(_control_marks(self.tokenizer, processor) | _added_marks(self.tokenizer))
        self._layouts: Lately[Layout] = Lately(_LAYOUTS)
        self._pixels: Lately[dict[str, Tensor]] = Lately(_PIXELS)
        self._lock = threading.Lock()

    def read(self, messages: Sequence[Message]) -> ChatPrompt:
        """The prompt for the messages.

        A picture goes before the text of its message, after the words "Picture N: ". A remembered one that is gone or damaged is
        left out, so that its note stands alone and the conversation goes on.

        Raises:
            InvalidTextError: A text is no Unicode.
            UnsupportedMediaError: The processor refuses a picture.
            WeightsCorruptError: The template leaves out a picture.
        """
        messages = [self._readable(message) for message in messages] if self._processor else messages
        shown = [numbered for message in messages for numbered in message.numbered] if self._processor else []
        if shown and not self._spliced:
            return self._whole(messages, [image for _, image in shown])
        written = self._encode(self._text(messages))
        if written.count(self._placeholder) != len(shown):
            raise WeightsCorruptError(
                f"the chat template writes {written.count(self._placeholder)} of {len(shown)} pictures",
                hint="save the model's own chat template with it",
            )
        ids, keys, pictures = list[int](), list[Key](), list[Picture]()
        for token_id in written:
            if token_id != self._placeholder:
                ids.append(token_id)
                keys.append(token_id)
                continue
            number, image = shown[len(pictures)]
            picture = Picture(image, number, len(ids), self._layout(image, number))
            pictures.append(picture)
            ids += picture.layout.ids
            keys += [(image.sha256, n) for n in range(len(picture.layout.ids))]
        return ChatPrompt(ids, keys, tuple(pictures))

    def pixels(self, picture: Picture) -> dict[str, Tensor]:
        """What the model's `get_image_features` takes for the picture, by argument name."""
        with self._lock:
            return self._pixels.get(picture.image.sha256) or self._prepare(picture.image, picture.number)[1]

    def _readable(self, message: Message) -> Message:
        shown = [(number, image) for number, image in message.numbered if self._is_readable(image)]
        if len(shown) == len(message.images):
            return message
        return replace(message, images=tuple(image for _, image in shown), numbers=tuple(number for number, _ in shown))

    def _is_readable(self, image: Image) -> bool:
        with self._lock:
            known = self._layouts.get(image.sha256) is not None
        try:
            return known or image.pixels_HWC.size > 0
        except (NotFoundError, StorageError):
            return False

    def _layout(self, image: Image, number: int) -> Layout:
        with self._lock:
            return self._layouts.get(image.sha256) or self._prepare(image, number)[0]

    def _prepare(self, image: Image, number: int) -> tuple[Layout, dict[str, Tensor]]:
        made = self._processed(self._processor.image_token, [image], f"picture {number}")
        ids_L = made["input_ids"][0]
        layout = Layout(tuple(ids_L.tolist()), ids_L.eq(self._placeholder), made.get("image_grid_thw"))
        pixels = {name: made[name] for name in self._processor.image_processor.model_input_names if name in made}
        return self._layouts.put(image.sha256, layout), self._pixels.put(image.sha256, pixels)

    def _whole(self, messages: Sequence[Message], images: Sequence[Image]) -> ChatPrompt:
        with self._lock:
            made = self._processed(self._text(messages), images, "a picture")
        ids: list[int] = made.pop("input_ids")[0].tolist()
        made.pop("attention_mask", None)
        return ChatPrompt(ids, list(ids), whole=made)

    def _processed(self, text: str, images: Sequence[Image], what: str) -> dict[str, Tensor]:
        try:
            pictures = [_not_too_thin(PIL.Image.fromarray(image.pixels_HWC)) for image in images]
            return dict(self._processor(text=[text], images=pictures, add_special_tokens=False, return_tensors="pt"))
        except (ValueError, MemoryError) as error:
            raise UnsupportedMediaError(f"the model cannot take {what}: {error}", hint="send another") from error

    def _text(self, messages: Sequence[Message]) -> str:
        """The prompt as text, with one placeholder for each picture."""
        chat = list[dict[str, Any]]()
        for message in messages:
            parts = list[dict[str, str]]()
            for number, _ in message.numbered:
                parts += [{"type": "text", "text": f"Picture {number}: "}, {"type": "image"}]
            words = self._inert(message)
            content = [*parts, {"type": "text", "text": words}] if self._processor else words
            chat.append({"role": message.role, "content": content})
        return str(
            self.tokenizer.apply_chat_template(chat, chat_template=self._template, add_generation_prompt=True, tokenize=False)
        )

    def _inert(self, message: Message) -> str:
        """The text with every control token broken up by an invisible space, so that it is read as text."""
        # what the model itself has said keeps the marks of its thoughts and calls, which its template looks for
        pattern = self._typed if message.role == "user" else self._control
        return pattern.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", valid_text(message.text))

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)


def _processor(source: str, config: Any, tokenizer: Any, common: Mapping[str, Any]) -> Any:
    """A model's processor for pictures and text alone: its part for clips needs torchvision, which many a torch has no build of."""
    stored, _ = ProcessorMixin.get_processor_dict(source, **common)
    family: Any = getattr(transformers, str(stored.get("processor_class")), None)
    if family is None and type(config) in PROCESSOR_MAPPING:
        family = PROCESSOR_MAPPING[type(config)]
    if not (isinstance(family, type) and issubclass(family, ProcessorMixin)):
        raise WeightsCorruptError(f"{source} has no processor that is known", hint="save the model's processor with it")

    class PicturesOnly(family):  # type: ignore[misc]
        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
            return None if argument is None else super().check_argument_for_proper_class(argument_name, argument)

    try:
        loaders: Any = AutoImageProcessor
        image_processor = loaders.from_pretrained(source, backend="pil", **common)
    except (ValueError, ImportError) as error:
        if "torchvision" not in str(error):
            raise
        raise ConfigError(
            f"pictures for {type(config).__name__.removesuffix('Config')} can be prepared by torchvision only",
            hint="install the torchvision that was built for your torch, or use another model",
        ) from error
    parts = {"image_processor": image_processor, "tokenizer": tokenizer}
    processors: Any = PicturesOnly
    return processors.from_args_and_dict([parts.get(name) for name in processors.get_attributes()], stored)


def _not_too_thin(picture: PIL.Image.Image) -> PIL.Image.Image:
    """The picture, stretched where one side is nothing beside the other."""
    width_px, height_px = picture.size
    size = (max(width_px, height_px // _THINNEST), max(height_px, width_px // _THINNEST))
    return picture if size == picture.size else picture.resize(size)


def _control_marks(tokenizer: Any, processor: Any) -> frozenset[str]:
    """Whatever the tokenizer drops from replies, and the placeholders of pictures."""
    marks = {value for value in vars(processor).values() if isinstance(value, str)} if processor else set()
    return frozenset(token.content for token in _added(tokenizer) if token.special or token.content in marks)


def _added_marks(tokenizer: Any) -> frozenset[str]:
    """Other marks that are one token each, such as <tool_call>; words and blanks that were added are read as text anyway."""
    return frozenset(token.content for token in _added(tokenizer) if token.content.startswith(("<", "[", "|")))


def _added(tokenizer: Any) -> list[Any]:
    return [token for token in tokenizer.added_tokens_decoder.values() if token.content.strip()]


def _pattern(marks: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(mark) for mark in sorted(marks, key=len, reverse=True)) or r"(?!)")
