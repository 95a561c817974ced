"""A language model that replies from what it is shown."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from assistant.config import Settings
from assistant.types import Generated, GenerationOptions, Message, Prompt, Usage


@dataclass
class ScriptedSight:
    """Replies what `reply` makes of the sha256 of the picture ("" without one) and the words of the last message."""

    reply: Callable[[str, str], str]
    sees: bool = True
    name: str = "scripted"
    context_tokens: int = 4096
    prompts: list[Prompt] = field(default_factory=list)

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """A token a word and three a picture."""
        return sum(len(message.text.split()) + 3 * len(message.images) for message in messages)

    async def generate(self, prompt: Prompt, options: GenerationOptions) -> AsyncGenerator[Generated, None]:
        """All at once."""
        self.prompts.append(prompt)
        yield Generated(self._say(prompt), "stop", Usage())

    async def score(self, prompt: Prompt, candidates: Sequence[str]) -> tuple[float, ...]:
        """0 for what it would reply, -1 for everything else."""
        return tuple(0.0 if self._say(prompt).startswith(candidate) else -1.0 for candidate in candidates)

    async def close(self) -> None:
        """Nothing to free."""

    def _say(self, prompt: Prompt) -> str:
        message = prompt.messages[-1]
        return self.reply(message.images[0].sha256 if message.images else "", message.text)


def language_model(settings: Settings) -> ScriptedSight:
    """For `language_model.engine = "tests.evaluation.scripted_sight:language_model"`: one that sees by its connector."""
    return ScriptedSight(lambda shown, words: "A cat.", sees=settings.vision.connector != "none")
