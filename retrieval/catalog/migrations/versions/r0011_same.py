"""Whether what was erased said the same as what its labels go on keeping; and of coverage, what was told last about a subject."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_coverage = sa.table("coverage", sa.column("row", sa.Integer()), sa.column("under", sa.Text()))


def upgrade() -> None:
    # a version in between had the column already
    if "same" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("withheld")}:
        op.add_column("withheld", sa.Column("same", sa.Boolean(), nullable=False, server_default=sa.false()))
    # one list of labels before, several now
    _reworded(lambda told: told if told and isinstance(told[0], list) else [told])


def downgrade() -> None:
    _reworded(lambda told: told[0])
    op.drop_column("withheld", "same")


def _reworded(how: Callable[[list[Any]], list[Any]]) -> None:
    """What is written down of labels, which is rare."""
    row, under = _coverage.c.row, _coverage.c.under
    for number, told in op.get_bind().execute(sa.select(row, under).where(under.is_not(None))).all():
        op.execute(sa.update(_coverage).where(row == number).values(under=json.dumps(how(json.loads(told)))))
