"""A model that replies from what it is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assistant.types import Generated, GenerationOptions, Prompt


class ScriptedSight:
    """Replies what `reply` makes of the sha256 of the picture ("" without one) and the question."""

    def __init__(self, reply: Callable[[str, str], str]) -> None:
        self._reply = reply

    async def generate_batch(self, prompts: Sequence[Prompt], options: GenerationOptions) -> tuple[Generated, ...]:
        """See `SeeingModel`."""
        return tuple(Generated(self._say(prompt)) for prompt in prompts)

    async def score(self, prompt: Prompt, candidates: Sequence[str]) -> tuple[float, ...]:
        """0 for what it would reply, -1 for everything else."""
        return tuple(0.0 if self._say(prompt).startswith(candidate) else -1.0 for candidate in candidates)

    def _say(self, prompt: Prompt) -> str:
        message = prompt.messages[-1]
        return self._reply(message.images[0].sha256 if message.images else "", message.text)
