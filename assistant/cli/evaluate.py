"""`assistant eval`: quality, measured, each figure beside a trivial baseline."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assistant.app import AsyncAssistant
from assistant.cli.evaluate_vision import connectors, fusion, vision
from assistant.cli.terminal import json_option, profile_option, settings_for
from assistant.config import Settings
from assistant.engines import build_synthesizer, builder
from assistant.protocols import SpeechRecognizer, SpeechSynthesizer, VisionEncoder

if TYPE_CHECKING:  # they import transformers, a second that the other commands need not wait for
    from assistant.evaluation.chat import ChatResult
    from assistant.evaluation.search import SearchResult
    from assistant.evaluation.speech import SpeechReport
    from assistant.evaluation.voice import VoiceResult


@click.group("eval")
def evaluate() -> None:
    """Measure quality, each figure beside a trivial baseline."""


for _command in (vision, fusion, connectors):
    evaluate.add_command(_command)


@evaluate.command()
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    help="Your own cases: a .jsonl, or a folder with a chat.jsonl [default: 60 shipped].",
)
@click.option("--verbose", is_flag=True, help="Print every wrong answer.")
@json_option
@profile_option
def chat(data: Path | None, verbose: bool, as_json: bool, profile: str | None) -> None:
    """Checkable prompts: from context, recall, arithmetic, language, not inventing."""
    from assistant.evaluation.chat import evaluate_chat, load_cases

    settings = settings_for(profile)
    cases = load_cases(data / "chat.jsonl" if data and data.is_dir() else data)

    async def run(folder: Path) -> ChatResult:
        async with AsyncAssistant(settings.model_copy(update={"data_dir": folder})) as assistant:
            return await evaluate_chat(assistant, cases)

    with tempfile.TemporaryDirectory(prefix="assistant-eval-") as folder:  # nobody's own conversations are touched
        result = asyncio.run(run(Path(folder)))
    click.echo(json.dumps(asdict(result), ensure_ascii=False) if as_json else result.table(verbose=verbose))


@evaluate.command()
@click.option(
    "--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="A folder with a manifest.jsonl."
)
@click.option("--model", "models", multiple=True, metavar="NAME", help="Whisper models [default: the profile's]; may be repeated.")
@click.option("--every", default=1, show_default=True, type=click.IntRange(1), help="Take every n-th recording.")
@click.option("--long-context", is_flag=True, help="Beside each model, the same one always encoding 30 s.")
@click.option(
    "--beside",
    multiple=True,
    type=click.Choice(["openai-whisper", "transformers-whisper"]),
    help="Other engines on the same weights.",
)
@json_option
@profile_option
def speech(
    data: Path,
    models: tuple[str, ...],
    every: int,
    long_context: bool,
    beside: tuple[str, ...],
    as_json: bool,
    profile: str | None,
) -> None:
    """Word error rate (characters for Chinese) on recordings, beside an empty transcript."""
    from assistant.evaluation.speech import evaluate_speech

    settings = settings_for(profile)
    changes: dict[str, dict[str, object]] = {}
    for model in models or (settings.recognizer.model,):
        changes[model] = {"model": model}
        if long_context:
            changes[f"{model} 30 s"] = {"model": model, "short_context": False}
        for engine in beside:
            changes[f"{model} {engine}"] = {"model": model, "engine": engine}

    async def run() -> SpeechReport:
        async with AsyncExitStack() as opened:
            recognizers = {name: await opened.enter_async_context(_recognizer(settings, **x)) for name, x in changes.items()}
            return await evaluate_speech(recognizers, data, every=every)

    report = asyncio.run(run())
    click.echo(report.to_json() if as_json else report.table())


@evaluate.command()
@click.option("--language", default="en", show_default=True, type=click.Choice(["en", "zh"]), help="Of the sentences.")
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with a sentences.jsonl: text, heard, language [default: the shipped sentences].",
)
@json_option
@profile_option
def voice(language: str, data: Path | None, as_json: bool, profile: str | None) -> None:
    """How well our own voice is understood when it is transcribed back, beside another sentence's words."""
    from assistant.evaluation.voice import evaluate_voice, load_sentences

    settings = settings_for(profile)
    sentences = load_sentences(data, language) if data else None

    async def run() -> VoiceResult:
        async with _recognizer(settings) as ears, _voice(settings) as mouth:
            return await evaluate_voice(mouth, ears, language=language, sentences=sentences)

    result = asyncio.run(run())
    click.echo(json.dumps(asdict(result), ensure_ascii=False) if as_json else result.table())


@evaluate.command()
@click.option(
    "--data", required=True, type=click.Path(exists=True, path_type=Path), help="A .jsonl, or a folder with a manifest.jsonl."
)
@click.option("--verbose", is_flag=True, help="Print every caption whose picture does not come first.")
@json_option
@profile_option
def search(data: Path, verbose: bool, as_json: bool, profile: str | None) -> None:
    """How often a caption finds its picture among the others, beside chance."""
    from assistant.evaluation.search import evaluate_search, load_captions

    settings = settings_for(profile)
    captions, folder = load_captions(data), data if data.is_dir() else data.parent

    async def run() -> SearchResult:
        engine: VisionEncoder = builder("vision", settings.vision.engine)(settings)
        try:
            return await evaluate_search(engine, captions, folder)
        finally:
            await engine.close()

    result = asyncio.run(run())
    click.echo(json.dumps(asdict(result), ensure_ascii=False) if as_json else result.table(verbose=verbose))


@asynccontextmanager
async def _recognizer(settings: Settings, **changes: object) -> AsyncGenerator[SpeechRecognizer, None]:
    changed = settings.model_copy(update={"recognizer": settings.recognizer.model_copy(update=changes)})
    engine: SpeechRecognizer = builder("recognizer", changed.recognizer.engine)(changed)
    try:
        yield engine
    finally:
        await engine.close()


@asynccontextmanager
async def _voice(settings: Settings) -> AsyncGenerator[SpeechSynthesizer, None]:
    engine = build_synthesizer(settings)
    try:
        yield engine
    finally:
        await engine.close()
