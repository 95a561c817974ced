import numpy as np

from assistant.types import Image
from assistant.vision.picture_vectors import PictureVectors
from tests.vision.tiny_vision import TinyEncoder, noise


async def test_a_picture_has_the_encoders_pooled_features_as_its_vector() -> None:
    encoder = TinyEncoder()
    vectors = PictureVectors(encoder)
    image = Image(noise(20, 30), "ab" * 32)
    vector_V = await vectors.vector_V(image)
    await vectors.close()
    assert vectors.model == encoder.sha256
    assert np.allclose(vector_V, encoder.encode([image.pixels_HWC]).pooled_BV[0].numpy())
