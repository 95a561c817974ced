"""One vector for a picture, to find others like it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from assistant.types import Image
from assistant.vision.encoder import FeatureEncoder
from assistant.worker import Worker


class PictureVectors:
    """An encoder's pooled features, computed in a thread of its own. Alike pictures have vectors of a cosine near 1."""

    def __init__(self, encoder: FeatureEncoder) -> None:
        self._encoder = encoder
        self._worker = Worker("picture-vectors")

    @property
    def model(self) -> str:
        """The sha256 of the weights: vectors of other weights cannot be compared."""
        return self._encoder.sha256

    async def vector_V(self, image: Image) -> NDArray[np.float32]:
        """Of one picture."""

        def look() -> NDArray[np.float32]:
            vector_V: NDArray[np.float32] = self._encoder.encode([image.pixels_HWC]).pooled_BV[0].cpu().numpy()
            return vector_V

        return await self._worker.run(look)

    async def close(self) -> None:
        """Free the encoder."""
        await self._worker.close()
