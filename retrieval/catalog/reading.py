"""Reading evidence: who may see it, what was known when, and filters, as SQL. Statements are built once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, Text, and_, bindparam, or_, select, union

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks, evidence_from, vector_from
from retrieval.catalog.database import Database
from retrieval.catalog.lean import Lean, Listed, Ready, each_of, fits
from retrieval.catalog.pieces import of_tenant
from retrieval.catalog.seeing import Ended, Seeing, granted
from retrieval.types import Evidence, Filter, Interval, Micros, Principal, Vector

_ev = t.evidence.c
_TENANT = bindparam("tenant", type_=Text())
_GRANTED = granted(bindparam("granted", expanding=True))
_MAY_SEE = and_(_ev.tenant == _TENANT, _GRANTED)
_MAY_SEE_TOO = and_(of_tenant(_TENANT), _GRANTED)
_OPEN = _ev.superseded_at.is_(None)
_KNOWN = and_(
    _ev.recorded_at <= bindparam("as_of"), or_(_ev.superseded_at.is_(None), _ev.superseded_at > bindparam("as_of"))
)
_WANTED: BindParameter[Any] = bindparam("wanted", expanding=True)
_MENTIONS = select(Listed(t.mentions.c.position, t.mentions.c.entity, t.mentions.c.relation)).where(
    t.mentions.c.row == _ev.row
)
_LABELS = select(Listed(t.labels.c.label)).where(t.labels.c.row == _ev.row)
# in the order in which codec.evidence_from takes them
_EVIDENCE = select(
    _ev.row, _ev.id, _ev.tenant, _ev.source, _ev.kind, _ev.locator, _ev.text, _ev.provenance, _ev.revision, _ev.media,
    _ev.valid_t0, _ev.valid_t1, _ev.recorded_at, _ev.superseded_at, _ev.data,
    _MENTIONS.scalar_subquery().label("mentions"), _LABELS.scalar_subquery().label("labels"),
)  # fmt: skip
_ALL_OF_IDS = Ready.over(lambda ids: _EVIDENCE.where(_ev.id.in_(ids)))
_ALL_OF_ROWS = _EVIDENCE.where(_ev.row.in_(_WANTED))


class Reader(NamedTuple):
    """Where it is read, and what today's labels keep of what has ended."""

    db: Database
    seeing: Seeing


# row, source, place, and when it ended
_State: TypeAlias = Callable[[Any], tuple[int, str, str, Micros | None]]
_OF_EVIDENCE: _State = itemgetter(0, 3, 5, 13)
_STATE = (_ev.row, _ev.source, _ev.locator, _ev.superseded_at)
# rows that are judged at once
_JUDGED = 1000
Order: TypeAlias = tuple[ColumnElement[Any], ...]


class _Wanted:
    """Visible evidence by row or id: for any database, and in SQLite's words. `then`, where other columns are read of what was known at a
    time; `state` tells its own out of them."""

    def __init__(
        self,
        columns: Select[Any],
        by: ColumnElement[Any],
        then: Select[Any] | None = None,
        state: _State = _OF_EVIDENCE,
    ) -> None:
        self._state = state
        self._now = columns.where(by.in_(_WANTED), _OPEN, _MAY_SEE_TOO)
        self._then = (columns if then is None else then).where(by.in_(_WANTED), _KNOWN, _MAY_SEE_TOO)
        lean = and_(of_tenant(_TENANT), granted(each_of("granted")))
        self._lean = Lean(columns.where(by.in_(each_of("wanted")), _OPEN, lean))

    def read(self, reader: Reader, wanted: Sequence[Any], principal: Principal, as_of: Micros | None) -> Iterator[Any]:
        """Rows in any order; of many, not all are of one snapshot."""
        params = _params(principal, as_of)
        for some in chunks(dict.fromkeys(wanted)):
            told = {**params, "wanted": some}
            if as_of is None:
                yield from reader.db.quick(self._lean, self._now, told)
            else:
                yield from self._known(reader, told, principal)

    def _known(self, reader: Reader, told: dict[str, Any], principal: Principal) -> list[Any]:
        """Rows of what was known at a time, read and judged in one snapshot: what is erased between would keep nothing any more."""
        with reader.db.read() as connection:
            found = connection.execute(self._then, told).all()
            ended = _ended(found, self._state)
            lost = reader.seeing.withheld(connection, ended, principal) if ended else ()
        return [row for row in found if row[0] not in lost]


def _ended(found: Iterable[Any], state: _State) -> list[Ended]:
    return [Ended(row, source, place) for row, source, place, end in map(state, found) if end is not None]


_BY_ID, _BY_ROW, _SHOWN = (
    _Wanted(_EVIDENCE, _ev.id),
    _Wanted(_EVIDENCE, _ev.row),
    _Wanted(
        select(_ev.row, _ev.id),
        _ev.row,
        select(_ev.row, _ev.id, _ev.source, _ev.locator, _ev.superseded_at),
        itemgetter(0, 2, 3, 4),
    ),
)
_VECTORS = Ready.over(
    lambda ids: (
        select(t.vectors.c.row, t.vectors.c.space, t.vectors.c.data, t.vectors.c.dim)
        .join(t.evidence, _ev.row == t.vectors.c.row)
        .where(_ev.id.in_(ids))
        .order_by(t.vectors.c.row, t.vectors.c.space, t.vectors.c.part)
    )
)


def visible(principal: Principal) -> tuple[ColumnElement[bool], dict[str, Any]]:
    """The condition on open evidence, and its parameters."""
    return and_(_OPEN, _MAY_SEE), _params(principal, None)


def labels(connection: Connection, tenant: str) -> tuple[str, ...]:
    """Every label of a tenant's evidence, also those of erased evidence that go on keeping some from somebody, sorted."""
    of = (
        select(by.c.label).join(t.evidence, _ev.row == by.c.row).where(_ev.tenant == tenant)
        for by in (t.labels, t.withheld)
    )
    return tuple(sorted(connection.execute(union(*of)).scalars()))


def by_id(reader: Reader, ids: Sequence[str], principal: Principal, as_of: Micros | None) -> list[Evidence]:
    return [evidence_from(row) for row in _BY_ID.read(reader, ids, principal, as_of)]


def by_row(
    reader: Reader, rows: Sequence[int], principal: Principal, as_of: Micros | None
) -> Iterator[tuple[int, Evidence]]:
    for row in _BY_ROW.read(reader, [int(row) for row in rows], principal, as_of):
        yield row[0], evidence_from(row)


def shown(reader: Reader, rows: Sequence[int], principal: Principal, as_of: Micros | None) -> dict[int, str]:
    """row → id of those that `by_row` would give."""
    return {row[0]: row[1] for row in _SHOWN.read(reader, [int(row) for row in rows], principal, as_of)}


def every_revision(connection: Connection, ids: Sequence[str]) -> list[tuple[int, Evidence]]:
    """(row, evidence) of all revisions of these ids, open and closed, by row."""
    return _in_order(_ALL_OF_IDS.read(connection, {"wanted": some}) for some in chunks(dict.fromkeys(ids)))


def every_revision_now(db: Database, ids: Sequence[str]) -> list[tuple[int, Evidence]]:
    """The same outside a transaction; of more than a thousand ids, not all of one snapshot."""
    return _in_order(_at_once(db, _ALL_OF_IDS, some) for some in chunks(dict.fromkeys(ids)))


def _in_order(told: Iterable[Sequence[Sequence[Any]]]) -> list[tuple[int, Evidence]]:
    found = [(row[0], evidence_from(row)) for some in told for row in some]
    return sorted(found, key=itemgetter(0))


def scan(reader: Reader, filter_: Filter, principal: Principal, limit: int) -> list[Evidence]:
    """By valid time, unknown times last; at most `limit`."""
    hanging = bool(filter_.entities) and not filter_.sources
    who = _MAY_SEE_TOO if hanging else _MAY_SEE
    # as a sum the time has no index: of a planner's two, a source's own evidence is far less than a day's of all sources
    begin = _ev.valid_t0 + 0 if filter_.sources else _ev.valid_t0
    when = and_(_OPEN if filter_.as_of is None else _KNOWN, who, *_matches(filter_, begin))
    # two statements, so that each can stop at its limit in the order of an index
    ordered: list[tuple[ColumnElement[bool], Order]] = [(and_(when, begin.is_not(None)), (begin, _ev.row))]
    if filter_.window is None:
        ordered.append((and_(when, begin.is_(None)), (_ev.row,)))
    found: list[Evidence] = []
    with reader.db.read() as connection:
        for where, order in ordered:
            if len(found) < limit:
                first = _first if filter_.as_of is None else partial(_first_shown, reader.seeing, principal)
                found += first(connection, where, order, _params(principal, filter_.as_of), limit - len(found))
    return found


def _first(
    connection: Connection, where: ColumnElement[bool], order: Order, params: dict[str, Any], limit: int
) -> list[Evidence]:
    statement = _EVIDENCE.where(where).order_by(*order).limit(limit)
    return [evidence for _, evidence in _load(connection, statement, params)]


def _first_shown(
    seeing: Seeing,
    principal: Principal,
    connection: Connection,
    where: ColumnElement[bool],
    order: Order,
    params: dict[str, Any],
    limit: int,
) -> list[Evidence]:
    """The same of what was known at a time, less what today's labels keep: rows are judged before they are read."""
    states = select(*_STATE).where(where).order_by(*order).execution_options(yield_per=_JUDGED)
    shown: list[int] = []
    for some in connection.execute(states, params).partitions():
        ended = _ended(some, tuple)
        lost = seeing.withheld(connection, ended, principal) if ended else ()
        shown += [row[0] for row in some if row[0] not in lost]
        if len(shown) >= limit:
            break
    found: dict[int, Evidence] = {}
    for wanted in chunks(shown[:limit]):
        found.update(_load(connection, _ALL_OF_ROWS, {"wanted": wanted}))
    return [found[row] for row in shown[:limit]]


def vectors(db: Database, ids: Sequence[str]) -> Iterator[tuple[int, str, Vector]]:
    """(row, space, vector) of these ids, which are a thousand at most."""
    for row, space, data, dim in _at_once(db, _VECTORS, ids):
        yield row, space, vector_from(data, dim)


def _at_once(db: Database, ready: Ready, ids: Sequence[str]) -> Sequence[Sequence[Any]]:
    wanted = {"wanted": list(ids)}
    if fits(wanted):
        return db.quick(ready.lean, ready.anywhere, wanted)
    with db.read() as connection:
        return ready.read(connection, wanted)


def vectors_of(reader: Reader, id_: str, principal: Principal, as_of: Micros | None) -> dict[str, list[Vector]]:
    """By space, those of the one revision the principal may see at that time."""
    row = next((row[0] for row in _BY_ID.read(reader, [id_], principal, as_of)), None)
    found: dict[str, list[Vector]] = {}
    for owner, space, vector in vectors(reader.db, [id_]):
        if owner == row:
            found.setdefault(space, []).append(vector)
    return found


def overlaps(t0: ColumnElement[Any], t1: ColumnElement[Any], window: Interval) -> ColumnElement[bool]:
    """Interval.overlaps in SQL. An unknown time is NULL, so that every comparison leaves it out."""
    if window.t0 == window.t1:
        return and_(t0 <= window.t0, or_(t1 > window.t0, and_(t0 == window.t0, t1 == t0)))
    return and_(t0 < window.t1, or_(t1 > window.t0, and_(t1 == t0, t0 >= window.t0)))


def _matches(filter_: Filter, begin: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filter_.kinds:
        conditions.append(_ev.kind.in_([str(kind) for kind in filter_.kinds]))
    if filter_.sources:
        conditions.append(_ev.source.in_(filter_.sources))
    if filter_.entities:
        hanging = select(t.mentions.c.row).where(t.mentions.c.entity.in_(filter_.entities))
        conditions.append(_ev.row.in_(hanging))
    if filter_.window is not None:
        conditions.append(overlaps(begin, _ev.valid_t1, filter_.window))
    return conditions


def _params(principal: Principal, as_of: Micros | None) -> dict[str, Any]:
    params: dict[str, Any] = {"tenant": principal.tenant, "granted": list(principal.labels)}
    return params if as_of is None else {**params, "as_of": as_of}


def _load(connection: Connection, statement: Select[Any], params: dict[str, Any]) -> list[tuple[int, Evidence]]:
    return [(row[0], evidence_from(row)) for row in connection.execute(statement, params)]
