"""Revisions of evidence as erasing and holding see them, and what was made out of which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Connection, Table, and_, or_, select

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.ids import derived_from

_ev = t.evidence.c


def of_tenant(tenant: str | BindParameter[str]) -> ColumnElement[bool]:
    """Beside ids, media or entities: the same without the tenant's indexes. A planner without statistics takes one of them where the
    others are far more selective, and reads the whole tenant."""
    return _ev.tenant.concat("") == tenant


def at_or_on(table: Table, source: str) -> ColumnElement[bool]:
    """A source, and what was made out of its evidence; as one range, since for two either or the whole tenant is read."""
    named = table.c.source
    return and_(named >= source, named < source + "$", or_(named == source, named >= source + "#"))


class Piece(NamedTuple):
    """A revision. `valid` is [t0, t1) in UTC µs, (None, None) where unknown; `recorded_at` is UTC µs."""

    row: int
    id: str
    source: str
    kind: str
    media: str | None
    valid: tuple[int | None, int | None]
    recorded_at: int


PIECE = select(_ev.row, _ev.id, _ev.source, _ev.kind, _ev.media, _ev.valid_t0, _ev.valid_t1, _ev.recorded_at)


def read(connection: Connection, statements: Iterable[Any]) -> dict[int, Piece]:
    """Row → what `PIECE` selects of it."""
    return {
        row: Piece(row, id_, source, kind, media, (t0, t1), recorded)
        for statement in statements
        for row, id_, source, kind, media, t0, t1, recorded in connection.execute(statement)
    }


def made_out_of(connection: Connection, tenant: str, pieces: Iterable[Piece]) -> dict[int, Piece]:
    """Revisions of what was made out of these pieces, open and closed."""
    by_source: dict[str, set[str]] = defaultdict(set)
    for piece in pieces:
        by_source[piece.source].add(piece.id)
    found: dict[int, Piece] = {}
    for source, ids in by_source.items():
        named = (_ev.source >= source + "#", _ev.source < source + "$")
        below = read(connection, [PIECE.where(_ev.tenant == tenant, *named)])
        found |= {row: each for row, each in below.items() if (of := derived_from(each.source)) and of[1] in ids}
    return found


def relatives(connection: Connection, tenant: str, pieces: Collection[Piece]) -> dict[int, Piece]:
    """What these pieces were made out of, where they were, and all that was made out of that."""
    ids = {of[1] for piece in pieces if (of := derived_from(piece.source))}
    named = (PIECE.where(of_tenant(tenant), _ev.id.in_(some)) for some in chunks(ids))
    bases = read(connection, named)
    return bases | made_out_of(connection, tenant, bases.values())


def family(piece: Piece) -> str:
    """The id of what a piece was made out of, or else its own."""
    of = derived_from(piece.source)
    return of[1] if of else piece.id
