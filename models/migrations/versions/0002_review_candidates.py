"""Candidates for review."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of candidates."""
    op.create_table(
        "review_candidates",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("segment_hash", sa.String(64), nullable=False),
        sa.Column("headline", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("topic", sa.Text),
        sa.Column("priority", sa.Float, nullable=False),
        sa.Column("topics", sa.JSON, nullable=False),
        sa.Column("document_id", sa.Text),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("claimed_by", sa.Text),
        sa.Column("claimed_until", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("segment_hash", name="uq_review_candidates_segment_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_review_candidates_priority", "review_candidates", ["topic", "priority"])
    op.create_index("ix_review_candidates_document_id", "review_candidates", ["document_id"])
    op.create_index("ix_review_candidates_seen_at", "review_candidates", ["seen_at"])
