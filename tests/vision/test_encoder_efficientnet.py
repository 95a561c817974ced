from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import assistant
from assistant.vision.efficientnet import EfficientNetLite, fitted, load_weights, normalised
from assistant.vision.encoder_efficientnet import EfficientNetEncoder
from assistant.vision.image import decode_image
from tests.vision.test_efficientnet import random_checkpoint

PHOTO = Path(assistant.__file__).parent.parent / "data" / "photo.jpg"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def random_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lite0") / "model.pth"
    torch.save(random_checkpoint(), path)
    return path


@pytest.fixture(scope="module")
def encoder(random_path: Path) -> EfficientNetEncoder:
    return EfficientNetEncoder(random_path, sha256="0" * 64)


def noise(height_px: int, width_px: int) -> np.ndarray:
    return np.random.default_rng(height_px).integers(0, 256, (height_px, width_px, 3), dtype=np.uint8)


def test_every_level_has_the_shape_it_announces(encoder: EfficientNetEncoder) -> None:
    assert encoder.levels == {
        "rgb": (3, 28, 28),
        "stride8": (40, 28, 28),
        "stride16": (112, 14, 14),
        "stride32": (320, 7, 7),
        "head": (1280, 7, 7),
    }
    features = encoder.encode([noise(40, 90), noise(64, 64)])
    assert {name: tuple(grid.shape[1:]) for name, grid in features.levels.items()} == encoder.levels
    assert features.pooled_BV.shape == (2, encoder.pooled_width)
    assert features.logits_BK.shape == (2, len(encoder.names))
    assert all(grid.dtype == torch.float32 for grid in (*features.levels.values(), features.pooled_BV, features.logits_BK))
    torch.testing.assert_close(features.logits_BK.exp().sum(dim=1), torch.ones(2))


def test_pictures_are_seen_alike_alone_and_together(encoder: EfficientNetEncoder) -> None:
    pictures = [noise(40, 90), noise(64, 64), noise(90, 31)]
    together = encoder.encode(pictures)
    for i, picture in enumerate(pictures):
        alone = encoder.encode([picture])
        torch.testing.assert_close(alone.pooled_BV[0], together.pooled_BV[i], rtol=0.02, atol=0.02)  # bfloat16
        torch.testing.assert_close(alone.levels["stride8"][0], together.levels["stride8"][i], rtol=0.05, atol=0.05)


def test_colours_keep_their_place_whatever_the_shape_of_the_picture(encoder: EfficientNetEncoder) -> None:
    picture = np.zeros((60, 200, 3), np.uint8)
    picture[:, 150:] = (255, 127, 0)
    colours_3HW = encoder.encode([picture]).levels["rgb"][0]
    assert colours_3HW[:, :, 22:].mean(dim=(1, 2)).tolist() == pytest.approx([1.0, 0.0, -127 / 128], abs=0.02)
    assert colours_3HW[:, :, :20].mean(dim=(1, 2)).tolist() == pytest.approx([-127 / 128] * 3, abs=0.02)


def test_features_may_train_what_comes_after(encoder: EfficientNetEncoder) -> None:
    pooled_BV = encoder.encode([noise(50, 50)]).pooled_BV
    weight_V = torch.zeros(encoder.pooled_width, requires_grad=True)
    (gradient_V,) = torch.autograd.grad((pooled_BV @ weight_V).sum(), weight_V)
    assert gradient_V.shape == weight_V.shape


def test_a_square_picture_is_named_as_by_the_classifier(encoder: EfficientNetEncoder, random_path: Path) -> None:
    picture = noise(224, 224)
    network = EfficientNetLite(load_weights(random_path))
    expected_K = network(normalised(fitted(picture, network.resolution_px)))[0].softmax(dim=0)
    torch.testing.assert_close(encoder.encode([picture]).logits_BK[0].exp(), expected_K, rtol=0.2, atol=0.003)  # bfloat16


@pytest.mark.weights
@pytest.mark.parametrize("model", ["efficientnet-lite2", pytest.param("efficientnet-lite0", marks=pytest.mark.slow)])
def test_a_cup_of_espresso_is_named(weights_dir: Callable[[str], Path], model: str) -> None:
    encoder = EfficientNetEncoder(weights_dir(model) / "model.pth", sha256="")
    image = decode_image(PHOTO, max_bytes=2**20, max_pixels=10**6, max_side_px=1000)
    posterior_K = encoder.encode([image.pixels_HWC]).logits_BK[0].exp()
    assert encoder.names[int(posterior_K.argmax())] == "espresso"
    assert posterior_K.max() > 0.7
