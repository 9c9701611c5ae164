"""Coverage that was superseded long ago: a live camera tells its stretch anew every few seconds, and each telling ends the one before."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, delete

from retrieval.catalog import journal, withholding
from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.catalog.holding import covered, in_force
from retrieval.types import Micros

_cov = t.coverage.c
_FLOOR = "retention.coverage_floor"
_BATCH = 2000


class Dropped(NamedTuple):
    """How many records went, and the last row that was looked at; None once there are no more."""

    records: int
    last: int | None


def drop_coverage(connection: Connection, tenant: str, before: Micros, after: int = 0) -> Dropped:
    """Remove the next records, of those behind the row `after`, that were superseded before a time and no hold keeps.

    The time is remembered: what is asked as of an earlier one is told less than was known.
    """
    old = (_cov.tenant == tenant, _cov.superseded_at < before, _cov.row > after)
    records = covered(connection, *old, limit=_BATCH)
    kept = in_force(connection, tenant).kept_coverage(connection, records)
    rows = [each.row for each in records if each.row not in kept]
    withholding.hand_on(connection, tenant, rows)
    for some in chunks(rows):
        connection.execute(delete(t.coverage).where(_cov.row.in_(some)))
    if rows and before > (coverage_floor(connection, tenant) or 0):
        journal.set_meta(connection, tenant, _FLOOR, str(before))
    return Dropped(len(rows), records[-1].row if len(records) == _BATCH else None)


def coverage_floor(connection: Connection, tenant: str) -> Micros | None:
    told = journal.meta(connection, tenant, _FLOOR)
    return None if told is None else int(told)
