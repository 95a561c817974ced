"""The plug-in points, on one page. A class that has these methods is an engine; none needs to inherit.

Engines are built by `app.py` from settings, own at most one worker thread each (`worker.py`), and translate their
library's exceptions into `errors.py` at their edge. Cancelling any call returns promptly and leaves the engine usable.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from assistant.types import (
    Attention,
    Audio,
    Event,
    Evidence,
    Generated,
    GenerationOptions,
    Image,
    Message,
    Prompt,
    SessionSummary,
    Sight,
    Span,
    StoredTurn,
    Transcript,
    Turn,
    Usage,
)

Send: TypeAlias = Callable[[Event], Awaitable[None]]
Responder: TypeAlias = Callable[[Turn, Send], Awaitable[None]]


class VoiceActivityDetector(Protocol):
    """Tells speech from other sound."""

    async def speech_spans(self, audio: Audio) -> tuple[Span, ...]:
        """Where somebody speaks, in order, not overlapping; empty when nobody does."""
        ...

    async def close(self) -> None:
        """Free the model."""
        ...


class SpeechRecognizer(Protocol):
    """Turns speech into text."""

    async def transcribe(self, audio: Audio, *, language: str | None = None) -> Transcript:
        """The words of a recording at any sample rate.

        Silence and noise give an empty `text`.

        Raises:
            RecognitionError: The model failed.
            UnsupportedLanguageError: `language` is not one the model knows.
        """
        ...

    async def close(self) -> None:
        """Free the model."""
        ...


class VisionEncoder(Protocol):
    """Looks at pictures."""

    async def encode(self, image: Image) -> Sight:
        """What is in the picture.

        Raises:
            VisionError: The model failed.
        """
        ...

    async def close(self) -> None:
        """Free the model."""
        ...


@runtime_checkable
class GlancingEncoder(VisionEncoder, Protocol):
    """A vision encoder that need not read a picture's text before it says what it sees."""

    async def glance(self, image: Image) -> Sight:
        """What is in the picture, `read_later` where only `encode` reads its text. It depends on the picture alone.

        Raises:
            VisionError: The model failed.
        """
        ...


class LanguageModel(Protocol):
    """Continues a conversation."""

    @property
    def name(self) -> str:
        """The model, as users know it."""
        ...

    @property
    def context_tokens(self) -> int:
        """How many tokens prompt and reply may have together."""
        ...

    @property
    def sees(self) -> bool:
        """Whether it is shown the pictures of a prompt; another knows of them only what the text says."""
        ...

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """How many tokens the messages take as a prompt, template and pictures included."""
        ...

    def generate(self, prompt: Prompt, options: GenerationOptions) -> AsyncGenerator[Generated, None]:
        """The reply, piece by piece; the last piece carries `finish_reason` and `usage`.

        Closing the generator (`aclose`) stops the model.

        Raises:
            ContextLengthError: The prompt does not fit.
            GenerationError: The model failed.
        """
        ...

    async def score(self, prompt: Prompt, candidates: Sequence[str]) -> tuple[float, ...]:
        """The log-probability of each candidate as the whole reply (natural logarithm, summed over its tokens)."""
        ...

    async def close(self) -> None:
        """Free the model."""
        ...


@runtime_checkable
class ReadAheadModel(LanguageModel, Protocol):
    """A language model that can read the beginning of a prompt before the rest of it is known."""

    async def warm_up(self, messages: Sequence[Message]) -> None:
        """Read the messages, so that prompts that begin with them start sooner.

        Raises:
            ContextLengthError: They do not fit.
            GenerationError: The model failed.
        """
        ...


@runtime_checkable
class AttentiveModel(LanguageModel, Protocol):
    """A language model that can tell where it looks. Most cannot."""

    async def attention(self, prompt: Prompt, reply: str) -> Attention:
        """Where it looks while it writes this reply.

        Raises:
            ContextLengthError: The prompt and the reply do not fit.
            GenerationError: The model failed.
        """
        ...


class SpeechSynthesizer(Protocol):
    """Speaks."""

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639-1 codes it can speak."""
        ...

    @property
    def voices(self) -> tuple[str, ...]:
        """Voice names it can speak with, the default first."""
        ...

    def synthesize(self, text: str, *, language: str, voice: str | None = None, speed: float = 1.0) -> AsyncGenerator[Audio, None]:
        """The text aloud, in pieces of one sample rate, the first as early as the model allows.

        `text` is already normalised for speech. Text without a speakable character yields nothing.

        Raises:
            SynthesisError: The model failed.
            UnsupportedLanguageError: The language is not in `languages`.
        """
        ...

    async def close(self) -> None:
        """Free the model."""
        ...


class MemoryStore(Protocol):
    """Remembers sessions. What `begin` and `finish` acknowledged survives a crash of the process."""

    async def begin(self, turn: Turn, *, user_text: str, language: str, evidence: Sequence[Evidence]) -> None:
        """Write what the user said and showed, before anything of the reply is sent. The session is made if it is new."""
        ...

    async def finish(
        self,
        session_id: str,
        turn_id: str,
        *,
        reply_text: str,
        status: str,
        usage: Usage,
        timings_ms: dict[str, float],
        evidence: Sequence[Evidence] | None = None,
    ) -> None:
        """Write the reply; `status` is "done", "interrupted" or "failed". None leaves the evidence as it was begun with."""
        ...

    async def history(self, session_id: str, *, limit: int) -> tuple[StoredTurn, ...]:
        """The newest turns, oldest first; empty for a session that does not exist."""
        ...

    async def images(self, sha256s: Iterable[str]) -> Mapping[str, Image]:
        """Pictures of earlier turns by sha256, without those that are gone. Their pixels may be read when they are asked for."""
        ...

    async def sessions(self, *, limit: int) -> tuple[SessionSummary, ...]:
        """Sessions, the newest first."""
        ...

    async def delete(self, session_id: str) -> None:
        """Forget a session with its turns, and the attachments that no other session uses.

        Raises:
            NotFoundError: There is no such session.
        """
        ...

    async def close(self) -> None:
        """Release the database."""
        ...
