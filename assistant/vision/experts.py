"""A `VisionEncoder` of experts: each reports only what it measured, and stays silent below its threshold."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import torch

from assistant.errors import AssistantError, VisionError
from assistant.types import Evidence, Image, Sight
from assistant.vision.colour import main_colours
from assistant.vision.detector import REGION_CONFIDENCE, ObjectDetector
from assistant.vision.efficientnet import ImageNetClassifier
from assistant.vision.text_reader import TextReader
from assistant.worker import Worker

_LABELS = 3
_LABEL_CONFIDENCE = 0.3
"""On 291 photos (2026-11) the first name above it was right 93 times in 100 with lite0, 94 with lite2."""
_RUNNER_UP_CONFIDENCE = 0.1
_REGIONS = 12
_TEXT_LINES = 40
_TEXT_CONFIDENCE = 0.8
"""Below it a detector sees letters in cups and tiles."""
_REMEMBERED = 32


class EvidenceEncoder:
    """Classifier, detector, text reader and colours, one picture after the other in one thread."""

    def __init__(self, weights_path: Path, *, detector_path: Path | None = None, threads: int = 1, read_text: bool = True) -> None:
        """Load the experts.

        Args:
            weights_path: An EfficientNet-Lite checkpoint.
            detector_path: What `ObjectDetector` loads; None leaves it out.
            threads: Of the neural networks.
            read_text: Whether to look for text, by far the slowest expert.

        Raises:
            WeightsError: A model is missing or damaged.
        """
        self._classifier = ImageNetClassifier(weights_path)
        self._detector = None if detector_path is None else ObjectDetector(detector_path)
        self._reader = TextReader(threads=threads) if read_text else None
        self._threads = threads
        self._worker = Worker("vision")
        self._seen: OrderedDict[str, Sight] = OrderedDict()

    async def encode(self, image: Image) -> Sight:
        """See `VisionEncoder.encode`; a picture seen lately is not looked at again."""
        if image.sha256 in self._seen:
            self._seen.move_to_end(image.sha256)
            return self._seen[image.sha256]
        sight = await self._worker.run(lambda: self._look(image))
        self._seen[image.sha256] = sight
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return sight

    async def close(self) -> None:
        """See `VisionEncoder.close`."""
        await self._worker.close()
        self._seen.clear()

    def _look(self, image: Image) -> Sight:
        torch.set_num_threads(self._threads)
        pixels_HWC = image.pixels_HWC
        try:
            labels = self._classifier.labels(pixels_HWC, at_most=_LABELS, at_least=_RUNNER_UP_CONFIDENCE)
            found = self._detector.detect([pixels_HWC], at_least=REGION_CONFIDENCE)[0] if self._detector else ()
            lines = self._reader.read(pixels_HWC, at_most=_TEXT_LINES, at_least=_TEXT_CONFIDENCE) if self._reader else ()
            colours = main_colours(pixels_HWC)
        except AssistantError:
            raise
        except Exception as error:  # onnxruntime, OpenCV and torch raise classes of their own
            raise VisionError(f"looking at the picture failed: {type(error).__name__}", hint="try another picture") from error
        return Sight(
            Evidence(
                width_px=image.width_px,
                height_px=image.height_px,
                labels=labels if labels and labels[0].confidence >= _LABEL_CONFIDENCE else (),
                text_lines=tuple(line.name for line in lines),
                colours=colours,
                regions=found[:_REGIONS],
            )
        )
