"""When a revision closes, what earlier ones of its source hold and it does not ends. Statements are put into words once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, select, update

from retrieval.catalog import derived
from retrieval.catalog import tables as t
from retrieval.catalog.lean import Ready
from retrieval.types import Micros

_ev = t.evidence.c


def _mine(table: Table) -> tuple[Any, Any]:
    return table.c.tenant == bindparam("of_tenant"), table.c.source == bindparam("of_source")


def _earlier(table: Table) -> tuple[Any, ...]:
    return *_mine(table), table.c.superseded_at.is_(None), table.c.revision < bindparam("closing")


_STALE = (*_earlier(t.evidence), _ev.row.not_in(select(t.kept.c.row)))
_STALE_IDS = Ready(select(_ev.id).where(*_STALE).order_by(_ev.row))
_END_STALE = Ready(update(t.evidence).where(*_STALE).values(superseded_at=bindparam("ended_at")))
_END = {
    table: Ready(update(table).where(*_earlier(table)).values(superseded_at=bindparam("ended_at")))
    for table in (t.coverage, t.entities, t.links, t.sources)
}
_FORGET_KEPT = Ready(delete(t.kept).where(t.kept.c.row.in_(select(_ev.row).where(*_mine(t.evidence)))))


def supersede(connection: Connection, tenant: str, source: str, revision: int, now: Micros) -> tuple[list[str], int]:
    """End what revisions before this one hold and it does not; the ids superseded, and how many entities and links were ended."""
    mine = {"of_tenant": tenant, "of_source": source, "closing": revision}
    closed: list[str] = [id_ for (id_,) in _STALE_IDS.read(connection, mine)]
    if closed:
        _END_STALE.run(connection, {**mine, "ended_at": now})
        closed += derived.end(connection, tenant, source, closed, now)
    ended = {table: words.run(connection, {**mine, "ended_at": now}) for table, words in _END.items()}
    forget_kept(connection, tenant, source)
    return closed, ended[t.entities] + ended[t.links]


def forget_kept(connection: Connection, tenant: str, source: str) -> None:
    """No revision of the source is under way any more."""
    _FORGET_KEPT.run(connection, {"of_tenant": tenant, "of_source": source})
