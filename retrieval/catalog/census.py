"""What projections are compared with: every revision of every tenant by row, samples of them, and which store this is."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Select, and_, func, select

from retrieval.catalog import commits, journal
from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.catalog.database import Database
from retrieval.catalog.reading import every_revision
from retrieval.ports import Projected
from retrieval.types import Micros

_ev = t.evidence.c
# what an erasure has hidden is gone for every projection
_SEEN = _ev.tenant.not_like(f"{t.HIDDEN}%")
_OPEN = and_(_ev.superseded_at.is_(None), _SEEN)
# facts of the store itself stand under a tenant that nobody can be
_STORE, _ID = "", "store"


class Census:
    """Reads across tenants: for keeping the store well, never for answering. Raises StoreError, StoreBusy."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def page(self, after: int, limit: int = 500) -> list[Projected]:
        """Revisions with a row number above `after`, open and closed, by row, at most `limit`."""
        wanted = select(_ev.row, _ev.id).where(_ev.row > after, _SEEN).order_by(_ev.row).limit(limit)
        return self._read(wanted)

    def pages(self, size: int = 500) -> Iterator[list[Projected]]:
        """Every revision by row, so many at a time."""
        after = 0
        while page := self.page(after, size):
            yield page
            after = page[-1].row

    def ids(self, rows: Iterable[int]) -> dict[str, list[str]]:
        """Tenant → the ids of these rows; rows there are none of, or that an erasure has hidden meanwhile, are left out."""
        found: defaultdict[str, dict[str, None]] = defaultdict(dict)
        with self._db.read() as connection:
            for some in chunks(rows):
                for tenant, id_ in connection.execute(select(_ev.tenant, _ev.id).where(_SEEN, _ev.row.in_(some))):
                    found[tenant][id_] = None
        return {tenant: list(ids) for tenant, ids in found.items()}

    def tenants(self) -> list[str]:
        """Every tenant that has a log entry."""
        with self._db.read() as connection:
            return list(connection.execute(select(t.outbox.c.tenant).distinct()).scalars())

    def sample(self, count: int) -> list[Projected]:
        """Open revisions, at most 2 × `count`: the newest, and others spread evenly over the row numbers there are."""
        newest = select(_ev.row, _ev.id).where(_OPEN).order_by(_ev.row.desc()).limit(count)
        found = {item.row: item for item in self._read(newest)}
        with self._db.read() as connection:
            first, last = connection.execute(select(func.min(_ev.row), func.max(_ev.row))).one()
        for start in [] if first is None else range(first, last + 1, max(1, (last - first + 1) // count)):
            spread = select(_ev.row, _ev.id).where(_OPEN, _ev.row >= start).order_by(_ev.row).limit(1)
            found |= {item.row: item for item in self._read(spread)}
        return [found[row] for row in sorted(found)[-2 * count :]]

    def still_open(self, rows: Sequence[int]) -> set[int]:
        """Those of the rows that are open now."""
        with self._db.read() as connection:
            return set(connection.execute(select(_ev.row).where(_OPEN, _ev.row.in_(list(rows)))).scalars())

    def recorded_at(self, sequence: int) -> Micros | None:
        """When the log entry of this sequence was written: tells this history from another with the same numbers. None: no entry."""
        with self._db.read() as connection:
            when: Micros | None = connection.execute(
                select(t.outbox.c.recorded_at).where(t.outbox.c.sequence == sequence)
            ).scalar()
        return when

    def store_id(self) -> str:
        """32 hex digits that name this store; drawn at first use, which writes."""
        with self._db.read() as connection:
            known = journal.meta(connection, _STORE, _ID)
        if known is not None:
            return known
        with self._db.write() as connection:
            commits.lock(connection)
            if (known := journal.meta(connection, _STORE, _ID)) is None:
                known = secrets.token_hex(16)
                journal.set_meta(connection, _STORE, _ID, known)
        return known

    def _read(self, wanted: Select[tuple[int, str]]) -> list[Projected]:
        with self._db.read() as connection:
            rows = {row.row: row.id for row in connection.execute(wanted)}
            revisions = every_revision(connection, list(rows.values()))
        return [Projected(row, evidence) for row, evidence in revisions if row in rows]
