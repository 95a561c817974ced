"""Pictures as visual tokens: a look and a connector in a row."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import torch

from assistant.errors import NotFoundError, StorageError
from assistant.lately import Lately
from assistant.types import Image, VisualTokens
from assistant.vision.connector import Connector
from assistant.vision.encoder import Features
from assistant.vision.token_parts import parts_of

_REMEMBERED = 64
"""At most some 100 kB each."""


class PictureProjector:
    """Makes pictures into tokens for one language model; from any thread, one picture at a time."""

    def __init__(self, look: Callable[[Image], Features], connector: Connector) -> None:
        """Take `EvidenceEncoder.features` to look, or the like."""
        self._look, self._connector = look, connector
        self._seen: Lately[VisualTokens] = Lately(_REMEMBERED)
        self._lock = threading.Lock()

    def __call__(self, image: Image) -> VisualTokens:
        """The tokens of one picture; one seen lately is not looked at again, one that is gone from the disk has none."""
        with self._lock:
            try:
                return self._seen.get(image.sha256) or self._seen.put(image.sha256, self._project(image))
            except (NotFoundError, StorageError):  # a remembered one: its note stands alone, the conversation goes on
                return VisualTokens(np.zeros((0, 0), np.float32))

    def _project(self, image: Image) -> VisualTokens:
        with torch.no_grad():
            features = self._look(image)
            (tokens_ND,) = self._connector(features)
        return VisualTokens(tokens_ND.cpu().numpy(), parts_of(self._connector, features, len(tokens_ND)))
