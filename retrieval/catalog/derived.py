"""What was made out of a piece of evidence (a caption of a frame) ends in the transaction in which that piece ends.

No reader has to ask, then, whether the frame behind a caption is still there: now and for every time before, both are known or neither is.
It is found by the name of its source (ids.derived_source), which says what it hangs on.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, select, update

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.errors import EvidenceNotFound
from retrieval.ids import derived_from
from retrieval.ports import Unit
from retrieval.types import Micros

_ev = t.evidence.c
# every name with a "#" behind it sorts between these two, so that an index finds them
_FIRST, _BEYOND = "#", "$"


def refuse_orphan(connection: Connection, unit: Unit) -> None:
    """Raises EvidenceNotFound where a unit brings what was made out of evidence that is not there any more."""
    hangs_on = derived_from(unit.source) if unit.evidence else None
    if hangs_on is None:
        return
    source, of = hangs_on
    there = (_ev.id == of, _ev.tenant == unit.tenant, _ev.source == source, _ev.superseded_at.is_(None))
    if connection.execute(select(_ev.row).where(*there)).first() is None:
        raise EvidenceNotFound(f"{of} is gone, and with it what was made out of it")


def end(connection: Connection, tenant: str, source: str, ended: Sequence[str], now: Micros) -> list[str]:
    """Supersede what was made out of these pieces of a source; its ids."""
    rows = _resting_on(connection, tenant, source, ended)
    for some in chunks(rows):
        connection.execute(update(t.evidence).where(_ev.row.in_(some)).values(superseded_at=now))
    return list(rows.values())


def forget(connection: Connection, tenant: str, source: str, gone: Sequence[str]) -> list[str]:
    """Remove what was made out of these pieces of an unfinished revision, as they were; its ids."""
    rows = _resting_on(connection, tenant, source, gone)
    for some in chunks(rows):
        connection.execute(delete(t.evidence).where(_ev.row.in_(some)))
    return list(rows.values())


def _resting_on(connection: Connection, tenant: str, source: str, ids: Sequence[str]) -> dict[int, str]:
    """Row → id of open evidence that was made out of these pieces of a source."""
    if not ids:
        return {}
    named = (_ev.source >= source + _FIRST, _ev.source < source + _BEYOND)
    found = connection.execute(
        select(_ev.row, _ev.id, _ev.source).where(_ev.tenant == tenant, *named, _ev.superseded_at.is_(None))
    )
    known = set(ids)
    return {row: id_ for row, id_, of in found if (hangs_on := derived_from(of)) and hangs_on[1] in known}
