"""Erasures, legal holds, what is not to come back, and which answers tell of which evidence."""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_ID = re.compile(r"ev_[0-9a-f]{40}")
_BATCH = 500


def upgrade() -> None:
    op.create_table(
        "erasures",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("id", "tenant", "subject", "what", "state")),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("tally", sa.Text(), nullable=False),
        sa.Column("hidden_at", sa.BigInteger(), nullable=False),
        sa.Column("purged_at", sa.BigInteger(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("commitments", "notes", "receipt", "trouble")),
        sa.PrimaryKeyConstraint("id", name="pk_erasures"),
    )
    op.create_index("ix_erasures_state", "erasures", ["tenant", "state"])
    op.create_table(
        "erased",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "digest", "erasure")),
        sa.PrimaryKeyConstraint("tenant", "digest", name="pk_erased"),
    )
    op.create_table(
        "holds",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("id", "tenant", "subject")),
        sa.Column("placed_at", sa.BigInteger(), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_holds"),
    )
    op.create_index("ix_holds_tenant", "holds", ["tenant", "released_at"])
    op.create_table(
        "quotes",
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("answer", "evidence", name="pk_quotes"),
        sa.ForeignKeyConstraint(["answer"], ["asks.id"], name="fk_quotes_answer", ondelete="CASCADE"),
    )
    op.create_index("ix_quotes_evidence", "quotes", ["evidence"])
    _quote_what_was_answered(op.get_bind())


def _quote_what_was_answered(connection: sa.Connection) -> None:
    """Answers given before tell of evidence too."""
    answers = sa.table("answers", sa.column("id"), sa.column("body"))
    quotes = sa.table("quotes", sa.column("answer"), sa.column("evidence"))
    last = ""
    while rows := connection.execute(
        sa.select(answers).where(answers.c.id > last).order_by(answers.c.id).limit(_BATCH)
    ).all():
        told = [{"answer": row.id, "evidence": id_} for row in rows for id_ in sorted(set(_ID.findall(row.body)))]
        if told:
            connection.execute(sa.insert(quotes), told)
        last = rows[-1].id


def downgrade() -> None:
    for table in ("quotes", "holds", "erased", "erasures"):
        op.drop_table(table)
