"""Pictures as visual tokens: a look and a connector in a row."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from assistant.errors import NotFoundError, StorageError
from assistant.lately import Lately
from assistant.types import Image, VisualTokens
from assistant.vision.connector import Connector
from assistant.vision.connectors.co_attention import CoAttention
from assistant.vision.connectors.gated_cross_attention import GatedCrossAttention
from assistant.vision.encoder import Features
from assistant.vision.token_parts import parts_of

_REMEMBERED = 64
"""At most some 100 kB each."""
_NO_TOKENS_ND = np.zeros((0, 0), np.float32)


class PictureProjector:
    """Makes pictures into tokens for one language model; from any thread, one picture at a time."""

    def __init__(self, look: Callable[[Image], Features], connector: Connector) -> None:
        """Take `EvidenceEncoder.features` to look, or the like."""
        self._look, self._connector = look, connector
        self._seen: Lately[VisualTokens] = Lately(_REMEMBERED)
        self._lock = threading.Lock()

    def __call__(self, image: Image, question: str = "") -> VisualTokens:
        """The tokens of one picture; one seen lately is not looked at again, one that is gone from the disk has none.

        Args:
            image: The picture.
            question: The words it is shown with; they matter to a connector with co-attention alone.
        """
        question = question if isinstance(self._connector, CoAttention) else ""
        name = image.sha256 + question
        with self._lock:
            try:
                return self._seen.get(name) or self._seen.put(name, self._project(image, question))
            except (NotFoundError, StorageError):  # a remembered one: its note stands alone, the conversation goes on
                return VisualTokens(_NO_TOKENS_ND)

    def _project(self, image: Image, question: str) -> VisualTokens:
        with torch.no_grad():
            features = replace(self._look(image), questions=(question,))
            (tokens_ND,) = self._connector(features)
        if isinstance(self._connector, GatedCrossAttention):
            return VisualTokens(_NO_TOKENS_ND, look=self._connector.look_at(tokens_ND))
        return VisualTokens(tokens_ND.cpu().numpy(), parts_of(self._connector, features, len(tokens_ND)), question)
