"""What is of a time is told by the index alone: a window late in the log no longer reads every row before it."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_evidence_valid", "evidence")
    op.create_index("ix_evidence_valid", "evidence", ["tenant", "valid_t0", "valid_t1", "kind"])


def downgrade() -> None:
    op.drop_index("ix_evidence_valid", "evidence")
    op.create_index("ix_evidence_valid", "evidence", ["tenant", "valid_t0"])
