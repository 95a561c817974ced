"""`assistant ask`, `assistant transcribe` and `assistant say`."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import uuid
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Unpack

import click

from assistant.app import TurnArguments
from assistant.assistant import Assistant
from assistant.cli.terminal import existing, given_text, json_option, piped_bytes, print_json, profile_option, settings_for, status
from assistant.errors import FileMissingError, InputError, StorageFullError, UnsupportedMediaError
from assistant.types import Audio, AudioDelta, Problem, Reply, TextDelta, TranscriptReady, TurnCompleted
from assistant.vision.video import shows_pictures

_KINDS = {
    "image": ("jpg", "jpeg", "png", "webp", "gif", "bmp", "avif", "heic"),
    "audio": ("wav", "mp3", "flac", "ogg", "oga", "opus", "m4a", "weba"),
    "video": ("mp4", "mov", "webm", "mkv", "avi"),
}


@click.command()
@click.argument("words", nargs=-1, metavar="[TEXT]...")
@click.option("-a", "--attachment", "attachments", multiple=True, metavar="FILE", help="A picture, a recording or a clip.")
@click.option("--image", "images", multiple=True, metavar="FILE", help="A picture; may be given several times.")
@click.option("--audio", metavar="FILE", help="A recording of the question.")
@click.option("--video", metavar="FILE", help="A clip: its frames and its sound.")
@click.option("-s", "--session", metavar="ID", help="Go on with this session, or start it.")
@click.option("-c", "--continue", "go_on", is_flag=True, help="Go on with the newest session.")
@click.option("--speak", metavar="OUT.wav", help="Write the spoken reply to this file.")
@click.option("--language", metavar="CODE", help="The language spoken in the recording (ISO 639-1).")
@click.option("--details", is_flag=True, help="Print transcript, evidence, usage and timings too.")
@click.option("--no-stream", is_flag=True, help="Print the reply when it is complete.")
@json_option
@profile_option
def ask(
    words: tuple[str, ...],
    attachments: tuple[str, ...],
    images: tuple[str, ...],
    audio: str | None,
    video: str | None,
    session: str | None,
    go_on: bool,
    speak: str | None,
    language: str | None,
    details: bool,
    no_stream: bool,
    as_json: bool,
    profile: str | None,
) -> None:
    """Ask one question: typed, piped in, or spoken in a recording."""
    settings = settings_for(profile)
    text = given_text(words, settings.limits.text_characters)
    pictures = [existing(path) for path in images]
    for path in attachments:
        kind = _kind(path, settings.limits.video_bytes)
        if kind == "image":
            pictures.append(existing(path))
        elif kind == "audio":
            audio = _only(audio, path)
        else:
            video = _only(video, path)
    with Assistant(settings) as assistant:
        if go_on and session is None:
            newest = assistant.sessions(limit=1)
            session = newest[0].session_id if newest else None
        reply, sound = _answer(
            assistant,
            text,
            quiet=as_json or no_stream or details,
            images=pictures,
            audio=existing(audio) if audio else None,
            video=existing(video) if video else None,
            session=session,
            speak=speak is not None,
            language=language,
        )
    audio_path = save(sound, speak) if speak and sound else None
    if as_json:
        print_json(reply_object(reply, audio_path))
    elif details:
        _print_details(reply, sound, audio_path)
    else:
        if no_stream:
            click.echo(reply.text)
        if audio_path:
            click.echo(f"spoken reply: {audio_path}", err=True)


def _answer(assistant: Assistant, text: str, *, quiet: bool, **given: Unpack[TurnArguments]) -> tuple[Reply, Audio | None]:
    parts: list[Audio] = []
    # Closed here, Ctrl-C between two events interrupts the turn at once, and it is stored as far as it came.
    with ExitStack() as waiting, closing(assistant.stream(text, **given)) as events:  # type: ignore[type-var]
        waiting.enter_context(status("thinking"))
        for event in events:
            waiting.close()
            if isinstance(event, TurnCompleted):
                if not quiet:
                    click.echo()
                return event.reply, Audio.join(parts) if parts else None
            _show(event, parts, quiet=quiet)
    raise AssertionError("a turn ends with TurnCompleted or an error")


def _show(event: object, parts: list[Audio], *, quiet: bool) -> None:
    match event:
        case AudioDelta(audio=piece):
            parts.append(piece)
        case Problem(code=code, message=message):
            click.echo(f"{code}: {message}", err=True)
        case TranscriptReady(transcript=transcript) if transcript.text and not quiet:
            click.echo(click.style(f"> {transcript.text}", dim=True), err=True)
        case TextDelta(text=text) if not quiet:
            click.echo(text, nl=False)
        case _:
            pass


def _print_details(reply: Reply, sound: Audio | None, audio_path: Path | None) -> None:
    usage = reply.usage
    tokens = f"{usage.prompt_tokens} in the prompt ({usage.cached_tokens} from the cache), {usage.completion_tokens} in the reply"
    rows = [("transcript", reply.transcript)]
    rows += [(f"picture {i}", evidence.line()) for i, evidence in enumerate(reply.evidence, start=1)]
    rows += [("reply", reply.text), ("tokens", tokens)]
    rows += [("timings", ", ".join(f"{stage} {ms:.0f} ms" for stage, ms in reply.timings_ms.items()))]
    if sound and audio_path:
        rows += [("spoken", f"{audio_path} ({sound.duration_s:.1f} s)")]
    for name, value in rows:
        if value:
            click.echo(f"{name:<11}{value}")


def reply_object(reply: Reply, audio_path: Path | None) -> dict[str, object]:
    """A reply as `ask --json` prints it."""
    return {
        "session_id": reply.session_id,
        "turn_id": reply.turn_id,
        "transcript": reply.transcript,
        "text": reply.text,
        "language": reply.language,
        "audio_path": str(audio_path) if audio_path else None,
        "evidence": [asdict(item) for item in reply.evidence],
        "usage": asdict(reply.usage),
        "timings_ms": dict(reply.timings_ms),
    }


def save(audio: Audio, path: str) -> Path:
    """Write a WAV file; an old file of that name is replaced when the new one is whole, and stays when that fails.

    Raises:
        StorageFullError: The disk is full.
        FileMissingError: The folder is not there, or it or the file cannot be written.
    """
    target = Path(os.path.realpath(path))
    draft = target.parent / f".{uuid.uuid4().hex}.part"
    try:
        if target.exists() and not target.is_file():  # a device or a pipe is written into; a folder is an error
            audio.save(target)
            return Path(path)
        if target.exists() and not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, "it is write-protected")
        audio.save(draft)
        if target.exists():
            shutil.copymode(target, draft)
        draft.replace(target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError(f"{path} was not written: the disk is full", hint="free some space") from error
        raise FileMissingError(f"cannot write {path}: {error.strerror}", hint="check the folder and its rights") from error
    finally:
        with suppress(OSError):  # moved, or its folder never was
            draft.unlink()
    return Path(path)


def _kind(path: str, video_bytes: int) -> str:
    suffix = Path(path).suffix.lower().removeprefix(".")
    for kind, suffixes in _KINDS.items():
        if suffix in suffixes:
            return "audio" if kind == "video" and not shows_pictures(existing(path), max_bytes=video_bytes) else kind
    raise UnsupportedMediaError(
        f"{path}: cannot tell from its name what it is",
        hint="name it with --image, --audio or --video; pipe a text in: cat FILE | assistant ask …",
    )


def _only(old: str | None, new: str) -> str:
    if old is not None:
        raise InputError("a turn takes one recording or clip", hint="ask them one after the other")
    return new


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--language", metavar="CODE", help="The spoken language (ISO 639-1) [default: found out].")
@json_option
@profile_option
def transcribe(files: tuple[str, ...], language: str | None, as_json: bool, profile: str | None) -> None:
    """Write down what is said in recordings. A file that cannot be read does not stop the others."""
    failed = False
    settings = settings_for(profile)
    with Assistant(settings) as assistant:
        for path in files:
            try:
                source = piped_bytes(settings.limits.audio_bytes) if path == "-" else existing(path)
                with status(f"listening to {path}"):
                    heard = assistant.transcribe(source, language=language)
            except InputError as error:
                failed = True
                if as_json:
                    print_json({"path": path, "error": {"code": error.code, "message": str(error), "hint": error.hint}})
                click.echo(f"{error.code}: {path}: {error}" + (f"\nhint: {error.hint}" if error.hint else ""), err=True)
                continue
            if as_json:
                print_json(
                    {
                        "path": path,
                        "text": heard.text,
                        "language": heard.language,
                        "duration_s": round(heard.duration_s, 3),
                        "segments": [asdict(segment) for segment in heard.segments],
                    }
                )
            else:
                click.echo(heard.text if len(files) == 1 else f"{click.format_filename(path)}: {heard.text}")
    if failed:
        sys.exit(1)


@click.command()
@click.argument("words", nargs=-1, metavar="[TEXT]...")
@click.option("-o", "--output", default="speech.wav", show_default=True, metavar="OUT.wav", help="The file to write.")
@click.option("--voice", metavar="NAME", help="A voice of the engine.")
@click.option("--language", metavar="CODE", help="The text's language [default: found out].")
@json_option
@profile_option
def say(words: tuple[str, ...], output: str, voice: str | None, language: str | None, as_json: bool, profile: str | None) -> None:
    """Speak a text, typed or piped in, into a WAV file."""
    settings = settings_for(profile)
    text = given_text(words, settings.limits.text_characters)
    with Assistant(settings) as assistant, status("speaking"):
        parts = list(assistant.say(text, language=language, voice=voice))
    if not parts:
        raise InputError("there is nothing to speak in the text", hint="give it at least one word")
    sound = Audio.join(parts)
    path = save(sound, output)
    if as_json:
        print_json({"path": str(path), "duration_s": round(sound.duration_s, 3), "sample_rate_hz": sound.sample_rate_hz})
    else:
        click.echo(f"{click.format_filename(path)} ({sound.duration_s:.1f} s)")
