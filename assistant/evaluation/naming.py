"""Whether replies about photos name what is on them, beside the encoder's own names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from assistant.evaluation.pictures import Pictures
from assistant.evaluation.rows import read_rows, text_field
from assistant.evaluation.score import Figure, Score, calibration_error, reliability, share
from assistant.evaluation.task import ALL, Question, Said, Sampling, Task
from assistant.training.data_store import DataStore
from assistant.training.nouns import WordNet
from assistant.types import Image
from assistant.vision.encoder import FeatureEncoder

QUESTION = "What is in the picture?"
CONFIDENT = 0.5
_MAX_TOKENS = 24


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo, the class it is of, and what the encoder makes of it."""

    path: str
    image: Image
    label: int
    posterior_K: Tensor
    """How likely each class is."""

    @property
    def named(self) -> int:
        """The encoder's own first class."""
        return int(self.posterior_K.argmax())


def class_names(encoder: FeatureEncoder, store: DataStore | None) -> list[tuple[str, ...]]:
    """What each of the encoder's classes is called, its own name first and WordNet's others for it after.

    Args:
        encoder: That names ImageNet's classes.
        store: With the data `nouns` and `classes`; without it or them there are no other names.
    """
    if store is None or not store.has("nouns", "classes"):
        return [(name,) for name in encoder.names]
    nouns = WordNet(store.folder("nouns"))
    synsets = (store.folder("classes") / "imagenet_synsets.txt").read_text(encoding="ascii").split()
    return [tuple(dict.fromkeys((name, *nouns.names(int(x[1:]))))) for name, x in zip(encoder.names, synsets, strict=True)]


def load_photos(folder: Path, encoder: FeatureEncoder, sampling: Sampling = ALL) -> list[Photo]:
    """The photos of a `manifest.jsonl`, whose rows hold `path` and `class_index`, a number among the encoder's names.

    Raises:
        FileMissingError: There is no manifest, or a photo is not there.
        ConfigError: A line of it is not a photo.
        InputError: A photo cannot be used.
    """
    classes, pictures = len(encoder.names), Pictures(folder)

    def row(fields: dict[str, Any]) -> tuple[str, int]:
        index = fields.get("class_index")
        if not isinstance(index, int) or not 0 <= index < classes:
            raise ValueError(f"class_index must be a number from 0 to {classes - 1}, got {index!r}")
        return text_field(fields, "path"), index

    rows = sampling.of(read_rows(folder / "manifest.jsonl", row, fields="path, class_index"))
    photos = []
    for path, label in rows:
        with torch.no_grad():
            posterior_K = encoder.encode([pictures[path].pixels_HWC]).logits_BK[0].softmax(dim=0)
        photos.append(Photo(path, pictures[path], label, posterior_K))
    return photos


def naming(photos: Sequence[Photo], names: Sequence[tuple[str, ...]]) -> Task:
    """Every photo is asked the same.

    Args:
        photos: What to ask about.
        names: What each class may be called.
    """
    questions = [Question(photo.path, photo.image, QUESTION, names[photo.label]) for photo in photos]
    return Task("naming", questions, partial(_judge, photos, names), _MAX_TOKENS)


def says(reply: str, name: str) -> bool:
    """Whether a reply has the name in it, to the letter but for case, punctuation and a plural's end."""
    return _says_any(_padded(reply), [_plain(name)])


def _judge(photos: Sequence[Photo], names: Sequence[tuple[str, ...]], said: Sequence[Said]) -> Score:
    called = [[_plain(name) for name in those] for those in names]
    right, relaxed, agrees, sure = [], [], [], []
    confidences, confident_right = [], []
    for photo, answer in zip(photos, said, strict=True):
        reply = _padded(answer.reply)
        right.append(_says_any(reply, called[photo.label]))
        relaxed.append(right[-1] or _says_any(reply, [name.split()[-1] for name in called[photo.label]]))
        agrees.append(_says_any(reply, called[photo.named]))
        if photo.posterior_K[photo.named] > CONFIDENT:
            sure.append(agrees[-1])
        meant = [k for k, those in enumerate(called) if _says_any(reply, those)]
        if meant:
            confidences.append(float(photo.posterior_K[meant].max()))
            confident_right.append(right[-1])
    bins = reliability(confidences, confident_right)
    return Score(
        (
            share("right", right),
            share("relaxed", relaxed),
            share("agrees", agrees),
            share("where sure", sure),
            share("encoder right", [photo.named == photo.label for photo in photos]),
            Figure("ECE", calibration_error(bins)),
        ),
        bins=bins,
    )


def _says_any(padded_reply: str, plain_names: Sequence[str]) -> bool:
    return any(f" {name}{ending} " in padded_reply for name in plain_names for ending in ("", "s", "es"))


def _padded(reply: str) -> str:
    return f" {_plain(reply)} "


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split())
