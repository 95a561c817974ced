"""Sessions in SQLite through SQLAlchemy."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Engine, create_engine, delete, event, exists, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from assistant.errors import InputError, NotFoundError, StorageError, StorageFullError
from assistant.memory.attachments import AttachmentFolder, storage_error
from assistant.memory.pictures import PictureIndex
from assistant.memory.schema import VERSION, Base, PictureVectorRow, SessionRow, TurnImageRow, TurnRow, TurnVoiceRow
from assistant.types import Evidence, Image, Label, Region, SessionSummary, StoredTurn, Turn, Usage, Voice
from assistant.worker import Worker

T = TypeVar("T")

_BUSY_TIMEOUT_MS = 10_000
_TITLE_CHARACTERS = 60
_LEAST_FREE_BYTES = 64 * 1024
_TURN_TWICE = "turns.session_id, turns.turn_id"
"""How SQLite names the unique constraint of the turns."""


class SqlMemory:
    """Remembers turns and pictures. A call returns once its transaction is on disk (`synchronous=FULL`)."""

    def __init__(self, data_dir: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Open or make the database `assistant.db` in `data_dir`.

        Raises:
            StorageError: The folder cannot be written, or the database is of another version.
        """
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, f"cannot make the folder {data_dir}") from error
        self._now = now
        self._attachments = AttachmentFolder(data_dir / "attachments")
        self._engine = _open(data_dir / "assistant.db")
        self._worker = Worker("memory")
        self._folder = data_dir
        self.pictures = PictureIndex(self._engine, self._run, path=self._attachments.path, read_evidence=_evidence)
        """Of all sessions, to look for one."""
        _translated(lambda: _prepare(self._engine), data_dir)

    async def begin(self, turn: Turn, *, user_text: str, language: str, evidence: Sequence[Evidence]) -> None:
        """Write what the user said and showed; the session is made if it is new.

        Raises:
            InputError: The session already has a turn with this id.
            StorageError: Nothing was written.
        """
        now = self._now().isoformat(timespec="milliseconds")

        def write() -> None:
            with Session(self._engine) as session, session.begin():
                session.execute(
                    insert(SessionRow)
                    .values(id=turn.session_id, created_at=now, updated_at=now)
                    .on_conflict_do_update(index_elements=[SessionRow.id], set_={"updated_at": now})
                )
                row = TurnRow(
                    session_id=turn.session_id,
                    turn_id=turn.turn_id,
                    created_at=now,
                    user_text=user_text,
                    language=language,
                    evidence=[asdict(item) for item in evidence],
                )
                row.images = [TurnImageRow(position=i, sha256=image.sha256) for i, image in enumerate(turn.images)]
                row.voice = TurnVoiceRow(**asdict(turn.voice)) if turn.voice is not None else None
                session.add(row)
                session.flush()
                # under the write lock, which `delete` takes before it unlinks: a file that is found here stays
                for image in turn.images:
                    self._attachments.save(image)

        await self._run(write)

    async def finish(
        self,
        session_id: str,
        turn_id: str,
        *,
        reply_text: str,
        status: str,
        usage: Usage,
        timings_ms: dict[str, float],
        evidence: Sequence[Evidence] | None = None,
    ) -> None:
        """Write the reply of a begun turn, and the evidence if more of it is known by now.

        Raises:
            NotFoundError: The turn was not begun, or its session was deleted meanwhile.
        """

        def write() -> None:
            with Session(self._engine) as session, session.begin():
                row = session.scalar(select(TurnRow).where(TurnRow.session_id == session_id, TurnRow.turn_id == turn_id))
                if row is None:
                    raise NotFoundError(f"there is no turn {turn_id!r} in session {session_id!r}")
                row.reply_text, row.status = reply_text, status
                row.usage, row.timings_ms = asdict(usage), timings_ms
                if evidence is not None:
                    row.evidence = [asdict(item) for item in evidence]

        await self._run(write)

    async def history(self, session_id: str, *, limit: int) -> tuple[StoredTurn, ...]:
        """The newest turns, oldest first; empty for a session that does not exist."""

        def read() -> tuple[StoredTurn, ...]:
            with Session(self._engine) as session:
                newest = select(TurnRow).where(TurnRow.session_id == session_id).order_by(TurnRow.number.desc()).limit(limit)
                rows = session.scalars(newest).all()[::-1]
                own = select(func.count(), func.sum(func.json_array_length(TurnRow.evidence))).where(
                    TurnRow.session_id == session_id
                )
                total, pictures = session.execute(own).one()
                shown = [len(row.evidence) for row in rows]
                before = accumulate(shown, initial=(pictures or 0) - sum(shown))
                return tuple(
                    _stored(row, index, pictures_before)
                    for index, (row, pictures_before) in enumerate(zip(rows, before, strict=False), start=total - len(rows))
                )

        return await self._run(read)

    async def turn(self, turn_id: str) -> tuple[StoredTurn, tuple[StoredTurn, ...]]:
        """A turn by the beginning of its id, and all turns of its session before it, oldest first.

        Raises:
            NotFoundError: There is no such turn, or there are several.
        """

        def find() -> tuple[str, str]:
            with Session(self._engine) as session:
                begins = TurnRow.turn_id.startswith(turn_id, autoescape=True)
                ids = (
                    select(TurnRow.session_id, TurnRow.turn_id).where(begins).order_by(TurnRow.turn_id).limit(2)
                )  # a whole id first
                rows = session.execute(ids).all()
            exact = [row for row in rows if row.turn_id == turn_id] or rows
            if len(exact) != 1:
                what = "several turns begin" if exact else "there is no turn that begins"
                raise NotFoundError(f"{what} with {turn_id!r}", hint="assistant sessions show SESSION --json tells the ids")
            return exact[0].session_id, exact[0].turn_id

        session_id, whole_id = await self._run(find)
        turns = await self.history(session_id, limit=sys.maxsize)
        place = next(n for n, turn in enumerate(turns) if turn.turn_id == whole_id)
        return turns[place], turns[:place]

    async def images(self, sha256s: Iterable[str]) -> dict[str, Image]:
        """See `MemoryStore.images`."""

        def find() -> dict[str, Image]:
            return {sha256: image for sha256 in sha256s if (image := self._attachments.image(sha256)) is not None}

        return await self._worker.run(find)

    async def sessions(self, *, limit: int) -> tuple[SessionSummary, ...]:
        """Sessions, the newest first; a session's title is the start of its first words."""

        def read() -> tuple[SessionSummary, ...]:
            title = (
                select(TurnRow.user_text)
                .where(TurnRow.session_id == SessionRow.id, TurnRow.user_text != "")
                .order_by(TurnRow.number)
                .limit(1)
                .scalar_subquery()
            )
            turns = select(func.count()).where(TurnRow.session_id == SessionRow.id).scalar_subquery()
            query = select(SessionRow, turns, title).order_by(SessionRow.updated_at.desc()).limit(limit)
            with Session(self._engine) as session:
                return tuple(
                    SessionSummary(row.id, row.created_at, row.updated_at, count, (text or "")[:_TITLE_CHARACTERS])
                    for row, count, text in session.execute(query)
                )

        return await self._run(read)

    async def delete(self, session_id: str) -> None:
        """Forget a session with its turns, and the pictures that no other session shows.

        Raises:
            NotFoundError: There is no such session.
            StorageError: Nothing was forgotten, or only a picture's file could not be deleted.
        """

        def write() -> None:
            with Session(self._engine) as session, session.begin():
                own = select(TurnImageRow.sha256).join(TurnRow).where(TurnRow.session_id == session_id).distinct()
                candidates = session.scalars(own).all()
                if cast(Any, session.execute(delete(SessionRow).where(SessionRow.id == session_id))).rowcount == 0:
                    raise NotFoundError(f"there is no session {session_id!r}", hint="assistant sessions list shows them")
            # After the commit, so that no turn is ever without its picture; asked again under the write lock, so that a turn
            # begun meanwhile keeps it. A crash between the two leaves a file that nobody shows.
            with Session(self._engine) as session, session.begin():
                for sha256 in candidates:
                    if not session.scalar(select(exists().where(TurnImageRow.sha256 == sha256))):
                        self._attachments.remove(sha256)
                        session.execute(delete(PictureVectorRow).where(PictureVectorRow.sha256 == sha256))

        await self._run(write)

    async def image(self, sha256: str) -> bytes:
        """A stored picture as a JPEG file.

        Raises:
            NotFoundError: There is no picture with this hash.
        """
        return await self._worker.run(lambda: self._attachments.read(sha256))

    async def close(self) -> None:
        """Release the database."""
        await self._worker.run(self._engine.dispose)
        await self._worker.close()

    async def _run(self, call: Callable[[], T]) -> T:
        return await self._worker.run(lambda: _translated(call, self._folder))


def _open(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})

    def on_connect(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # SQLAlchemy's own BEGIN below, so that reads of a write lock too
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={_BUSY_TIMEOUT_MS}", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _prepare(engine: Engine) -> None:
    with engine.begin() as connection:
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if version not in (0, VERSION):
            raise StorageError(
                f"the database is of version {version}, this program reads version {VERSION}",
                hint="use the program that wrote it, or another data_dir",
            )
        Base.metadata.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def _translated(call: Callable[[], T], folder: Path) -> T:
    try:
        return call()
    except DBAPIError as error:
        cause = str(error.orig)
        if isinstance(error, IntegrityError) and _TURN_TWICE in cause:
            raise InputError("the session already has a turn with this id", hint="give every turn its own id") from error
        # SQLite says "disk I/O error" when there is no room for the index of its write-ahead log
        if "full" in cause or shutil.disk_usage(folder).free < _LEAST_FREE_BYTES:
            raise StorageFullError("the turn was not stored: the disk is full", hint="free some space and try again") from error
        raise StorageError(f"the database failed: {cause}", hint="check data_dir") from error


def _stored(row: TurnRow, index: int, pictures_before: int) -> StoredTurn:
    return StoredTurn(
        turn_id=row.turn_id,
        session_id=row.session_id,
        index=index,
        created_at=row.created_at,
        user_text=row.user_text,
        reply_text=row.reply_text,
        language=row.language,
        evidence=tuple(_evidence(cast(dict[str, Any], item)) for item in row.evidence),
        image_sha256s=tuple(image.sha256 for image in row.images),
        status=cast(Any, row.status),
        pictures_before=pictures_before,
        voice=Voice(row.voice.loudness_db, row.voice.pitch_hz, row.voice.syllables_per_s) if row.voice is not None else None,
    )


def _evidence(item: dict[str, Any]) -> Evidence:
    return Evidence(
        width_px=item["width_px"],
        height_px=item["height_px"],
        labels=tuple(Label(**label) for label in item["labels"]),
        text_lines=tuple(item["text_lines"]),
        colours=tuple(Label(**colour) for colour in item["colours"]),
        regions=tuple(Region(**region) for region in item.get("regions", ())),  # older rows have none
        glimpses=tuple(Label(**label) for label in item.get("glimpses", ())),
        faces=tuple(Region(**face) for face in item.get("faces", ())),
        read_later=item.get("read_later", False),
    )
