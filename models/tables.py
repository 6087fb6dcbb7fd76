"""The tables of the corrections store. `models/migrations/` makes them; a test holds both to the same answer."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class Utc(TypeDecorator[datetime]):
    """A moment, in UTC on its way in and out: SQLite keeps no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment in UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The moment with its zone."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


# SQLite gives ids that are never used again, even after a deletion, to INTEGER keys alone and when told so
_ID = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

corrections = Table(
    "corrections",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("segment_hash", String(64), nullable=False),
    Column("headline", Text),
    Column("text", Text, nullable=False),
    Column("topics", JSON, nullable=False),
    Column("shown", JSON(none_as_null=True)),
    Column("document_id", Text),
    Column("model_version", Text),
    Column("note", Text),
    Column("group", Text),
    Column("source", Text),
    Column("corrected_by", Text, nullable=False),  # "" where keys are not in use: NULLs would all be distinct below
    Column("recorded_at", Utc, nullable=False),
    Column("idempotency_key", Text),
    UniqueConstraint("corrected_by", "idempotency_key", name="uq_corrections_idempotency_key"),
    Index("ix_corrections_segment", "segment_hash", "id"),
    Index("ix_corrections_document_id", "document_id"),
    Index("ix_corrections_recorded_at", "recorded_at"),
    sqlite_autoincrement=True,
)

# What is worth a person's look. `topic` is the least certain one and `priority` its distance from the threshold in log-odds;
# a row of the random sample has no topic, and its priority is the lot it drew, in [0, 1). Lower comes first in both.
candidates = Table(
    "review_candidates",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("segment_hash", String(64), nullable=False),
    Column("headline", Text),
    Column("text", Text, nullable=False),
    Column("topic", Text),
    Column("priority", Float, nullable=False),
    Column("topics", JSON, nullable=False),
    Column("document_id", Text),
    Column("model_version", Text, nullable=False),
    Column("seen_at", Utc, nullable=False),
    Column("claimed_by", Text),
    Column("claimed_until", Utc),
    UniqueConstraint("segment_hash", name="uq_review_candidates_segment_hash"),
    Index("ix_review_candidates_priority", "topic", "priority"),
    Index("ix_review_candidates_document_id", "document_id"),
    Index("ix_review_candidates_seen_at", "seen_at"),
    sqlite_autoincrement=True,
)
