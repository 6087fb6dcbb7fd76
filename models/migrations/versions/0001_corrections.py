"""Corrections."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table of corrections."""
    op.create_table(
        "corrections",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("segment_hash", sa.String(64), nullable=False),
        sa.Column("headline", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("topics", sa.JSON, nullable=False),
        sa.Column("shown", sa.JSON),
        sa.Column("document_id", sa.Text),
        sa.Column("model_version", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("group", sa.Text),
        sa.Column("source", sa.Text),
        sa.Column("corrected_by", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idempotency_key", sa.Text),
        sa.UniqueConstraint("corrected_by", "idempotency_key", name="uq_corrections_idempotency_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_corrections_segment", "corrections", ["segment_hash", "id"])
    op.create_index("ix_corrections_document_id", "corrections", ["document_id"])
    op.create_index("ix_corrections_recorded_at", "corrections", ["recorded_at"])
