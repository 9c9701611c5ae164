"""How often a refused source was tried, and as what: one that fails each time is given up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rejections", sa.Column("tried", sa.Text(), nullable=False, server_default=""))
    op.add_column("rejections", sa.Column("tries", sa.Integer(), nullable=False, server_default="1"))


def downgrade() -> None:
    op.drop_column("rejections", "tries")
    op.drop_column("rejections", "tried")
