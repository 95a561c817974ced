"""`assistant sessions`."""

from __future__ import annotations

from dataclasses import asdict

import click

from assistant.assistant import Assistant
from assistant.cli.terminal import json_option, print_json, settings_for
from assistant.errors import NotFoundError


@click.group()
def sessions() -> None:
    """List, show and delete what is remembered."""


@sessions.command("list")
@click.option("-n", "--limit", default=20, show_default=True, type=click.IntRange(1), help="How many, the newest first.")
@json_option
def list_sessions(limit: int, as_json: bool) -> None:
    """List sessions, the newest first."""
    with Assistant(settings_for(None)) as assistant:
        for summary in assistant.sessions(limit=limit):
            if as_json:
                print_json(asdict(summary))
            else:
                click.echo(f"{summary.session_id:<16} {summary.updated_at[:16]}  {summary.turns:>4} turns  {summary.title}")


@sessions.command()
@click.argument("session_id")
@json_option
def show(session_id: str, as_json: bool) -> None:
    """Show what was said in a session."""
    with Assistant(settings_for(None)) as assistant:
        turns = assistant.history(session_id)
    if not turns:
        raise NotFoundError(f"there is no session {session_id!r}", hint="assistant sessions list shows them")
    for turn in turns:
        if as_json:
            print_json(asdict(turn))
            continue
        for evidence in turn.evidence:
            click.echo(click.style(f"  seen: {evidence.line()}", dim=True))
        click.echo(click.style(f"> {turn.user_text}", bold=True))
        click.echo(turn.reply_text + ("" if turn.status == "done" else f" ({turn.status})"))


@sessions.command()
@click.argument("session_ids", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(session_ids: tuple[str, ...], yes: bool) -> None:
    """Forget sessions with their pictures."""
    if not yes:
        click.confirm(f"Forget {len(session_ids)} session(s)?", abort=True)
    with Assistant(settings_for(None)) as assistant:
        for session_id in session_ids:
            assistant.delete_session(session_id)
            click.echo(f"forgot {session_id}")
