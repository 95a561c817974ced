"""A training of a few thousand numbers: a tiny model, samples with tiny features, and batches of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assistant.language.chat_template import ChatTemplate
from assistant.language.checkpoint import Checkpoint, open_checkpoint
from assistant.language.tokenizer import Tokenizer, open_tokenizer
from assistant.language.word_vectors import CheckpointWords
from assistant.training.batches import Batches
from assistant.training.mixture import Mixture
from assistant.training.prepared import PreparedSamples
from assistant.training.recipe import Recipe
from assistant.training.sample import Exchange, Sample, Split
from assistant.training.shapes import Shapes
from assistant.vision.connector import Connector
from assistant.vision.connector_kinds import build_connector
from assistant.vision.region_finder import RegionFinder
from tests.language.tiny_models import save_tiny_chat_model
from tests.vision.tiny_vision import TinyEncoder


class NoThings:
    """A detector that finds nothing."""

    names = ("dog",)

    def detect(self, pictures: object, *, at_least: float) -> tuple[tuple[()], ...]:
        """See `ObjectDetector.detect`."""
        assert isinstance(pictures, list)
        return tuple(() for _ in pictures)


class TinyFinder(RegionFinder):
    """Finds drawn shapes alone."""

    def __init__(self, fingerprint: str = "drawn-1") -> None:
        super().__init__(NoThings())
        self.fingerprint = fingerprint


class Greetings:
    """Conversations without a picture."""

    name, licence = "replay", ""

    def sample(self, number: int, *, seed: int, split: Split) -> Sample:
        """See `Source.sample`."""
        return Sample("replay", "", f"replay/{number}", (Exchange("Hello?", "Hello.", "chat"),))


class Animals:
    """Features that tell animals apart, without pictures."""

    name, licence = "virtual", ""

    def sample(self, number: int, *, seed: int, split: Split) -> Sample:
        """See `Source.sample`."""
        features = TinyEncoder().encode([np.full((8, 8, 3), number % 256, np.uint8)])
        virtual = type(features)(features.logits_BK, features.pooled_BV, {})
        return Sample("virtual", "", f"virtual/{number}", (Exchange("What is this?", "A cat.", "name"),), features=virtual)


def tiny_samples(root: Path, split: Split = "train") -> PreparedSamples:
    """Drawn shapes."""
    mixture = Mixture([Shapes(("en",))], seed=0, split=split)
    return PreparedSamples(root, mixture, {"split": split}, TinyEncoder(), TinyFinder())


class TinyModel:
    """A checkpoint and what belongs to it."""

    def __init__(self, folder: Path) -> None:
        self.checkpoint: Checkpoint = open_checkpoint(save_tiny_chat_model(folder))
        self.tokenizer: Tokenizer = open_tokenizer(self.checkpoint.tokenizer())
        self.template = ChatTemplate(self.tokenizer)
        self.words = CheckpointWords(self.checkpoint, self.tokenizer, sha256="f" * 64)

    def connector(self, kind: str = "anchored") -> Connector:
        """One with a grid."""
        return build_connector(kind, TinyEncoder(), self.words, {"grid_side": 2, "hidden_width": 8})

    def batches(self, samples: PreparedSamples, recipe: Recipe) -> Batches:
        """Of shapes, animals and greetings."""
        return Batches(
            self.template,
            samples,
            recipe,
            names=TinyEncoder().names,
            system_prompt="system-small",
            examples=None,
            virtual=Animals(),
            replay=Greetings(),
        )
