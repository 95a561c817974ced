"""Picture experts over one look: what they report is evidence, and what the encoder made of the picture becomes visual tokens.

Each expert reports only what it measured, and stays silent below its threshold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from assistant.errors import AssistantError, VisionError
from assistant.lately import Lately
from assistant.types import Evidence, Image, Label, Sight
from assistant.vision.colour import main_colours
from assistant.vision.encoder import FeatureEncoder, Features
from assistant.vision.region_finder import Found, RegionFinder
from assistant.vision.text_reader import TextReader
from assistant.worker import Worker

T = TypeVar("T")

_LABELS = 3
_LABEL_CONFIDENCE = 0.3
"""On 291 photos (2026-11) the first name above it was right 93 times in 100 with lite0, 94 with lite2."""
_RUNNER_UP_CONFIDENCE = 0.1
_TEXT_LINES = 40
_TEXT_CONFIDENCE = 0.8
"""Below it a detector sees letters in cups and tiles."""
_REMEMBERED = 32


class EvidenceEncoder:
    """An encoder, a region finder, a text reader and colours. Their work is done in threads of their own."""

    def __init__(
        self, encoder: FeatureEncoder, finder: RegionFinder | None = None, reader: TextReader | None = None, *, threads: int = 1
    ) -> None:
        """Put the experts together.

        Args:
            encoder: That names what it sees.
            finder: None leaves out what is where.
            reader: None leaves text unread; it is by far the slowest expert.
            threads: With more than one the reader works beside the others.
        """
        self.encoder = encoder
        self._finder, self._reader = finder, reader
        self._worker = Worker("vision")
        self._reading = Worker("reading") if threads > 1 and reader else self._worker
        self._seen: Lately[tuple[Features, Found]] = Lately(_REMEMBERED)
        self._reported: Lately[Evidence] = Lately(_REMEMBERED)

    async def encode(self, image: Image) -> Sight:
        """See `VisionEncoder.encode`; a picture seen lately is not looked at again."""
        evidence = self._reported.get(image.sha256)
        if evidence is None:
            ((features, found), colours), text_lines = await asyncio.gather(
                self._worker.run(lambda: _translated(lambda: (self._look(image), main_colours(image.pixels_HWC)))),
                self._reading.run(lambda: _translated(lambda: self._read(image))),
            )
            evidence = Evidence(
                width_px=image.width_px,
                height_px=image.height_px,
                labels=labels_of(self.encoder.names, features.logits_BK[0]),
                text_lines=text_lines,
                colours=colours,
                regions=found.regions,
                glimpses=found.glimpses,
                faces=found.faces,
            )
            self._reported.put(image.sha256, evidence)
        return Sight(evidence)

    def features(self, image: Image) -> Features:
        """What encoder and finder made of one picture; one seen lately is not looked at again. For a thread that may wait.

        Raises:
            VisionError: A model failed.
        """
        features, _ = self._worker.wait(lambda: _translated(lambda: self._look(image)))
        return features

    async def close(self) -> None:
        """See `VisionEncoder.close`."""
        await self._worker.close()
        await self._reading.close()

    # ── in the workers' threads ──

    def _look(self, image: Image) -> tuple[Features, Found]:
        seen = self._seen.get(image.sha256)
        if seen is None:
            torch.set_num_threads(1)  # several wait busily, in the way of the reader and the language model
            pictures = [image.pixels_HWC]
            found = Found((), ()) if self._finder is None else self._finder.find(pictures)[0]
            features = self.encoder.encode(pictures)
            seen = self._seen.put(image.sha256, (replace(features, regions=(found.regions,)), found))
        return seen

    def _read(self, image: Image) -> tuple[str, ...]:
        if self._reader is None:
            return ()
        lines = self._reader.read(image.pixels_HWC, at_most=_TEXT_LINES, at_least=_TEXT_CONFIDENCE)
        return tuple(line.name for line in lines)


def labels_of(names: Sequence[str], logits_K: Tensor) -> tuple[Label, ...]:
    """The likeliest names, the best first; none where the best is not likely enough to be reported.

    Classes that share a name (sunglasses, missile) count as one.
    """
    shares: dict[str, float] = {}
    best_K, classes_K = logits_K.softmax(dim=0).topk(min(2 * _LABELS, len(names)))
    for share, k in zip(best_K.tolist(), classes_K.tolist(), strict=True):
        shares[names[k]] = shares.get(names[k], 0.0) + share
    labels = [Label(name, share) for name, share in sorted(shares.items(), key=lambda item: -item[1])[:_LABELS]]
    if not labels or labels[0].confidence < _LABEL_CONFIDENCE:
        return ()
    return tuple(label for label in labels if label.confidence >= _RUNNER_UP_CONFIDENCE)


def _translated(call: Callable[[], T]) -> T:
    try:
        return call()
    except AssistantError:
        raise
    except Exception as error:  # onnxruntime, OpenCV and torch raise classes of their own
        raise VisionError(f"looking at the picture failed: {type(error).__name__}", hint="try another picture") from error
