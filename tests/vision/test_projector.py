from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from assistant.errors import AssistantError, NotFoundError, StorageError
from assistant.types import Image
from assistant.vision.connector_kinds import build_connector
from assistant.vision.encoder import Features
from assistant.vision.projector import PictureProjector
from tests.vision.tiny_vision import TinyEncoder, TinyWords, noise

ENCODER = TinyEncoder()


class Looker:
    """Counts its looks."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self, image: Image) -> Features:
        self.looks += 1
        return ENCODER.encode([image.pixels_HWC])


def test_a_picture_becomes_tokens_of_the_language_models_width() -> None:
    tokens = PictureProjector(Looker(), build_connector("mlp", ENCODER, TinyWords()))(Image(noise(9, 40), "a"))
    assert tokens.tokens_ND.dtype == np.float32
    assert tokens.tokens_ND.shape[1] == TinyWords.width


def test_a_picture_seen_before_costs_nothing_and_the_memory_of_it_is_bounded() -> None:
    look = Looker()
    projector = PictureProjector(look, build_connector("linear", ENCODER, TinyWords()))
    images = [Image(noise(9, 9), str(n)) for n in range(65)]
    first = projector(images[0])
    assert projector(images[0]) is first
    for image in images[1:]:
        projector(image)
    assert projector(images[0]) is not first
    assert look.looks == 66


def test_threads_that_ask_at_once_get_the_same_tokens_of_one_look() -> None:
    look = Looker()
    projector = PictureProjector(look, build_connector("linear", ENCODER, TinyWords()))
    image = Image(noise(9, 9), "a")
    with ThreadPoolExecutor(8) as pool:
        tokens = set(map(id, pool.map(projector, [image] * 32)))
    assert (len(tokens), look.looks) == (1, 1)


def test_tokens_made_for_a_question_are_kept_apart_and_the_picture_is_seen_by_whoever_asks() -> None:
    image = Image(noise(9, 9), "a")
    asked = PictureProjector(Looker(), build_connector("co_attention", ENCODER, TinyWords()))
    assert asked(image, "What is this?") is asked(image, "What is this?") is not asked(image, "Who is this?")
    assert asked(image, "Who is this?").question == "Who is this?"
    plain = PictureProjector(Looker(), build_connector("anchored", ENCODER, TinyWords()))
    assert plain(image, "What is this?") is plain(image, "Who is this?")
    assert plain(image, "Who is this?").question == ""


def test_a_connector_that_is_looked_at_puts_nothing_into_the_prompt() -> None:
    tokens = PictureProjector(Looker(), build_connector("gated_cross_attention", ENCODER, TinyWords()))(Image(noise(9, 9), "a"))
    assert len(tokens.tokens_ND) == 0
    assert tokens.look is not None


@pytest.mark.parametrize("error", [NotFoundError("gone"), StorageError("damaged")])
def test_a_picture_that_is_gone_from_the_disk_has_no_tokens_until_it_is_back(error: AssistantError) -> None:
    gone = [error]

    def look(image: Image) -> Features:
        if gone:
            raise gone.pop()
        return ENCODER.encode([image.pixels_HWC])

    projector = PictureProjector(look, build_connector("linear", ENCODER, TinyWords()))
    image = Image(noise(9, 9), "a")
    assert len(projector(image).tokens_ND) == 0
    assert len(projector(image).tokens_ND) > 0
