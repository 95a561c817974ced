"""The pictures of all sessions, and the vectors by which they are found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, exists, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session, contains_eager

from assistant.memory.schema import PictureVectorRow, TurnImageRow, TurnRow
from assistant.types import Evidence, RememberedPicture

T = TypeVar("T")
_AT_ONCE = 500
"""Names in one query; SQLite once took 999."""


class RunInOrder(Protocol):
    """Runs a call in the store's thread and translates its errors."""

    def __call__(self, call: Callable[[], T]) -> Awaitable[T]:
        """The call's result."""
        ...


class PictureIndex:
    """A view of the store for those who look for a picture."""

    def __init__(
        self,
        engine: Engine,
        run: RunInOrder,
        *,
        path: Callable[[str], Path],
        read_evidence: Callable[[dict[str, Any]], Evidence],
    ) -> None:
        """Look into a store.

        Args:
            engine: Its database.
            run: Runs a call in its thread.
            path: Where the picture with a sha256 lies.
            read_evidence: Of what a turn's row holds.
        """
        self._engine, self._run, self._path, self._read_evidence = engine, run, path, read_evidence

    async def all(self, session_id: str | None = None) -> tuple[RememberedPicture, ...]:
        """The pictures of a session, or of all, the newest first. A picture that was shown twice is there twice."""

        def read() -> tuple[RememberedPicture, ...]:
            query = select(TurnRow).join(TurnRow.images).options(contains_eager(TurnRow.images)).order_by(TurnRow.number.desc())
            if session_id is not None:
                query = query.where(TurnRow.session_id == session_id)
            with Session(self._engine) as session:
                rows = session.scalars(query).unique().all()
                return tuple(picture for row in rows for picture in self._pictures(row))

        return await self._run(read)

    async def vectors(self, model: str, sha256s: Iterable[str]) -> dict[str, NDArray[np.float32]]:
        """The vectors that are kept, by the picture's sha256; `model` is the sha256 of the weights that made them."""
        names = list(dict.fromkeys(sha256s))

        def read() -> dict[str, NDArray[np.float32]]:
            found: dict[str, NDArray[np.float32]] = {}
            with Session(self._engine) as session:
                for start in range(0, len(names), _AT_ONCE):
                    chosen = PictureVectorRow.sha256.in_(names[start : start + _AT_ONCE])
                    for row in session.scalars(select(PictureVectorRow).where(PictureVectorRow.model == model, chosen)):
                        found[row.sha256] = np.frombuffer(row.vector, "<f4")
            return found

        return await self._run(read)

    async def keep_vector(self, model: str, sha256: str, vector_V: NDArray[np.float32]) -> None:
        """Keep a vector with its picture, unless that was forgotten meanwhile."""

        def write() -> None:
            with Session(self._engine) as session, session.begin():
                if session.scalar(select(exists().where(TurnImageRow.sha256 == sha256))):
                    values = {"sha256": sha256, "model": model, "vector": vector_V.astype("<f4").tobytes()}
                    session.execute(insert(PictureVectorRow).values(values).on_conflict_do_nothing())

        await self._run(write)

    def _pictures(self, row: TurnRow) -> list[RememberedPicture]:
        seen: list[Evidence | None] = [self._read_evidence(cast(dict[str, Any], item)) for item in row.evidence]
        if len(seen) != len(row.images):  # an older store kept pictures that could not be seen
            seen = [None] * len(row.images)
        said = "\n".join(part for part in (row.user_text, row.reply_text) if part)
        return [
            RememberedPicture(
                image.sha256, row.session_id, row.turn_id, row.created_at, str(self._path(image.sha256)), said, evidence
            )
            for image, evidence in zip(row.images, seen, strict=True)
        ]
