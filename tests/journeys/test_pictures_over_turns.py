"""Pictures stay in a conversation: what a model says of them does not depend on what it has kept of earlier turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import pytest
from torch import nn

import assistant
from assistant.dialogue.compose import Manner
from assistant.dialogue.manager import DialogueManager, DialogueOptions
from assistant.language.embedded import EmbeddedModel
from assistant.memory.store import SqlMemory
from assistant.testing import ScriptedRecognizer, ScriptedSynthesizer
from assistant.types import Event, GenerationOptions, Image, Message, Turn, TurnCompleted, Usage, VisualTokens
from assistant.vision.connector_kinds import FUSIONS, build_connector
from assistant.vision.encoder import FeatureEncoder
from assistant.vision.encoder_efficientnet import EfficientNetEncoder
from assistant.vision.experts import EvidenceEncoder
from assistant.vision.image import decode_image
from assistant.vision.projector import PictureProjector
from tests.language.tiny_models import save_tiny_chat_model
from tests.vision.tiny_vision import TinyEncoder, noise

DATA = Path(assistant.__file__).parent.parent / "data"


class Desk:
    """A dialogue over a language model of one's choice and one pair of eyes; models made of one desk share their tokens."""

    def __init__(self, folder: Path, source: Path, encoder: FeatureEncoder, *, max_tokens: int, kind: str = "anchored") -> None:
        self._source, self._folder = source, folder
        self.experts = EvidenceEncoder(encoder)
        self._kind, self._projector = kind, cast("PictureProjector | None", None)
        self._options = DialogueOptions(
            preamble=(Message("system", "Be brief."),),
            manner=Manner(FUSIONS[kind][-1]),
            generation=GenerationOptions(max_tokens=max_tokens),
        )

    def model(self) -> EmbeddedModel:
        """A model that has read nothing."""

        def look(image: Image, question: str) -> VisualTokens:
            if self._projector is None:
                connector = build_connector(self._kind, self.experts.encoder, made.words(""))
                assert isinstance(connector, nn.Module)
                for name, parameter in connector.named_parameters():
                    if name.endswith("gate"):
                        nn.init.constant_(parameter, 0.5)
                self._projector = PictureProjector(self.experts.features, connector)
            return self._projector(image, question)

        made = EmbeddedModel(self._source, name="model", context_tokens=512, threads=1, full_precision=True, visual_tokens=look)
        return made

    async def answers(self, turns: Sequence[Turn], name: str, *, forgetful: bool) -> list[tuple[str, Usage]]:
        """What is said in each turn; one who is forgetful has read nothing before."""
        memory, said = SqlMemory(self._folder / name), list[tuple[str, Usage]]()
        model = self.model()
        for turn in turns:
            if forgetful and said:
                await model.close()
                model = self.model()
            manager = DialogueManager(
                recognizer=ScriptedRecognizer(),
                vision=self.experts,
                language_model=model,
                synthesizer=ScriptedSynthesizer(),
                memory=memory,
                options=self._options,
                spoken=lambda text, language: text,
                identify_language=lambda text: "en",
            )

            async def send(event: Event) -> None:
                if isinstance(event, TurnCompleted):
                    said.append((event.reply.text, event.reply.usage))

            await manager.respond(turn, send)
        await model.close()
        await memory.close()
        return said


async def assert_the_cache_changes_nothing(desk: Desk, first: Image, second: Image) -> None:
    turns = [
        Turn("s", "1", "What is this?", images=(first,)),
        Turn("s", "2", "And this?", images=(second, first)),
        Turn("s", "3", "Is the second one larger than the first?"),
        Turn("s", "4", "Why?"),
    ]
    cached = await desk.answers(turns, "cached", forgetful=False)
    fresh = await desk.answers(turns, "fresh", forgetful=True)
    assert [text for text, _ in cached] == [text for text, _ in fresh]
    assert [usage.prompt_tokens for _, usage in cached] == [usage.prompt_tokens for _, usage in fresh]
    assert [usage.cached_tokens for _, usage in fresh[2:]] == [0, 0]  # the others were read ahead while the picture was seen
    for (_, before), (_, after) in zip(cached, cached[1:], strict=False):
        assert after.cached_tokens >= before.prompt_tokens
    await desk.experts.close()


@pytest.mark.parametrize("kind", ["anchored", "gated_cross_attention", "co_attention"])
async def test_two_pictures_over_four_turns_with_and_without_the_cache(tmp_path: Path, kind: str) -> None:
    desk = Desk(tmp_path, save_tiny_chat_model(tmp_path / "model"), TinyEncoder(), max_tokens=6, kind=kind)
    await assert_the_cache_changes_nothing(desk, Image(noise(20, 30), "a" * 64), Image(noise(40, 30), "b" * 64))


@pytest.mark.slow
async def test_a_real_model_says_the_same_of_two_photos_with_and_without_the_cache(
    tmp_path: Path, weights_dir: Callable[[str], Path]
) -> None:
    encoder = EfficientNetEncoder(weights_dir("efficientnet-lite2") / "model.pth", sha256="")
    desk = Desk(tmp_path, weights_dir("smollm2-135m-instruct") / "model.gguf", encoder, max_tokens=12)
    photo, receipt = (
        decode_image(DATA / name, max_bytes=2**20, max_pixels=10**6, max_side_px=1000) for name in ("photo.jpg", "receipt.png")
    )
    await assert_the_cache_changes_nothing(desk, photo, receipt)
