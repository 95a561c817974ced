"""What is measured: a language model and picture experts, asked exactly as the dialogue asks them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import date
from functools import cache

from assistant.app import dialogue_options
from assistant.config import Settings
from assistant.dialogue.compose import Percept, compose
from assistant.dialogue.manager import DialogueOptions
from assistant.engines import LazyVision, build_language_model, builder
from assistant.errors import ContextLengthError
from assistant.evaluation.conditions import Condition
from assistant.language.embedded import EmbeddedModel
from assistant.protocols import LanguageModel, VisionEncoder
from assistant.types import Evidence, Fusion, Generated, GenerationOptions, Image, Prompt


class Subject:
    """Engines, and how they are spoken to."""

    def __init__(self, model: LanguageModel, vision: VisionEncoder, options: Callable[[Fusion], DialogueOptions]) -> None:
        """Put them together; they are the caller's to close.

        Args:
            model: Thinks.
            vision: Sees.
            options: What the dialogue is told when pictures reach the model in some way.
        """
        self.model = model
        self._vision = vision
        self._options = options
        self._evidence: dict[str, Evidence] = {}
        self.default: Fusion = "hybrid" if model.sees else "late"
        """How pictures reach the model by itself."""

    def takes(self, condition: Condition) -> bool:
        """Whether the model can be asked so: one that is blind takes no tokens."""
        return self.model.sees or condition.fusion in (None, "late")

    async def prompt(self, text: str, image: Image | None, fusion: Fusion | None = None, *, max_tokens: int = 0) -> Prompt | None:
        """The prompt of a session's first turn; None where it does not fit into the model's context.

        Args:
            text: The user's words.
            image: The picture shown with them.
            fusion: How it reaches the model; None as it does by itself.
            max_tokens: Of the reply, for which there must be room.
        """
        options = self._options(fusion or self.default)
        evidence = () if image is None else (await self.evidence(image),)
        percept = Percept(text, evidence, () if image is None else (image,))
        try:
            return await asyncio.to_thread(
                compose,
                options.preamble,
                (),
                percept,
                manner=options.manner,
                budget_tokens=self.model.context_tokens - max_tokens,
                count_tokens=self.model.count_tokens,
            )
        except ContextLengthError:
            return None

    async def evidence(self, image: Image) -> Evidence:
        """What the experts report; each picture is looked at once."""
        if image.sha256 not in self._evidence:
            self._evidence[image.sha256] = (await self._vision.encode(image)).evidence
        return self._evidence[image.sha256]

    async def replies(self, prompts: Sequence[Prompt | None], *, max_tokens: int) -> list[str]:
        """What is said to each; "" where there is no prompt."""
        options = replace(self._options(self.default).generation, max_tokens=max_tokens)
        different = list(dict.fromkeys(prompt for prompt in prompts if prompt is not None))  # blind, many are alike
        said = dict(zip(different, await _generated(self.model, different, options), strict=True))
        return ["" if prompt is None else said[prompt].strip() for prompt in prompts]

    async def margin(self, prompt: Prompt | None, candidates: tuple[str, str]) -> float:
        """By how much the first is the likelier reply."""
        if prompt is None:
            return 0.0
        first, second = await self.model.score(prompt, candidates)
        return first - second


async def _generated(model: LanguageModel, prompts: Sequence[Prompt], options: GenerationOptions) -> list[str]:
    if isinstance(model, EmbeddedModel):
        return [reply.text for reply in await model.generate_batch(prompts, options)]
    return [await _whole(model, prompt, options) for prompt in prompts]


async def _whole(model: LanguageModel, prompt: Prompt, options: GenerationOptions) -> str:
    async with aclosing(model.generate(prompt, options)) as pieces:
        parts: list[Generated] = [piece async for piece in pieces]
    return "".join(piece.text for piece in parts)


@asynccontextmanager
async def open_subject(settings: Settings) -> AsyncGenerator[Subject, None]:
    """The engines that the settings name, closed afterwards.

    Raises:
        ConfigError: No such engine.
        WeightsError: A model is missing or cannot be used.
    """
    vision = LazyVision(lambda: builder("vision", settings.vision.engine)(settings))
    model = build_language_model(settings, vision)

    @cache
    def options(fusion: Fusion) -> DialogueOptions:
        changed = settings.model_copy(update={"vision": settings.vision.model_copy(update={"fusion": fusion})})
        return dialogue_options(changed, model, date.today())

    try:
        yield Subject(model, vision, options)
    finally:
        await model.close()  # first: its thread may be looking at a picture
        await vision.close()
