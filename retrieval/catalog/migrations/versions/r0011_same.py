"""Whether what was erased said the same as what its labels go on keeping; and of coverage, what was told last about a subject."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_INDEX = "ix_coverage_told"
_coverage = sa.table("coverage", sa.column("under", sa.Text()))
_under = _coverage.c.under


def upgrade() -> None:
    op.add_column("withheld", sa.Column("same", sa.Boolean(), nullable=False, server_default=sa.false()))
    # one list of labels before, several now
    op.execute(sa.update(_coverage).where(_under.is_not(None)).values(under="[" + _under + "]"))
    op.create_index(_INDEX, "coverage", ["tenant", "source", "superseded_at", "subject"])


def downgrade() -> None:
    op.drop_index(_INDEX, "coverage")
    op.execute(sa.update(_coverage).values(under=None))
    op.drop_column("withheld", "same")
