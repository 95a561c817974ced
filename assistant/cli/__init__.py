"""The command line: `assistant ask|chat|transcribe|say|search|explain|sessions|models|doctor|config|eval|train`.

Exit codes: 0 done, 1 a deliberate error (`code: message` and a hint on stderr), 2 usage, 130 interrupted.
"""

from __future__ import annotations

import sys

import click

from assistant import __version__
from assistant.cli.ask import ask, say, transcribe
from assistant.cli.chat import chat
from assistant.cli.doctor import config, doctor
from assistant.cli.evaluate import evaluate
from assistant.cli.explain import explain
from assistant.cli.models import models
from assistant.cli.search import search
from assistant.cli.sessions import sessions
from assistant.cli.train import train
from assistant.errors import AssistantError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="assistant")
def cli() -> None:
    """An assistant that hears, sees, remembers and speaks, on your own machine."""


for command in (ask, chat, transcribe, say, search, explain, sessions, models, doctor, config, evaluate, train):
    cli.add_command(command)


def main() -> None:
    """Run the command line; the one place that renders errors."""
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:  # also Ctrl-C; a closed pipe click ends by itself
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except AssistantError as error:
        click.echo(f"{error.code}: {error}", err=True)
        if error.hint:
            click.echo(f"hint: {error.hint}", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
