"""From whom earlier states are kept though what judged them is erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "withheld",
        sa.Column("row", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("row", "part", "label", name="pk_withheld"),
        sa.ForeignKeyConstraint(["row"], ["evidence.row"], name="fk_withheld_row", ondelete="CASCADE"),
    )
    op.add_column("coverage", sa.Column("under", sa.Text(), nullable=True))


def downgrade() -> None:
    # as it is: a batch would make the table anew on SQLite, and its numbers would be given twice
    op.drop_column("coverage", "under")
    op.drop_table("withheld")
