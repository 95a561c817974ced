"""Pictures as visual tokens: an encoder, a detector if there is one, and a connector, in a row."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

import torch

from assistant.types import Image, VisualTokens
from assistant.vision.connector import Connector
from assistant.vision.detector import REGION_CONFIDENCE, ObjectDetector
from assistant.vision.encoder import FeatureEncoder

_REMEMBERED = 32


class PictureProjector:
    """Looks at pictures for one language model. Not for two threads at a time."""

    def __init__(self, encoder: FeatureEncoder, connector: Connector, detector: ObjectDetector | None = None) -> None:
        self._encoder, self._connector, self._detector = encoder, connector, detector
        self._seen: OrderedDict[str, VisualTokens] = OrderedDict()

    def __call__(self, image: Image) -> VisualTokens:
        """The tokens of one picture; one seen lately is not looked at again."""
        if image.sha256 not in self._seen:
            (self._seen[image.sha256],) = self.project([image])
        self._seen.move_to_end(image.sha256)
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return self._seen[image.sha256]

    def project(self, images: Sequence[Image]) -> tuple[VisualTokens, ...]:
        """The tokens of each picture; all are looked at together."""
        pictures = [image.pixels_HWC for image in images]
        features = self._encoder.encode(pictures)
        if self._detector is not None:
            features = replace(features, regions=self._detector.detect(pictures, at_least=REGION_CONFIDENCE))
        with torch.no_grad():
            return tuple(VisualTokens(tokens_ND.cpu().numpy()) for tokens_ND in self._connector(features))
