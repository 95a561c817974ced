"""The nouns of the program, immutable.

Array names end in their dimensions:
`B` batch, `T` samples, `F` frames, `H W C` picture, `P` patches, `V` vision width, `N` visual tokens,
`L` text tokens, `D` model width.
Quantities end in their unit: `_s _ms _hz _px _tokens _bytes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

Role: TypeAlias = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True, eq=False)
class Audio:
    """Decoded mono sound: float32 samples in [-1, 1]."""

    samples_T: NDArray[np.float32]
    sample_rate_hz: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples_T) / self.sample_rate_hz

    def to_wav(self) -> bytes:
        """The sound as a 16-bit PCM WAV file."""
        import io
        import wave

        pcm_T = (np.clip(self.samples_T, -1.0, 1.0) * 32767.0).round().astype("<i2")
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as writer:
            writer.setnchannels(1)
            writer.setsampwidth(2)
            writer.setframerate(self.sample_rate_hz)
            writer.writeframes(pcm_T.tobytes())
        return buffer.getvalue()

    def save(self, path: str | Path) -> Path:
        """Write a 16-bit PCM WAV file and return its path."""
        target = Path(path)
        target.write_bytes(self.to_wav())
        return target

    @staticmethod
    def join(parts: tuple[Audio, ...] | list[Audio]) -> Audio:
        """Parts of one sample rate, one after the other.

        Raises:
            ValueError: There is no part, or the sample rates differ.
        """
        if not parts or len({part.sample_rate_hz for part in parts}) != 1:
            raise ValueError("join needs parts of one sample rate")
        return Audio(np.concatenate([part.samples_T for part in parts]), parts[0].sample_rate_hz)


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A decoded picture, upright RGB, 8 bits a channel, as the models see it."""

    pixels_HWC: NDArray[np.uint8]
    sha256: str
    """Of the bytes the picture came from: its name in the store."""

    @property
    def width_px(self) -> int:
        """Width in pixels."""
        return int(self.pixels_HWC.shape[1])

    @property
    def height_px(self) -> int:
        """Height in pixels."""
        return int(self.pixels_HWC.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class Video:
    """Frames sampled from a clip, and its sound track if it has one."""

    frames: tuple[Image, ...]
    times_s: tuple[float, ...]
    duration_s: float
    sound: Audio | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time within a recording."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a recording and the words heard in it."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard. `text` is empty when nobody spoke."""

    text: str
    language: str
    """ISO 639-1 code, or "" when nothing was heard."""
    duration_s: float
    segments: tuple[Segment, ...] = ()
    language_probability: float = 1.0
    average_log_probability: float = 0.0


@dataclass(frozen=True, slots=True)
class Voice:
    """How something was said, measured without its pauses."""

    loudness_db: float
    """0 is as loud as a recording can be."""
    pitch_hz: float
    """Median."""
    syllables_per_s: float


@dataclass(frozen=True, slots=True)
class Label:
    """A class name and the classifier's confidence in [0, 1]."""

    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Region:
    """An object that an expert found. The box is in shares of the picture's sides, from its top left corner."""

    name: str
    confidence: float
    left: float
    top: float
    right: float
    bottom: float
    colour: str = ""
    """Of nearly all of it; "" where it has several or nobody looked."""

    @property
    def title(self) -> str:
        """Its colour, if known, and its name."""
        return f"{self.colour} {self.name}" if self.colour else self.name

    @property
    def place(self) -> str:
        """Where its middle lies, as `place_of` says it."""
        return place_of((self.left + self.right) / 2, (self.top + self.bottom) / 2)


def placed(regions: Iterable[Region]) -> str:
    """How many there are of each title, and where."""
    places: dict[str, list[str]] = {}
    for region in regions:
        places.setdefault(region.title, []).append(region.place)
    return ", ".join(f"{title} x{len(where)} ({', '.join(where)})" for title, where in places.items())


PLACE_BOUNDS = (0.38, 0.62)
"""Of a picture's side: what lies before the first is at the left or the top, behind the second at the right or the bottom."""


def place_of(across: float, down: float) -> str:
    """A point of a picture in words, from its shares of the width and the height: "top left", "bottom", "center"."""
    first, last = PLACE_BOUNDS
    row = "top" if down < first else "bottom" if down > last else ""
    column = "left" if across < first else "right" if across > last else ""
    return f"{row} {column}".strip() or "center"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the experts report about one picture; nothing here was made up by a language model."""

    width_px: int
    height_px: int
    labels: tuple[Label, ...] = ()
    text_lines: tuple[str, ...] = ()
    colours: tuple[Label, ...] = ()
    """Colour names with the share of the picture they cover."""
    regions: tuple[Region, ...] = ()
    """Objects that were found, the surest first."""
    glimpses: tuple[Label, ...] = ()
    """Names that experts thought possible but not likely enough to report unasked."""
    faces: tuple[Region, ...] = ()
    """Faces of people, those that smile called so; empty where nobody looked for them."""
    read_later: bool = False
    """The reply did not wait for `text_lines`: they are read behind it and told with the next turn."""

    def line(self) -> str:
        """One honest line of text for a language model that cannot see."""
        parts = [f"{self.width_px}x{self.height_px} pixels"]
        if self.labels:
            parts.append("looks like " + ", ".join(f"{x.name} ({x.confidence:.0%})" for x in self.labels))
        else:
            parts.append("no object recognised with confidence")
        if self.regions:
            parts.append(f"objects {placed(self.regions)}")
        if self.faces:
            parts.append(f"faces seen: {placed(self.faces)}")
        if self.colours:
            parts.append("main colours " + ", ".join(x.name for x in self.colours))
        if self.text_lines:
            parts.append("text read: " + " / ".join(f'"{line}"' for line in self.text_lines))
        elif not self.read_later:
            parts.append("no text found")
        return "; ".join(parts)


Box: TypeAlias = tuple[float, float, float, float]
"""Left, top, right and bottom, in shares of the picture's sides from its top left corner."""


@dataclass(frozen=True, slots=True)
class VisualPart:
    """Neighbouring visual tokens that stand for one thing."""

    name: str
    tokens: int
    boxes: tuple[Box, ...] = ()
    """Where in the picture; empty where they are about all of it."""


Look: TypeAlias = Callable[[int, NDArray[np.float32]], None]
"""Lets positions of a prompt look at a picture: given the number of a decoder's layer and the stream (L, D) on its way into that
layer, changes the stream in place."""


@dataclass(frozen=True, slots=True, eq=False)
class VisualTokens:
    """A picture for a language model: embeddings of its width, spliced into its prompt, or something to look at."""

    tokens_ND: NDArray[np.float32]
    parts: tuple[VisualPart, ...] = ()
    """What they stand for, in order; empty where nobody knows."""
    question: str = ""
    """The words they were made for; "" where they are the same whatever is asked."""
    look: Look | None = None
    """By which the positions after the picture see it; None where they read its tokens."""


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """A picture after perception."""

    evidence: Evidence


Fusion: TypeAlias = Literal["early", "late", "hybrid", "cross_attention", "co_attention"]
"""How pictures reach the language model: as visual tokens and the text read in them; as a note with all evidence; as visual
tokens and a short note; looked at between its layers, with the text read in them; as visual tokens made for the question, with
the text read in them."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt."""

    role: Role
    text: str
    images: tuple[Image, ...] = ()
    """For models that see; the others are given the evidence in `text`."""
    numbers: tuple[int, ...] = ()
    """Of `images`, counted through the conversation; () counts them from 1."""

    @property
    def numbered(self) -> tuple[tuple[int, Image], ...]:
        """Each picture with its number."""
        return tuple(zip(self.numbers or range(1, len(self.images) + 1), self.images, strict=True))


@dataclass(frozen=True, slots=True)
class Prompt:
    """All that the language model is given."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """How to generate. Temperature 0 is greedy; at most one of `choices` and `json_schema` constrains the output."""

    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    json_schema: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class PromptPosition:
    """What stands at one position of a prompt."""

    message: int
    """The number of its message from 0; the opening of the reply comes after the last."""
    text: bytes = b""
    """Of a token; empty for control tokens and visual tokens."""
    picture: int | None = None
    """For a visual token, the number of its picture among those of the message, from 0."""
    part: VisualPart | None = None
    """For a visual token, what it stands for, if that is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """Where a language model looked while it wrote a reply of R tokens after a prompt of T positions."""

    positions: tuple[PromptPosition, ...]
    reply: tuple[str, ...]
    """Its tokens as text."""
    weights_RT: NDArray[np.float32]
    """The mean over heads and layers; a row's sum is what is left beside the reply itself."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens a reply cost. `cached_tokens` of the prompt were already in the KV cache and not computed again."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


FinishReason: TypeAlias = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Generated:
    """A piece of generated text; the last piece of a reply carries `finish_reason` and `usage`."""

    text: str
    finish_reason: FinishReason | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing the user said, showed or typed."""

    session_id: str
    turn_id: str
    text: str = ""
    audio: Audio | None = None
    images: tuple[Image, ...] = ()
    speak: bool = False
    language: str | None = None
    """ISO 639-1 code the user asks for; None follows what they speak or write."""
    video: Video | None = None
    """A clip that is shown; its frames are the last of `images`, and what is said in it is not the user's question."""
    voice: Voice | None = None
    """Of `audio`, once it was measured."""


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn as remembered."""

    turn_id: str
    session_id: str
    index: int
    """How many turns of the session were begun before it."""
    created_at: str
    """ISO 8601, UTC."""
    user_text: str
    reply_text: str
    language: str
    evidence: tuple[Evidence, ...] = ()
    image_sha256s: tuple[str, ...] = ()
    """Of the pictures that `evidence` tells of, in the same order."""
    status: Literal["open", "done", "interrupted", "failed"] = "done"
    pictures_before: int = 0
    """How many pictures the turns of the session before it showed."""
    voice: Voice | None = None
    """None where nobody spoke, or too little."""


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """A session in a list."""

    session_id: str
    created_at: str
    updated_at: str
    turns: int
    title: str


@dataclass(frozen=True, slots=True)
class RememberedPicture:
    """A picture that was shown in a turn."""

    sha256: str
    session_id: str
    turn_id: str
    created_at: str
    """Of the turn; ISO 8601, UTC."""
    path: str = ""
    """Where the stored picture lies."""
    said: str = ""
    """The user's words and the reply."""
    evidence: Evidence | None = None
    """None where it was shown and could not be looked at."""


@dataclass(frozen=True, slots=True)
class FoundPicture:
    """A picture that a search found."""

    picture: RememberedPicture
    score: float
    """From 0; what it means depends on the search."""
    because: tuple[str, ...] = ()
    """What speaks for it, as the experts put it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one turn."""

    session_id: str
    turn_id: str
    text: str
    transcript: str
    language: str
    evidence: tuple[Evidence, ...] = ()
    usage: Usage = Usage()
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    """`transcribe`, `first_token`, `first_audio`, `total`: milliseconds since the turn arrived; only the stages that ran."""
    audio: Audio | None = None
    status: Literal["done", "interrupted"] = "done"


@dataclass(frozen=True, slots=True)
class Source:
    """A stretch of the prompt that a reply may rest on."""

    kind: Literal["picture", "note", "question", "earlier", "instructions"]
    name: str
    share: float
    """Of the attention, mean over the words of the reply. All shares sum to 1; the first position of the prompt is left out."""
    picture: int | None = None
    """The number of the turn's picture it is about, from 0."""
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the reply of a turn rests on, as attention hints and as leaving things out shows."""

    turn: StoredTurn
    model: str
    log_probability: float
    """Of the reply after its prompt, natural logarithm."""
    sources: tuple[Source, ...] = ()
    """Empty where the model does not tell where it looks."""
    words: tuple[tuple[str, tuple[float, ...]], ...] = ()
    """Each word of the reply with the share of each source."""
    occlusion: tuple[tuple[tuple[float, ...], ...], ...] = ()
    """For each picture, rows of cells: how much the log-probability falls when the cell is grey."""
    without: Mapping[str, float] = field(default_factory=dict)
    """How much it falls without the "notes", the "visual tokens", or both ("pictures")."""


# ── events: all that a turn may emit ──


@dataclass(frozen=True, slots=True)
class TranscriptReady:
    """The recording was heard."""

    transcript: Transcript


@dataclass(frozen=True, slots=True)
class ImageSeen:
    """A picture was looked at; `index` counts the turn's pictures from 0."""

    index: int
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the reply, as written."""

    text: str


@dataclass(frozen=True, slots=True)
class AudioDelta:
    """The next piece of the reply, spoken; `text` is the clause it speaks, as written."""

    audio: Audio
    text: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A stage failed and the turn goes on without it."""

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class TurnCompleted:
    """The turn is answered and remembered."""

    reply: Reply


Event: TypeAlias = TranscriptReady | ImageSeen | TextDelta | AudioDelta | Problem | TurnCompleted
