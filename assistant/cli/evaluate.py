"""`assistant eval`: quality, measured, each figure beside a trivial baseline."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path

import click

from assistant.app import AsyncAssistant
from assistant.cli.terminal import json_option, profile_option, settings_for
from assistant.evaluation.chat import ChatResult, evaluate_chat, load_cases


@click.group("eval")
def evaluate() -> None:
    """Measure quality, each figure beside a trivial baseline."""


@evaluate.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="A .jsonl of your own cases [default: 60 shipped].")
@click.option("--verbose", is_flag=True, help="Print every wrong answer.")
@json_option
@profile_option
def chat(data: Path | None, verbose: bool, as_json: bool, profile: str | None) -> None:
    """Checkable prompts: from context, recall, arithmetic, language, not inventing."""
    settings = settings_for(profile)

    async def run() -> ChatResult:
        async with AsyncAssistant(settings) as assistant:
            return await evaluate_chat(assistant, load_cases(data))

    result = asyncio.run(run())
    click.echo(json.dumps(asdict(result), ensure_ascii=False) if as_json else result.table(verbose=verbose))
