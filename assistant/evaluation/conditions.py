"""Questions about pictures, asked with the picture, without it, and with another's: what is right blind was not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias, get_args

from assistant.types import Generated, GenerationOptions, Image, Message, Prompt

Condition: TypeAlias = Literal["picture", "blind", "shuffled"]
CONDITIONS: tuple[Condition, ...] = get_args(Condition)

SYSTEM = "You are a helpful assistant."


class SeeingModel(Protocol):
    """A language model that takes the pictures of its prompts, many at a time."""

    async def generate_batch(self, prompts: Sequence[Prompt], options: GenerationOptions) -> tuple[Generated, ...]:
        """Whole replies, in order."""
        ...

    async def score(self, prompt: Prompt, candidates: Sequence[str]) -> tuple[float, ...]:
        """The log-probability of each candidate as the whole reply."""
        ...


def prompts_for(condition: Condition, images: Sequence[Image], questions: Sequence[str], *, system: str = SYSTEM) -> list[Prompt]:
    """The prompts for pictures and the question about each.

    Shuffled, a question is asked of the next picture that is another one.
    """
    prompts = []
    for i, question in enumerate(questions):
        match condition:
            case "picture":
                shown: tuple[Image, ...] = (images[i],)
            case "blind":
                shown = ()
            case "shuffled":
                following = (*images[i + 1 :], *images[:i])
                shown = next(((image,) for image in following if image.sha256 != images[i].sha256), ())
        prompts.append(Prompt((Message("system", system), Message("user", question, shown))))
    return prompts
