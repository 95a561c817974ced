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
from assistant.vision.writing import WritingProbe
from assistant.worker import Worker

T = TypeVar("T")

_LABELS = 3
_LABEL_CONFIDENCE = 0.3
_RUNNER_UP_CONFIDENCE = 0.1
_TEXT_LINES = 40
_TEXT_CONFIDENCE = 0.8
"""Below it a detector sees letters in cups and tiles."""
_REMEMBERED = 32


class EvidenceEncoder:
    """An encoder, a region finder, a text reader and colours. Their work is done in threads of their own."""

    def __init__(
        self,
        encoder: FeatureEncoder,
        finder: RegionFinder | None = None,
        reader: TextReader | None = None,
        *,
        writing: WritingProbe | None = None,
        threads: int = 1,
    ) -> None:
        """Put the experts together.

        Args:
            encoder: That names what it sees.
            finder: None leaves out what is where.
            reader: None leaves text unread; it is by far the slowest expert.
            writing: Tells which pictures are read before anything is said of them; None is all.
            threads: With more than one the encoder, the finder and the reader work side by side.
        """
        self.encoder = encoder
        self._finder, self._reader, self._writing = finder, reader, writing
        self._encoding = Worker("vision")
        self._finding, self._reading = (Worker("finding"), Worker("reading")) if threads > 1 else (self._encoding, self._encoding)
        self._encoded: Lately[Features] = Lately(_REMEMBERED)
        self._found: Lately[tuple[Found, tuple[Label, ...]]] = Lately(_REMEMBERED)
        self._lines: Lately[tuple[str, ...]] = Lately(_REMEMBERED)

    async def encode(self, image: Image) -> Sight:
        """See `VisionEncoder.encode`; a picture seen lately is not looked at again."""
        lines = self._reading.run(lambda: _translated(lambda: self._read(image)))
        (evidence, _), text_lines = await asyncio.gather(self._look(image), lines)
        return Sight(replace(evidence, text_lines=text_lines))

    async def glance(self, image: Image) -> Sight:
        """See `GlancingEncoder.glance`: a picture that evidently holds writing is read at once."""
        evidence, features = await self._look(image)
        if self._reader is None:
            return Sight(evidence)
        if self._writing is None or self._writing.sees(features):
            return await self.encode(image)
        return Sight(replace(evidence, read_later=True))

    def features(self, image: Image) -> Features:
        """What encoder and finder made of one picture; one seen lately is not looked at again. For a thread that may wait.

        Raises:
            VisionError: A model failed.
        """
        found, _ = self._finding.wait(lambda: _translated(lambda: self._find(image)))
        features = self._encoding.wait(lambda: _translated(lambda: self._encode(image)))
        return replace(features, regions=(found.regions,))

    async def close(self) -> None:
        """See `VisionEncoder.close`."""
        for worker in (self._encoding, self._finding, self._reading):
            await worker.close()

    async def _look(self, image: Image) -> tuple[Evidence, Features]:
        features, (found, colours) = await asyncio.gather(
            self._encoding.run(lambda: _translated(lambda: self._encode(image))),
            self._finding.run(lambda: _translated(lambda: self._find(image))),
        )
        evidence = Evidence(
            width_px=image.width_px,
            height_px=image.height_px,
            labels=labels_of(self.encoder.names, features.logits_BK[0]),
            colours=colours,
            regions=found.regions,
            glimpses=found.glimpses,
            faces=found.faces,
        )
        return evidence, features

    # ── in the workers' threads ──

    def _encode(self, image: Image) -> Features:
        features = self._encoded.get(image.sha256)
        if features is None:
            torch.set_num_threads(1)  # several wait busily, in the way of the others and of the language model
            features = self._encoded.put(image.sha256, self.encoder.encode([image.pixels_HWC]))
        return features

    def _find(self, image: Image) -> tuple[Found, tuple[Label, ...]]:
        seen = self._found.get(image.sha256)
        if seen is None:
            torch.set_num_threads(1)
            found = Found((), ()) if self._finder is None else self._finder.find([image.pixels_HWC])[0]
            seen = self._found.put(image.sha256, (found, main_colours(image.pixels_HWC)))
        return seen

    def _read(self, image: Image) -> tuple[str, ...]:
        lines = self._lines.get(image.sha256)
        if lines is None and self._reader is not None:
            read = self._reader.read(image.pixels_HWC, at_most=_TEXT_LINES, at_least=_TEXT_CONFIDENCE)
            lines = self._lines.put(image.sha256, tuple(line.name for line in read))
        return lines or ()


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
