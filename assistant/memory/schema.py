"""The tables."""

from __future__ import annotations

from sqlalchemy import JSON, Float, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

VERSION = 1
"""Kept in SQLite's `user_version`; a database of another version is refused."""


class Base(DeclarativeBase):
    """All tables."""


class SessionRow(Base):
    """A conversation."""

    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(String(255), primary_key=True)
    created_at: Mapped[str] = mapped_column(String(32))
    updated_at: Mapped[str] = mapped_column(String(32), index=True)


class TurnRow(Base):
    """What the user said and what was answered. `number` orders the turns of all sessions as they were begun."""

    __tablename__ = "turns"
    __table_args__ = (
        UniqueConstraint("session_id", "turn_id"),
        Index("turns_by_session", "session_id", "number"),
        {"sqlite_autoincrement": True},
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("sessions.id", ondelete="CASCADE"))
    turn_id: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[str] = mapped_column(String(32))
    user_text: Mapped[str] = mapped_column(Text)
    reply_text: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[str] = mapped_column(String(8))
    status: Mapped[str] = mapped_column(String(16), default="open")
    evidence: Mapped[list[dict[str, object]]] = mapped_column(JSON, default=list)
    usage: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    timings_ms: Mapped[dict[str, float]] = mapped_column(JSON, default=dict)
    images: Mapped[list[TurnImageRow]] = relationship(
        order_by="TurnImageRow.position", cascade="all, delete-orphan", passive_deletes=True, lazy="selectin"
    )
    voice: Mapped[TurnVoiceRow | None] = relationship(cascade="all, delete-orphan", passive_deletes=True, lazy="selectin")


class TurnImageRow(Base):
    """A picture shown in a turn; the file is named after the sha256."""

    __tablename__ = "turn_images"
    turn_number: Mapped[int] = mapped_column(ForeignKey("turns.number", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)


class TurnVoiceRow(Base):
    """How a spoken turn was said, as `Voice` has it."""

    __tablename__ = "turn_voices"
    turn_number: Mapped[int] = mapped_column(ForeignKey("turns.number", ondelete="CASCADE"), primary_key=True)
    loudness_db: Mapped[float] = mapped_column(Float)
    pitch_hz: Mapped[float] = mapped_column(Float)
    syllables_per_s: Mapped[float] = mapped_column(Float)


class PictureVectorRow(Base):
    """What a model made of a picture, kept so that a search need not look at it again; forgotten with the picture."""

    __tablename__ = "picture_vectors"
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    model: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The sha256 of its weights."""
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    """Little-endian float32."""
