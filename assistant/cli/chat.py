"""`assistant chat`: a conversation in the terminal."""

from __future__ import annotations

import sys
import tempfile
import uuid
from contextlib import closing
from pathlib import Path

import click

from assistant.assistant import Assistant
from assistant.cli.ask import save
from assistant.cli.terminal import existing, failure_line, piped_line, profile_option, settings_for, status
from assistant.errors import AssistantError
from assistant.types import Audio, AudioDelta, ImageSeen, Problem, TextDelta, TranscriptReady, TurnCompleted

_HELP = """\
  /image FILE   show a picture with your next message (without FILE: drop the pictures)
  /audio FILE   ask with a recording
  /speak        write spoken replies, or stop doing so     /sessions     list sessions
  /new          start a new session                        /help         this list
  /quit         leave (or Ctrl-D); Ctrl-C stops the reply, not the chat"""


@click.command()
@click.option("-s", "--session", metavar="ID", help="Go on with this session, or start it.")
@click.option("-c", "--continue", "go_on", is_flag=True, help="Go on with the newest session.")
@click.option("--speak", is_flag=True, help="Write each reply as sound too.")
@profile_option
def chat(session: str | None, go_on: bool, speak: bool, profile: str | None) -> None:
    """Talk in the terminal; lines that start with / are commands (/help)."""
    with Assistant(settings_for(profile)) as assistant:
        if go_on and session is None and (newest := assistant.sessions(limit=1)):
            session = newest[0].session_id
        _Chat(assistant, session=session, speak=speak).run()


class _Chat:
    def __init__(self, assistant: Assistant, *, session: str | None, speak: bool) -> None:
        self._assistant = assistant
        self._session = session or _new_session()
        self._speak = speak
        self._images: list[Path] = []

    def run(self) -> None:
        if sys.stdin.isatty():
            import readline  # noqa: F401  line editing and history for input()

            click.echo("Type a message, /help for commands, Ctrl-D to leave.", err=True)
            try:
                with status("loading the models"):
                    self._assistant.warm(speech=self._speak)
            except AssistantError as error:  # who only types gets along without a voice; what a turn needs, it asks for again
                click.echo(failure_line(error), err=True)
        while (line := self._read()) is not None:
            try:
                if not self._command(line):
                    return
            except AssistantError as error:
                click.echo(failure_line(error), err=True)

    def _read(self) -> str | None:
        """The next line; None at the end of input."""
        while True:
            try:
                if sys.stdin.isatty():
                    return input("> ").strip()
                line = piped_line(self._assistant.settings.limits.text_characters)
                return line.strip() if line is not None else None
            except EOFError:
                click.echo(err=True)
                return None
            except KeyboardInterrupt:
                click.echo("  (Ctrl-D leaves)", err=True)
            except AssistantError as error:
                click.echo(failure_line(error), err=True)

    def _command(self, line: str) -> bool:
        """Act on a line; False ends the chat."""
        name, _, rest = line.partition(" ")
        match name:
            case "":
                if self._images:
                    self._answer("", audio=None)
            case "/quit" | "/exit":
                return False
            case "/help":
                click.echo(_HELP, err=True)
            case "/new":
                self._session, self._images = _new_session(), []
                click.echo("a new session", err=True)
            case "/image" if not rest:
                self._images = []
                click.echo("no picture goes with your next message", err=True)
            case "/image":
                self._images.append(existing(rest.strip()))
                self._assistant.look_ahead(self._images, session=self._session)
                click.echo("shown with your next message", err=True)
            case "/audio":
                self._answer("", audio=existing(rest.strip()))
            case "/speak":
                self._speak = not self._speak
                click.echo(f"spoken replies {'on' if self._speak else 'off'}", err=True)
            case "/sessions":
                for summary in self._assistant.sessions(limit=20):
                    click.echo(f"{summary.session_id}  {summary.turns} turns  {summary.title}", err=True)
            case _ if name.startswith("/"):
                click.echo(f"there is no command {name}; /help lists them", err=True)
            case _:
                self._answer(line, audio=None)
        return True

    def _answer(self, text: str, *, audio: Path | None) -> None:
        parts: list[Audio] = []
        events = self._assistant.stream(text, images=self._images, audio=audio, session=self._session, speak=self._speak)
        try:
            with closing(events):  # type: ignore[type-var]
                for event in events:
                    _show(event, parts)
        except KeyboardInterrupt:
            click.echo("  (stopped)", err=True)
        except AssistantError:
            if self._images:
                click.echo("the pictures stay for your next message; /image alone drops them", err=True)
            raise
        self._images = []
        if parts:
            _write(Audio.join(parts))


def _show(event: object, parts: list[Audio]) -> None:
    match event:
        case TranscriptReady(transcript=transcript):
            click.echo(click.style(f"you said: {transcript.text}", dim=True), err=True)
        case ImageSeen(evidence=evidence):
            click.echo(click.style(f"seen: {evidence.line()}", dim=True), err=True)
        case TextDelta(text=piece):
            click.echo(piece, nl=False)
        case AudioDelta(audio=sound):
            parts.append(sound)
        case Problem(code=code, message=message):
            click.echo(f"\n{code}: {message}", err=True)
        case TurnCompleted():
            click.echo()
        case _:
            pass


def _write(sound: Audio) -> None:
    with tempfile.NamedTemporaryFile(prefix="reply-", suffix=".wav", delete=False) as file:
        pass
    try:
        path = save(sound, file.name)
    except AssistantError:
        Path(file.name).unlink(missing_ok=True)
        raise
    click.echo(click.style(f"spoken reply: {path}", dim=True), err=True)


def _new_session() -> str:
    return uuid.uuid4().hex[:12]
