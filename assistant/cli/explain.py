"""`assistant explain`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from assistant.assistant import Assistant
from assistant.cli.terminal import json_option, print_json, profile_option, settings_for, status
from assistant.errors import FileMissingError


@click.command()
@click.argument("turn_id")
@click.option("-o", "--output", metavar="WHY.png", help="Draw it.")
@click.option(
    "--grid", default=4, show_default=True, type=click.IntRange(1, 16), help="Cells along a side that are covered in turn."
)
@json_option
@profile_option
def explain(turn_id: str, output: str | None, grid: int, as_json: bool, profile: str | None) -> None:
    """Show what the reply of a turn rests on: where the model looked, and what matters when it is covered or left out."""
    settings = settings_for(profile)
    with Assistant(settings) as assistant, status("covering the pictures piece by piece"):
        explanation = assistant.explain(turn_id, grid=grid)
        images = assistant.pictures(explanation.turn) if output else ()
    from assistant.training.data_store import DataStore
    from assistant.training.signs import han_font
    from assistant.vision.explanation import draw_explanation, merged, title

    turn = explanation.turn
    if output:
        try:
            draw_explanation(explanation, images, font=han_font(DataStore(settings.cache_dir))).save(Path(output), "PNG")
        except OSError as error:
            raise FileMissingError(f"cannot write {output}: {error.strerror}", hint="check the folder and its rights") from error
    if as_json:
        print_json(asdict(explanation))
        return
    click.echo(click.style(f"> {turn.user_text}", bold=True))
    click.echo(turn.reply_text)
    if not turn.image_sha256s:
        click.echo("The turn has no picture.")
    click.echo(f"As {explanation.model} sees it now; give the profile that the reply was made with.")
    for name, fall in explanation.without.items():
        less = "less" if fall >= 0 else "more"
        click.echo(
            f"without the {name} the reply is {less} likely (log-probability {explanation.log_probability - fall:.1f}, "
            f"with all {explanation.log_probability:.1f})"
        )
    if explanation.sources:
        click.echo("share of the attention while the reply is written:")
    for source in merged(explanation.sources):
        click.echo(f"{source.share:6.1%}  {title(source)}")
    if output:
        click.echo(f"drawn: {output}")
