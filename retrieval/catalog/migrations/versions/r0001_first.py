"""The first tables: evidence with both times, its vectors, coverage, the site, the log, asks, feedback and audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TABLES = (
    "head",
    "tenants",
    "sources",
    "evidence",
    "labels",
    "mentions",
    "vectors",
    "kept",
    "coverage",
    "entities",
    "links",
    "asks",
    "answers",
    "feedback",
    "outbox",
    "audit",
    "rejections",
    "meta",
)


def _head() -> None:
    op.create_table(
        "head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_head"),
    )
    op.execute(
        sa.table("head", sa.column("id"), sa.column("sequence"), sa.column("recorded_at"))
        .insert()
        .values(id=1, sequence=0, recorded_at=0)
    )


def _tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_tenants"),
    )


def _sources() -> None:
    op.create_table(
        "sources",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("superseded_at", sa.BigInteger(), nullable=True),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("ingester", sa.Text(), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_sources"),
        sa.UniqueConstraint("tenant", "source", "revision", name="uq_sources_tenant_source_revision"),
        sqlite_autoincrement=True,
    )


def _evidence() -> None:
    op.create_table(
        "evidence",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("superseded_at", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("locator", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("media", sa.Text(), nullable=True),
        sa.Column("valid_t0", sa.BigInteger(), nullable=True),
        sa.Column("valid_t1", sa.BigInteger(), nullable=True),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_evidence"),
        sa.UniqueConstraint("id", "revision", name="uq_evidence_id_revision"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_evidence_known", "evidence", ["tenant", "recorded_at", "superseded_at"], unique=False)
    op.create_index("ix_evidence_source", "evidence", ["tenant", "source", "superseded_at"], unique=False)
    op.create_index("ix_evidence_valid", "evidence", ["tenant", "valid_t0"], unique=False)


def _labels() -> None:
    op.create_table(
        "labels",
        sa.Column("row", _ROW, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["row"], ["evidence.row"], name="fk_labels_row", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("row", "label", name="pk_labels"),
    )


def _mentions() -> None:
    op.create_table(
        "mentions",
        sa.Column("row", _ROW, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["row"], ["evidence.row"], name="fk_mentions_row", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("row", "position", name="pk_mentions"),
    )
    op.create_index("ix_mentions_entity", "mentions", ["entity", "row"], unique=False)


def _vectors() -> None:
    op.create_table(
        "vectors",
        sa.Column("row", _ROW, nullable=False),
        sa.Column("space", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("precision", sa.Text(), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["row"], ["evidence.row"], name="fk_vectors_row", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("row", "space", "part", name="pk_vectors"),
    )


def _kept() -> None:
    op.create_table(
        "kept",
        sa.Column("row", _ROW, nullable=False),
        sa.ForeignKeyConstraint(["row"], ["evidence.row"], name="fk_kept_row", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("row", name="pk_kept"),
    )


def _coverage() -> None:
    op.create_table(
        "coverage",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("superseded_at", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("valid_t0", sa.BigInteger(), nullable=True),
        sa.Column("valid_t1", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_coverage"),
        sa.UniqueConstraint("tenant", "source", "revision", "digest", name="uq_coverage_tenant_source_revision_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_coverage_known", "coverage", ["tenant", "superseded_at", "recorded_at"], unique=False)
    op.create_index("ix_coverage_subject", "coverage", ["tenant", "subject", "valid_t0"], unique=False)
    op.create_index("ix_coverage_uri", "coverage", ["tenant", "uri", "valid_t0"], unique=False)


def _entities() -> None:
    op.create_table(
        "entities",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("superseded_at", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_entities"),
        sa.UniqueConstraint("tenant", "source", "revision", "digest", name="uq_entities_tenant_source_revision_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_entities_known", "entities", ["tenant", "superseded_at", "id"], unique=False)


def _links() -> None:
    op.create_table(
        "links",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("superseded_at", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_links"),
        sa.UniqueConstraint("tenant", "source", "revision", "digest", name="uq_links_tenant_source_revision_digest"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_links_known", "links", ["tenant", "superseded_at"], unique=False)


def _asks() -> None:
    op.create_table(
        "asks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("first_evidence_ms", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_asks"),
    )
    op.create_index("ix_asks_tenant", "asks", ["tenant", "recorded_at"], unique=False)


def _answers() -> None:
    op.create_table(
        "answers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["asks.id"], name="fk_answers_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_answers"),
    )


def _feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["answer"], ["asks.id"], name="fk_feedback_answer", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("row", name="pk_feedback"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feedback_answer", "feedback", ["answer"], unique=False)


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_outbox"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("row", _ROW, autoincrement=True, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("row", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_tenant", "audit", ["tenant", "recorded_at"], unique=False)


def _rejections() -> None:
    op.create_table(
        "rejections",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "source", name="pk_rejections"),
    )


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key", name="pk_meta"),
    )


def upgrade() -> None:
    _head()
    _tenants()
    _sources()
    _evidence()
    _labels()
    _mentions()
    _vectors()
    _kept()
    _coverage()
    _entities()
    _links()
    _asks()
    _answers()
    _feedback()
    _outbox()
    _audit()
    _rejections()
    _meta()


def downgrade() -> None:
    """Back to an empty database."""
    for table in reversed(_TABLES):
        op.drop_table(table)
