"""A conversational multimodal assistant that hears, sees, remembers and speaks, on your own machine.

The public names load on first use, so that `import assistant` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.app import AsyncAssistant as AsyncAssistant
    from assistant.assistant import Assistant as Assistant
    from assistant.config import Settings as Settings
    from assistant.config import load_settings as load_settings
    from assistant.errors import AssistantError as AssistantError
    from assistant.types import Audio as Audio
    from assistant.types import Reply as Reply

__version__ = "0.1.0"

_HOMES = {
    "Assistant": "assistant.assistant",
    "AsyncAssistant": "assistant.app",
    "Settings": "assistant.config",
    "load_settings": "assistant.config",
    "AssistantError": "assistant.errors",
    "Audio": "assistant.types",
    "Reply": "assistant.types",
}
__all__ = ["Assistant", "AssistantError", "AsyncAssistant", "Audio", "Reply", "Settings", "load_settings"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'assistant' has no attribute {name!r}")
