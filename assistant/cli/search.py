"""`assistant search`."""

from __future__ import annotations

from dataclasses import asdict

import click

from assistant.assistant import Assistant
from assistant.cli.terminal import existing, given_text, json_option, print_json, settings_for, status


@click.command()
@click.argument("words", nargs=-1, metavar="[TEXT]...")
@click.option("-a", "--attachment", "picture", metavar="FILE", help="Find pictures like this one.")
@click.option("-s", "--session", metavar="ID", help="Look in this session only.")
@click.option("-n", "--limit", default=10, show_default=True, type=click.IntRange(1), help="How many, the best first.")
@json_option
def search(words: tuple[str, ...], picture: str | None, session: str | None, limit: int, as_json: bool) -> None:
    """Find pictures of your sessions by words ("red car"), or by a picture like them."""
    settings = settings_for(None)
    text = given_text(words, settings.limits.text_characters)
    with Assistant(settings) as assistant, status("looking"):
        found = assistant.search(text, image=existing(picture) if picture else None, session=session, limit=limit)
    for one in found:
        if as_json:
            print_json(asdict(one))
            continue
        shown = one.picture
        click.echo(f"{one.score:5.2f}  {shown.created_at[:16]}  {shown.session_id}  {shown.turn_id}  {', '.join(one.because)}")
        click.echo(click.style(f"       {shown.path}", dim=True))
    if not found and not as_json:
        click.echo("nothing was found", err=True)
