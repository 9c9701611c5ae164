"""The log as it is read: what projections follow."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, Row, bindparam, select

from retrieval.catalog import tables as t
from retrieval.ports import LogEntry

# an entry of a large source names thousands of pieces: a hundred such at once would take as much memory as an index of them
_CHUNK, _NAMES = 10, 5_000
_AFTER = (
    select(t.outbox)
    .where(t.outbox.c.sequence > bindparam("after"))
    .order_by(t.outbox.c.sequence)
    .limit(bindparam("most"))
    .execution_options(yield_per=_CHUNK)
)


class _Payload(msgspec.Struct, frozen=True):
    evidence: tuple[str, ...]
    closed: tuple[str, ...]
    site: bool


_payload = msgspec.json.Decoder(_Payload)


def entries(connection: Connection, after: int, limit: int) -> list[LogEntry]:
    """Those with sequence > after, in order: at most `limit`, and no more once they name some thousands of pieces."""
    found, named = list[LogEntry](), 0
    for row in connection.execute(_AFTER, {"after": after, "most": limit}):
        found.append(_told(row))
        named += len(found[-1].evidence) + len(found[-1].closed)
        if named >= _NAMES:
            break
    return found


def _told(row: Row[tuple[object, ...]]) -> LogEntry:
    told = _payload.decode(row.payload)
    return LogEntry(row.sequence, row.tenant, told.evidence, told.closed, told.site, row.kind != "commit")
