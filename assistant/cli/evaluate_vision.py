"""`assistant eval vision`, `fusion` and `connectors`: what is said of pictures, in several ways side by side."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from assistant.cli.terminal import profile_option, settings_for
from assistant.config import Settings, load_settings, profile_with
from assistant.errors import ConfigError

if TYPE_CHECKING:  # they import torch, a second that the other commands need not wait for
    from assistant.evaluation.chat import ChatResult
    from assistant.evaluation.comparison import Row
    from assistant.evaluation.retention import Retention
    from assistant.evaluation.task import Sampling, Task
    from assistant.evaluation.vision import VisionReport
    from assistant.types import Fusion, Image
    from assistant.vision.encoder import FeatureEncoder

F = TypeVar("F", bound=Callable[..., Any])

_TASKS = ("naming", "presence", "count", "vqa", "captions", "ocr", "scenes", "signs", "text")
_CONDITIONS = ("tokens+evidence", "tokens", "evidence", "blind", "shuffled")
_FUSIONS: tuple[Fusion, ...] = ("early", "late", "hybrid", "cross_attention", "co_attention")
_FUSION_TASKS = ("naming", "presence", "count", "scenes", "signs")
_COSTED = 8
"""Pictures whose costs are measured; they are drawn with the seed after the others'."""
_TELL_S = 20.0
"""Between two lines about what is left, where they are not on a terminal."""

_data = click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with any of images/, captions/, vqa/, ocr/, each with manifests [default: only what is drawn on the spot].",
)
_model = click.option("--model", metavar="NAME", help="A language model, with the prompts of the profile that has it.")
_every = click.option("--every", default=1, show_default=True, type=click.IntRange(1), help="Take every n-th question.")
_seed = click.option("--seed", default=20_000, show_default=True, help="Of what is drawn.")
_json = click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), help="Write JSON there; - prints it."
)


def _limit(default: int) -> Callable[[F], F]:
    return click.option(
        "--limit", default=default, show_default=True, type=click.IntRange(0), help="Questions a task, taken evenly; 0 is all."
    )


@click.command()
@_data
@click.option("--task", "tasks", multiple=True, type=click.Choice(_TASKS), help="May be repeated [default: all].")
@click.option("--condition", "conditions", multiple=True, type=click.Choice(_CONDITIONS), help="May be repeated [default: all].")
@_model
@click.option(
    "--connector", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A file [default: the shipped one]."
)
@_every
@_limit(60)
@_seed
@_json
@click.option("--plots", type=click.Path(file_okay=False, path_type=Path), help="Draw PNG files into this folder.")
@click.option("--replies", type=click.Path(dir_okay=False, path_type=Path), help="Write every reply there, one JSON object a line.")
@profile_option
def vision(
    data: Path | None,
    tasks: tuple[str, ...],
    conditions: tuple[str, ...],
    model: str | None,
    connector: Path | None,
    every: int,
    limit: int,
    seed: int,
    json_file: Path | None,
    plots: Path | None,
    replies: Path | None,
    profile: str | None,
) -> None:
    """What is said of pictures: with their tokens and evidence, with either, blind, and with another picture's.

    Photos, questions, captions and documents come from --data; scenes and signs are drawn from what training never sees. The task
    "text" holds the chat cases, which have no pictures, with the connector and without.
    """
    from assistant.evaluation.conditions import CONDITIONS
    from assistant.evaluation.plots import draw_plots
    from assistant.evaluation.subject import open_subject
    from assistant.evaluation.task import Sampling
    from assistant.evaluation.vision import evaluate_vision

    settings, sampling = _settings(profile, model, connector), Sampling(every, limit)
    wanted = tasks or _TASKS
    seen = [name for name in wanted if name != "text"]
    built = _tasks(settings, seen, data, sampling, seed) if seen else []

    async def run() -> tuple[VisionReport, bool]:
        async with open_subject(settings) as subject:
            chosen = [CONDITIONS[name] for name in conditions or _CONDITIONS]
            for condition in chosen:
                if not subject.takes(condition):
                    _say(f"{condition.name} is left out: {subject.model.name} has no connector")
            return await evaluate_vision(subject, built, chosen, progress=_Left()), subject.model.sees

    report, sees = asyncio.run(run())
    if "text" in wanted and not sees:
        _say(f"text is left out: {report.model} has no connector that could have changed it")
    retention = asyncio.run(_retention(settings, sampling)) if "text" in wanted and sees else None
    _show(
        "\n\n".join([report.table(), *([retention.table()] if retention else [])]),
        report.to_dict() | {"text": asdict(retention) if retention else None},
        json_file,
    )
    if replies is not None:
        report.save_replies(replies)
    if plots is not None:
        for path in draw_plots(report, plots):
            _say(f"drew {path}")


@click.command()
@_data
@_model
@click.option(
    "--connector", "named", multiple=True, metavar="WAY=FILE", help="Of a way; may be repeated [default: the shipped one]."
)
@_every
@_limit(30)
@_seed
@_json
@profile_option
def fusion(
    data: Path | None,
    model: str | None,
    named: tuple[str, ...],
    every: int,
    limit: int,
    seed: int,
    json_file: Path | None,
    profile: str | None,
) -> None:
    """Ways for pictures to reach the language model, side by side: what each gets right, and what it costs.

    The ways are early, late, hybrid, cross_attention and co_attention; the last two need files that were trained for them.
    """
    from assistant.evaluation.task import Sampling

    settings = _settings(profile, model, None)
    files = _named_files(named, settings)
    built = _tasks(settings, _FUSION_TASKS, data, Sampling(every, limit), seed)
    images = _new_pictures(seed + 1)
    chosen = [(way, _with_vision(settings, fusion=way, **({"connector": files[way]} if way in files else {}))) for way in _FUSIONS]
    rows = [asyncio.run(_row(way, one, built, images)) for way, one in chosen]
    _compare(rows, f"{settings.language_model.model}", json_file)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--fusion", "way", default="early", show_default=True, type=click.Choice(("early", "hybrid")), help="What notes say.")
@_model
@_every
@_limit(300)
@_seed
@_json
@profile_option
def connectors(
    files: tuple[Path, ...],
    way: str,
    model: str | None,
    every: int,
    limit: int,
    seed: int,
    json_file: Path | None,
    profile: str | None,
) -> None:
    """Connectors of one language model side by side, on scenes that training never sees.

    Those whose pictures are shown in a way of their own, cross_attention or co_attention, are measured in that way.
    """
    from assistant.evaluation.task import Sampling
    from assistant.vision.connector_file import fusions_of

    settings = _settings(profile, model, None)
    built = _tasks(settings, ("scenes",), None, Sampling(every, limit), seed)
    images = _new_pictures(seed + 1)
    ways = [way if way in (served := fusions_of(file)) else served[0] for file in files]
    changed = (_with_vision(settings, fusion=one, connector=str(file)) for one, file in zip(ways, files, strict=True))
    rows = [asyncio.run(_row(file.stem, one, built, images, by_family=True)) for file, one in zip(files, changed, strict=True)]
    _compare(rows, f"{settings.language_model.model}, {way}", json_file)


class _Left:
    """Tells on standard error how much is done and about how long the rest will take."""

    def __init__(self) -> None:
        self._start = self._told = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._told < _TELL_S and not sys.stderr.isatty():
            return
        self._told = now
        left_s = (now - self._start) / done * (total - done) if done else 0.0
        left = f", about {int(left_s // 60)} min {int(left_s % 60)} s left" if done else ""
        click.echo(f"{done} of {total} replies ({what}){left}", err=True)


def _settings(profile: str | None, model: str | None, connector: Path | None) -> Settings:
    """Of the command line; a model brings the prompts of the first profile that has it."""
    settings = settings_for(profile)
    if model is not None:
        known = profile_with(model)
        settings = load_settings({"profile": known}) if known else settings
        settings = settings.model_copy(update={"language_model": settings.language_model.model_copy(update={"model": model})})
    return settings if connector is None else _with_vision(settings, connector=str(connector))


def _with_vision(settings: Settings, **changes: object) -> Settings:
    return settings.model_copy(update={"vision": settings.vision.model_copy(update=changes)})


def _tasks(settings: Settings, names: Sequence[str], data: Path | None, sampling: Sampling, seed: int) -> list[Task]:
    from assistant.engines import load_encoder, weight_store
    from assistant.evaluation.suite import build_tasks
    from assistant.training.data_store import DataStore

    def encoder() -> FeatureEncoder:
        return load_encoder(weight_store(settings), settings.vision.model)

    store = DataStore(settings.cache_dir)
    return build_tasks(names, data=data, store=store, encoder=encoder, sampling=sampling, seed=seed, say=_say)


def _new_pictures(seed: int) -> list[Image]:
    from assistant.training.shapes import Shapes

    return [Shapes(("en",)).sample(number, seed=seed, split="held-out").images[0] for number in range(_COSTED)]


def _named_files(named: Sequence[str], settings: Settings) -> dict[str, str]:
    """The files that the command line names, by the way that each is for."""
    from assistant.vision.connector_file import check_fusion

    files = {}
    for text in named:
        way, equals, file = text.partition("=")
        fusion = next((known for known in _FUSIONS if known == way and known != "late"), None)
        if fusion is None or not equals:
            raise ConfigError(f"--connector {text} names no way and file", hint=f"WAY=FILE; ways: {', '.join(_FUSIONS)}")
        check_fusion(Path(file), fusion, language_model=settings.language_model.model)
        files[way] = file
    return files


async def _row(name: str, settings: Settings, tasks: Sequence[Task], images: Sequence[Image], *, by_family: bool = False) -> Row:
    """Measured, or not available where the model does not take pictures in this way."""
    from assistant.evaluation.comparison import Row, measure_row
    from assistant.evaluation.conditions import Condition
    from assistant.evaluation.costs import parameters
    from assistant.evaluation.subject import open_subject
    from assistant.vision.connector_file import shipped_connector

    way, file = settings.vision.fusion, settings.vision.connector or shipped_connector(settings.language_model.model)
    if way in ("cross_attention", "co_attention") and not settings.vision.connector:
        return Row(name, f"name a file that was trained for it, --connector {way}=FILE")
    condition = Condition(name, way)
    async with open_subject(settings) as subject:
        if not subject.takes(condition):
            return Row(name, f"{subject.model.name} takes no pictures")
        _say(name)
        trained = parameters(Path(file) if file and subject.model.sees else None)
        return await measure_row(
            name, subject, condition, tasks, images, by_family=by_family, connector_parameters=trained, progress=_Left()
        )


async def _retention(settings: Settings, sampling: Sampling) -> Retention:
    """The chat cases with the connector's changes to the language model, and without."""
    from assistant.app import AsyncAssistant
    from assistant.evaluation.chat import evaluate_chat, load_cases
    from assistant.evaluation.retention import compare

    cases = sampling.of(load_cases())

    async def held(changed: Settings) -> ChatResult:
        with tempfile.TemporaryDirectory(prefix="assistant-eval-") as folder:  # nobody's own conversations are touched
            async with AsyncAssistant(changed.model_copy(update={"data_dir": Path(folder)})) as assistant:
                return await evaluate_chat(assistant, cases)

    _say("text only: the untouched model")
    before = await held(_with_vision(settings, connector="none", fusion=None))
    _say("text only: with the connector")
    return compare(before, await held(settings))


def _compare(rows: Sequence[Row], title: str, json_file: Path | None) -> None:
    from assistant.evaluation.comparison import table

    _show(table(rows, title=title), {"model": title, "rows": [asdict(row) for row in rows]}, json_file)


def _show(table: str, facts: object, json_file: Path | None) -> None:
    text = json.dumps(facts, ensure_ascii=False)
    if json_file is None or str(json_file) != "-":
        click.echo(table)
    if json_file is not None and str(json_file) == "-":
        click.echo(text)
    elif json_file is not None:
        json_file.write_text(text + "\n", encoding="utf-8")


def _say(line: str) -> None:
    click.echo(line, err=True)
