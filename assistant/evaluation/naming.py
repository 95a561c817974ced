"""Whether replies about photos name what is on them, beside the encoder's own names, a blind model and another photo."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.config import LimitSettings
from assistant.evaluation.conditions import CONDITIONS, Condition, SeeingModel, prompts_for
from assistant.evaluation.rows import read_rows, text_field
from assistant.types import GenerationOptions, Image
from assistant.vision.encoder import FeatureEncoder
from assistant.vision.image import decode_image

QUESTION = "What is in the picture?"
CONFIDENT = 0.5
_MAX_TOKENS = 24


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo, what it is called, and what the encoder calls it."""

    path: str
    image: Image
    label: str
    named: str
    confidence: float
    """Of the encoder, in `named`."""


@dataclass(frozen=True, slots=True)
class NamedReply:
    """What was said about one photo."""

    condition: Condition
    path: str
    label: str
    named: str
    confidence: float
    reply: str


@dataclass(frozen=True, slots=True)
class NamingScore:
    """One condition. All are shares."""

    condition: Condition
    agrees: float
    """Of the photos whose reply says the encoder's first name."""
    agrees_confident: float
    """The same, of those where the encoder is confident."""
    right: float
    """Of the photos whose reply says the label."""


@dataclass(frozen=True, slots=True)
class NamingResult:
    """All replies."""

    encoder_right: float
    """Share of the photos whose label is the encoder's first name: the most that can be asked of a model that sees by it."""
    scores: tuple[NamingScore, ...]
    replies: tuple[NamedReply, ...]

    def table(self, *, verbose: bool = False) -> str:
        """The shares, a line for each condition."""
        photos = len({reply.path for reply in self.replies})
        lines = [f"{photos} photos; the encoder's own first name is right for {self.encoder_right:.1%}"]
        lines.append(f"{'':10}{'says its name':>15}{'where confident':>17}{'says the label':>16}")
        lines += [f"{x.condition:10}{x.agrees:>15.1%}{x.agrees_confident:>17.1%}{x.right:>16.1%}" for x in self.scores]
        if verbose:
            wrong = (x for x in self.replies if x.condition == "picture" and not says(x.reply, x.label))
            lines += [f"WRONG {x.path}: {x.label} (seen as {x.named}, {x.confidence:.0%}) -> {x.reply!r}" for x in wrong]
        return "\n".join(lines)


def load_photos(data: Path, encoder: FeatureEncoder, *, every: int = 1) -> list[Photo]:
    """The photos of a `manifest.jsonl`, whose rows hold `path` and `class_index`, a number among the encoder's names.

    Raises:
        FileMissingError: There is no manifest, or a photo is not there.
        ConfigError: A line of it is not a photo.
        InputError: A photo cannot be used.
    """
    names, limits = encoder.names, LimitSettings()

    def row(fields: dict[str, Any]) -> tuple[str, str]:
        index = fields.get("class_index")
        if not isinstance(index, int) or not 0 <= index < len(names):
            raise ValueError(f"class_index must be a number from 0 to {len(names) - 1}, got {index!r}")
        return text_field(fields, "path"), names[index]

    photos = []
    for path, label in read_rows(data / "manifest.jsonl", row, fields="path, class_index")[::every]:
        image = decode_image(
            data / path, max_bytes=limits.image_bytes, max_pixels=limits.image_pixels, max_side_px=limits.image_side_px
        )
        posterior_K = encoder.encode([image.pixels_HWC]).logits_BK[0].softmax(dim=0)
        best = int(posterior_K.argmax())
        photos.append(Photo(path, image, label, names[best], float(posterior_K[best])))
    return photos


async def evaluate_naming(
    model: SeeingModel,
    photos: Sequence[Photo],
    *,
    question: str = QUESTION,
    conditions: Sequence[Condition] = CONDITIONS,
) -> NamingResult:
    """Ask the same question about every photo in each condition."""
    replies: list[NamedReply] = []
    for condition in conditions:
        prompts = prompts_for(condition, [photo.image for photo in photos], [question] * len(photos))
        generated = await model.generate_batch(prompts, GenerationOptions(max_tokens=_MAX_TOKENS))
        replies += [
            NamedReply(condition, photo.path, photo.label, photo.named, photo.confidence, reply.text.strip())
            for photo, reply in zip(photos, generated, strict=True)
        ]
    return NamingResult(
        encoder_right=_share([photo.named == photo.label for photo in photos]),
        scores=tuple(_score(condition, [x for x in replies if x.condition == condition]) for condition in conditions),
        replies=tuple(replies),
    )


def says(reply: str, name: str) -> bool:
    """Whether a reply has the name in it, to the letter but for case, punctuation and a plural's end."""
    words = re.escape(_plain(name))
    return re.search(rf"\b{words}(s|es)?\b", _plain(reply)) is not None


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split())


def _score(condition: Condition, replies: Sequence[NamedReply]) -> NamingScore:
    return NamingScore(
        condition,
        agrees=_share([says(x.reply, x.named) for x in replies]),
        agrees_confident=_share([says(x.reply, x.named) for x in replies if x.confidence >= CONFIDENT]),
        right=_share([says(x.reply, x.label) for x in replies]),
    )


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / max(1, len(flags))
