"""Vision-language models of the transformers library through the whole program: small random weights, the path of real ones."""

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from assistant import Assistant
from assistant.config import load_settings
from assistant.testing import SCRIPTED
from tests.language.tiny_seeing_models import KINDS, save_tiny_seeing_model

CONTEXT_TOKENS = 4096


def png(seed: int, width_px: int, height_px: int) -> bytes:
    """A few rectangles of plain colour."""
    colours = np.random.default_rng(seed).integers(0, 256, (2, 3, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(colours).resize((width_px, height_px), PIL.Image.Resampling.NEAREST).save(buffer, "PNG")
    return buffer.getvalue()


FIRST, SECOND = png(1, 96, 48), png(2, 48, 80)


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_seeing_model(request.param, tmp_path_factory.mktemp(request.param), context_tokens=CONTEXT_TOKENS)


def test_follow_ups_about_two_pictures_say_the_same_cached_and_uncached(folder: Path, tmp_path: Path) -> None:
    model = {"engine": "transformers", "model": str(folder), "device": "cpu", "max_tokens": 10, "examples": None}
    turns: tuple[tuple[str, list[bytes]], ...] = (("What is this?", [FIRST]), ("And this?", [SECOND]), ("Which is wider?", []))
    with Assistant(load_settings({**SCRIPTED, "data_dir": tmp_path, "language_model": model})) as assistant:
        cached = [assistant.ask(text, images=images, session="cached", speak=False) for text, images in turns]
        uncached = []
        for text, images in turns:
            assistant.ask("Something else.", speak=False)  # there is one cache, and now it holds another conversation
            uncached.append(assistant.ask(text, images=images, session="uncached", speak=False))
    assert [reply.text for reply in uncached] == [reply.text for reply in cached]
    if "qwen3" not in folder.name:  # its deeper layers are given the pictures too, so that it must read them again
        for before, after, again in zip(cached, cached[1:], uncached[1:], strict=False):
            assert after.usage.cached_tokens >= before.usage.prompt_tokens
            assert again.usage.cached_tokens < cached[0].usage.prompt_tokens
