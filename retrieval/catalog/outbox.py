"""The log as it is read: what projections follow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from retrieval.catalog import tables as t
from retrieval.catalog.database import Database
from retrieval.catalog.lean import Lean
from retrieval.ports import LogEntry

# an entry of a large source names thousands of pieces: a hundred such at once would take as much memory as an index of them
_CHUNK, _NAMES = 10, 5_000
_AFTER = (
    select(t.outbox.c.sequence, t.outbox.c.tenant, t.outbox.c.kind, t.outbox.c.payload)
    .where(t.outbox.c.sequence > bindparam("after"))
    .order_by(t.outbox.c.sequence)
    .limit(bindparam("most"))
)
_LEAN = Lean(_AFTER)


class _Payload(msgspec.Struct, frozen=True):
    evidence: tuple[str, ...]
    closed: tuple[str, ...]
    site: bool


_payload = msgspec.json.Decoder(_Payload)


def entries(db: Database, after: int, limit: int) -> list[LogEntry]:
    """Those with sequence > after, in order: at most `limit`, and no more once they name some thousands of pieces."""
    found, named = list[LogEntry](), 0
    for entry in _each(db, after, limit):
        found.append(entry)
        named += len(entry.evidence) + len(entry.closed)
        if named >= _NAMES:
            break
    return found


def _each(db: Database, after: int, limit: int) -> Iterator[LogEntry]:
    while limit > 0:
        rows = db.quick(_LEAN, _AFTER, {"after": after, "most": min(_CHUNK, limit)})
        yield from map(_told, rows)
        if len(rows) < _CHUNK:
            return
        after, limit = rows[-1][0], limit - len(rows)


def _told(row: Sequence[Any]) -> LogEntry:
    sequence, tenant, kind, payload = row
    told = _payload.decode(payload)
    return LogEntry(sequence, tenant, told.evidence, told.closed, told.site, kind != "commit")
