"""`assistant doctor` says what is missing; `assistant config` shows the settings in force."""

from __future__ import annotations

import importlib.util
import json
import platform
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import click

from assistant.cli.models import needed_models, optional_models
from assistant.cli.terminal import json_option, print_json, profile_option, settings_for
from assistant.config import Settings
from assistant.engines import weight_store
from assistant.errors import WeightsError

_EXTRAS = (
    ("whisper", "openai-whisper", "assistant[openai-whisper]: another recognizer"),
    ("TTS", "coqui-tts", "Coqui voices, in process"),
    ("piper", "piper-tts", "assistant[piper]: more voices, GPL-3.0"),
    ("langchain_openai", "langchain-openai", "remote models of OpenAI-compatible servers"),
)
_FREE_BYTES = 512 * 2**20


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report. `missing` needs mending; `note` is for information."""

    check: str
    status: Literal["ok", "missing", "note"]
    detail: str
    mend: str = ""


@click.command()
@json_option
@profile_option
def doctor(as_json: bool, profile: str | None) -> None:
    """Say what works on this machine, what is missing, and how to mend it. Exits 1 when something needed is missing."""
    findings = list(examine(settings_for(profile)))
    for finding in findings:
        if as_json:
            print_json(asdict(finding))
        else:
            mark = {"ok": "ok     ", "missing": "MISSING", "note": "note   "}[finding.status]
            click.echo(f"{mark} {finding.check}: {finding.detail}" + (f"\n        -> {finding.mend}" if finding.mend else ""))
    if any(finding.status == "missing" for finding in findings):
        sys.exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """The findings for these settings."""
    yield Finding("system", "ok", f"Python {platform.python_version()}, {platform.machine()}, {_threads()} cores")
    yield Finding("processor", "ok", _processor())
    for package in ("torch", "transformers", "faster-whisper", "onnxruntime", "langchain"):
        try:
            yield Finding(package, "ok", version(package))
        except PackageNotFoundError:
            yield Finding(package, "missing", "not installed", f"pip install {package}")
    store = weight_store(settings)
    yield _language_model(settings)
    needed = needed_models(settings, store)
    for name in dict.fromkeys((*needed, *optional_models(settings, store))):
        try:
            store.folder(name)
            yield Finding(f"weights {name}", "ok", f"{store.model(name).size_bytes / 1e6:.0f} MB in {store.root}")
        except WeightsError as error:
            command = f"assistant models pull {name}"
            yield Finding(f"weights {name}", "missing" if name in needed else "note", f"{error}", command)
    yield from _folders(settings)
    yield Finding("sqlite", "ok", sqlite3.sqlite_version)
    npm = shutil.which("npm")
    yield Finding("npm", "ok" if npm else "note", npm or "not on the PATH", "" if npm else "only Kokoro's voices need it")
    for module, package, what in _EXTRAS:
        here = importlib.util.find_spec(module) is not None
        yield Finding(f"extra {package}", "ok" if here else "note", what if here else f"not installed ({what})")


def _language_model(settings: Settings) -> Finding:
    engine, model = settings.language_model.engine, settings.language_model.model
    check = f"language_model.model ({engine})"
    if engine == "embedded":
        known = (
            model in weight_store(settings).catalogue
            or Path(model).expanduser().is_absolute()
            and Path(model).expanduser().exists()
        )
        what = "the name of a model (assistant models list) or the absolute path of a .gguf file"
    elif engine == "transformers":
        known = Path(model).expanduser().is_dir() if model else False
        if not known and re.fullmatch(r"[\w.-]+/[\w.-]+", model):
            return Finding(check, "note", f"{model} is no folder here; it is fetched from the hub when it is first used")
        what = "the path of a local folder"
    elif engine == "langchain":
        known, what = bool(model), "PROVIDER:MODEL"
    else:
        return Finding(check, "note", "an engine of your own")
    if known:
        return Finding(check, "ok", model)
    return Finding(check, "missing", f"{model!r} is not {what}", f"set ASSISTANT_LANGUAGE_MODEL__MODEL to {what}")


def _folders(settings: Settings) -> Iterator[Finding]:
    for name, folder in (("data_dir", settings.data_dir), ("cache_dir", settings.cache_dir)):
        existing = next(place for place in (folder, *folder.parents) if place.exists())
        free_bytes = shutil.disk_usage(existing).free
        if free_bytes < _FREE_BYTES:
            yield Finding(name, "missing", f"{folder} has {free_bytes / 1e6:.0f} MB free", "free some space")
        else:
            yield Finding(name, "ok", f"{folder}, {free_bytes / 1e9:.0f} GB free")


def _processor() -> str:
    flags = Path("/proc/cpuinfo")
    words = set(flags.read_text().split()) if flags.is_file() else set()
    fast = [name for name in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if name in words]
    return f"{', '.join(fast) or 'no vector extensions known'}" + ("" if "avx512_bf16" in words else "; slower fp32 path")


def _threads() -> int:
    import os

    return os.cpu_count() or 1


@click.group(invoke_without_command=True)
@json_option
@profile_option
@click.pass_context
def config(context: click.Context, as_json: bool, profile: str | None) -> None:
    """Show the settings in force."""
    if context.invoked_subcommand is not None:
        return
    settings = settings_for(profile)
    values = settings.model_dump(mode="json")
    click.echo(json.dumps(values, ensure_ascii=False, indent=None if as_json else 2))
