"""Descriptions of photos against those that people wrote, and against the objects that are in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

from assistant.evaluation.answers import stems
from assistant.evaluation.caption_scores import bleu_4, cider_d, rouge_l, words
from assistant.evaluation.pictures import Pictures
from assistant.evaluation.rows import read_rows, text_field
from assistant.evaluation.score import Figure, Score, ratio
from assistant.evaluation.task import ALL, Question, Said, Sampling, Task

QUESTION = "Describe the picture in one sentence."
_MAX_TOKENS = 40

_SPOKEN: Mapping[str, tuple[str, ...]] = {
    "person": ("man", "men", "woman", "women", "boy", "girl", "child", "children", "people", "baby", "lady", "guy", "kid",
               "skier", "surfer", "rider", "player", "skateboarder", "snowboarder"),
    "bicycle": ("bike",), "motorcycle": ("motorbike",), "airplane": ("plane", "aeroplane", "jet"), "couch": ("sofa",),
    "tv": ("television", "monitor", "screen"), "cell phone": ("phone", "mobile"), "potted plant": ("plant",),
    "dining table": ("table",), "refrigerator": ("fridge",), "donut": ("doughnut",), "hair drier": ("hair dryer",),
    "cow": ("cattle",), "dog": ("puppy",), "cat": ("kitten",), "sheep": ("lamb",), "mouse": ("computer mouse",),
    "sports ball": ("ball",), "remote": ("remote control",), "cup": ("mug",), "toilet": ("commode",),
}  # fmt: skip
"""What else COCO's kinds are called in captions."""


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """What is known of a photo."""

    captions: tuple[str, ...]
    there: frozenset[str]
    """Kinds of COCO of which there is any."""
    counted: frozenset[str]
    """Those of them that a description may be expected to name: not crowds."""


def captions(folder: Path, sampling: Sampling = ALL) -> Task:
    """Every photo of a `manifest.jsonl` is to be described; rows hold `path`, `captions`, `objects` with numbers, and `crowd`.

    Raises:
        FileMissingError: There is no manifest, or a photo is not there.
        ConfigError: A line of it is no such photo.
        InputError: A photo cannot be used.
    """

    def row(fields: dict[str, Any]) -> tuple[str, Described]:
        texts, objects, crowd = fields.get("captions"), fields.get("objects", {}), fields.get("crowd", [])
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise ValueError(f"captions must be a list of texts, got {texts!r}")
        if unknown := {*objects, *crowd} - _kinds():
            raise ValueError(f"objects and crowd must be of COCO's kinds, got {', '.join(sorted(unknown))}")
        return text_field(fields, "path"), Described(tuple(texts), frozenset({*objects, *crowd}), frozenset(objects))

    rows = sampling.of(read_rows(folder / "manifest.jsonl", row, fields="path, captions, objects, crowd"))
    pictures = Pictures(folder)
    questions = [Question(path, pictures[path], QUESTION, known.captions) for path, known in rows]
    return Task("captions", questions, partial(_judge, [known for _, known in rows]), _MAX_TOKENS)


def objects_named(text: str) -> frozenset[str]:
    """COCO's kinds that a text speaks of, by their names or by what else they are called; a hot dog is no dog."""
    named, left = set(), f" {stems(text)} "
    for name, kind in _names():
        if name in left:
            named.add(kind)
            left = left.replace(name, " ")
    return frozenset(named)


@cache
def _kinds() -> frozenset[str]:
    lines = resources.files("assistant.vision").joinpath("coco_labels.txt").read_text("utf-8").split("\n")
    return frozenset(line for line in lines if line and line != "background")


@cache
def _names() -> tuple[tuple[str, str], ...]:
    """Each name between spaces, the longest first, and its kind."""
    called = {f" {stems(name)} ": kind for kind in _kinds() for name in (kind, *_SPOKEN.get(kind, ()))}
    return tuple(sorted(called.items(), key=lambda item: (-len(item[0]), item[0])))


def _judge(known: Sequence[Described], said: Sequence[Said]) -> Score:
    made = [words(x.reply) for x in said]
    references = [[words(text) for text in photo.captions] for photo in known]
    named = [objects_named(x.reply) for x in said]
    true = sum(len(objects & photo.there) for objects, photo in zip(named, known, strict=True))
    found = sum(len(objects & photo.counted) for objects, photo in zip(named, known, strict=True))
    return Score(
        (
            Figure("CIDEr-D", cider_d(made, references)),
            Figure("BLEU-4", bleu_4(made, references)),
            Figure("ROUGE-L", rouge_l(made, references)),
            ratio("objects true", true, sum(map(len, named))),
            ratio("objects found", found, sum(len(photo.counted) for photo in known)),
        )
    )
