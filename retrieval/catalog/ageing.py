"""Coverage that was superseded long ago: a live camera tells its stretch anew every few seconds, and each telling ends the one before."""

from __future__ import annotations

from sqlalchemy import Connection, delete, not_, select

from retrieval.catalog import journal
from retrieval.catalog import tables as t
from retrieval.catalog.choosing import holds, keeps_coverage
from retrieval.types import Micros

_cov = t.coverage.c
_FLOOR = "retention.coverage_floor"
_BATCH = 2000


def drop_coverage(connection: Connection, tenant: str, before: Micros) -> int:
    """Remove some records that were superseded before a time and no hold keeps; how many, 0 once there are none.

    The time is remembered: what is asked as of an earlier one is told less than was known.
    """
    kept = [keeps_coverage(hold) for hold in holds(connection, tenant)]
    old = (_cov.tenant == tenant, _cov.superseded_at < before, *(not_(each) for each in kept))
    some = select(_cov.row).where(*old).limit(_BATCH)
    gone = connection.execute(delete(t.coverage).where(_cov.row.in_(some))).rowcount
    if gone and before > (coverage_floor(connection, tenant) or 0):
        journal.set_meta(connection, tenant, _FLOOR, str(before))
    return gone


def coverage_floor(connection: Connection, tenant: str) -> Micros | None:
    told = journal.meta(connection, tenant, _FLOOR)
    return None if told is None else int(told)
