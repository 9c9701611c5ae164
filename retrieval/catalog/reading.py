"""Reading evidence: who may see it, what was known when, and filters, as SQL. Statements are built once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, Text, and_, bindparam, func, or_, select

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks, evidence_from, vector_from
from retrieval.catalog.database import Database
from retrieval.catalog.lean import Lean, Listed, each_of
from retrieval.types import Evidence, Filter, Interval, Micros, Principal, Vector

_ev = t.evidence.c
_labelled = select(t.labels.c.row).where(t.labels.c.row == _ev.row).exists()
_TENANT = bindparam("tenant", type_=Text())


def _granted(labels: Any) -> ColumnElement[bool]:
    """Who holds one of these labels, or needs none."""
    granted = select(t.labels.c.row).where(t.labels.c.row == _ev.row, t.labels.c.label.in_(labels)).exists()
    return or_(~_labelled, granted)


# the piece that was told last of those a source has now: all of them lie under the labels its policy gives it today
_now = t.evidence.alias()
_NEWEST = (
    select(func.max(_now.c.row))
    .where(_now.c.tenant == _ev.tenant, _now.c.source == _ev.source, _now.c.superseded_at.is_(None))
    .scalar_subquery()
)


def _granted_today(labels: Any) -> ColumnElement[bool]:
    """Of a revision that has ended: who may see what its source has now, where it has anything."""
    now = select(t.labels.c.row).where(t.labels.c.row == _NEWEST)
    return or_(_ev.superseded_at.is_(None), ~now.exists(), now.where(t.labels.c.label.in_(labels)).exists())


_GRANTED = _granted(bindparam("granted", expanding=True))
_MAY_SEE = and_(_ev.tenant == _TENANT, _GRANTED)
# the same without the tenant's indexes: a planner without statistics takes one of them where ids or entities are far
# more selective, and reads the whole tenant
_OF_TENANT_TOO = _ev.tenant.concat("") == _TENANT
_MAY_SEE_TOO = and_(_OF_TENANT_TOO, _GRANTED)
_OPEN = _ev.superseded_at.is_(None)
_KNOWN = and_(
    _ev.recorded_at <= bindparam("as_of"), or_(_ev.superseded_at.is_(None), _ev.superseded_at > bindparam("as_of"))
)
_WANTED: BindParameter[Any] = bindparam("wanted", expanding=True)


def _whens(labels: Any) -> dict[bool, ColumnElement[bool]]:
    """What stands now, and what was known at a time."""
    return {False: _OPEN, True: and_(_KNOWN, _granted_today(labels))}


_WHEN = _whens(bindparam("granted", expanding=True))
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
_ALL_OF_IDS = _EVIDENCE.where(_ev.id.in_(_WANTED)).order_by(_ev.row)


class _Wanted:
    """Visible evidence by row or id: for any database, and in SQLite's words."""

    def __init__(self, columns: Select[Any], by: ColumnElement[Any]) -> None:
        lean = and_(_OF_TENANT_TOO, _granted(each_of("granted")))
        self._any = {known: columns.where(by.in_(_WANTED), when, _MAY_SEE_TOO) for known, when in _WHEN.items()}
        self._lean = {
            known: Lean(columns.where(by.in_(each_of("wanted")), when, lean))
            for known, when in _whens(each_of("granted")).items()
        }

    def read(self, db: Database, wanted: Sequence[Any], principal: Principal, as_of: Micros | None) -> Iterator[Any]:
        """Rows in any order; of many, not all are of one snapshot."""
        params, known = _params(principal, as_of), as_of is not None
        for some in chunks(dict.fromkeys(wanted)):
            yield from db.quick(self._lean[known], self._any[known], {**params, "wanted": some})


_BY_ID, _BY_ROW, _SHOWN = (
    _Wanted(_EVIDENCE, _ev.id),
    _Wanted(_EVIDENCE, _ev.row),
    _Wanted(select(_ev.row, _ev.id), _ev.row),
)
_VECTORS = (
    select(t.vectors.c.row, t.vectors.c.space, t.vectors.c.data, t.vectors.c.dim)
    .join(t.evidence, _ev.row == t.vectors.c.row)
    .where(_ev.id.in_(_WANTED))
    .order_by(t.vectors.c.row, t.vectors.c.space, t.vectors.c.part)
)


def visible(principal: Principal) -> tuple[ColumnElement[bool], dict[str, Any]]:
    """The condition on open evidence, and its parameters."""
    return and_(_OPEN, _MAY_SEE), _params(principal, None)


def labels(connection: Connection, tenant: str) -> tuple[str, ...]:
    """Every label of a tenant's evidence, sorted."""
    of = select(t.labels.c.label).join(t.evidence, _ev.row == t.labels.c.row).where(_ev.tenant == tenant)
    return tuple(sorted(connection.execute(of.distinct()).scalars()))


def by_id(db: Database, ids: Sequence[str], principal: Principal, as_of: Micros | None) -> list[Evidence]:
    return [evidence_from(row) for row in _BY_ID.read(db, ids, principal, as_of)]


def by_row(
    db: Database, rows: Sequence[int], principal: Principal, as_of: Micros | None
) -> Iterator[tuple[int, Evidence]]:
    for row in _BY_ROW.read(db, [int(row) for row in rows], principal, as_of):
        yield row[0], evidence_from(row)


def shown(db: Database, rows: Sequence[int], principal: Principal, as_of: Micros | None) -> dict[int, str]:
    """row → id of those that `by_row` would give."""
    return {row[0]: row[1] for row in _SHOWN.read(db, [int(row) for row in rows], principal, as_of)}


def every_revision(connection: Connection, ids: Sequence[str]) -> list[tuple[int, Evidence]]:
    """(row, evidence) of all revisions of these ids, open and closed, by row."""
    found: list[tuple[int, Evidence]] = []
    for some in chunks(dict.fromkeys(ids)):
        found += _load(connection, _ALL_OF_IDS, {"wanted": some})
    return sorted(found, key=lambda each: each[0])


def scan(connection: Connection, filter_: Filter, principal: Principal, limit: int) -> list[Evidence]:
    """By valid time, unknown times last; at most `limit`."""
    hanging = bool(filter_.entities) and not filter_.sources
    who = _MAY_SEE_TOO if hanging else _MAY_SEE
    # as a sum the time has no index: of a planner's two, a source's own evidence is far less than a day's of all sources
    begin = _ev.valid_t0 + 0 if filter_.sources else _ev.valid_t0
    matching = _EVIDENCE.where(_WHEN[filter_.as_of is not None], who, *_matches(filter_, begin))
    params = _params(principal, filter_.as_of)
    # two statements, so that each can stop at its limit in the order of an index
    timed = matching.where(begin.is_not(None)).order_by(begin, _ev.row).limit(limit)
    found = _load(connection, timed, params)
    if len(found) < limit and filter_.window is None:
        untimed = matching.where(begin.is_(None)).order_by(_ev.row).limit(limit - len(found))
        found += _load(connection, untimed, params)
    return [evidence for _, evidence in found]


def vectors(connection: Connection, ids: Sequence[str]) -> Iterator[tuple[int, str, Vector]]:
    for row in connection.execute(_VECTORS, {"wanted": ids}):
        yield row.row, row.space, vector_from(row.data, row.dim)


def vectors_of(db: Database, id_: str, principal: Principal, as_of: Micros | None) -> dict[str, list[Vector]]:
    """By space, those of the one revision the principal may see at that time."""
    row = next((row[0] for row in _BY_ID.read(db, [id_], principal, as_of)), None)
    found: dict[str, list[Vector]] = {}
    with db.read() as connection:
        for owner, space, vector in vectors(connection, [id_]):
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
