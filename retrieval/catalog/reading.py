"""Reading evidence: who may see it, what was known when, and filters, as SQL. Statements are built once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, Text, and_, bindparam, or_, select

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks, evidence_from, vector_from
from retrieval.types import Evidence, Filter, Interval, Mention, Micros, Principal, Relation, Vector

_ev = t.evidence.c
_labelled = select(t.labels.c.row).where(t.labels.c.row == _ev.row).exists()
_granted = (
    select(t.labels.c.row)
    .where(t.labels.c.row == _ev.row, t.labels.c.label.in_(bindparam("granted", expanding=True)))
    .exists()
)
_TENANT = bindparam("tenant", type_=Text())
_GRANTED = or_(~_labelled, _granted)
_MAY_SEE = and_(_ev.tenant == _TENANT, _GRANTED)
# the same without the tenant's indexes: a planner without statistics takes one of them where ids or entities are far
# more selective, and reads the whole tenant
_MAY_SEE_TOO = and_(_ev.tenant.concat("") == _TENANT, _GRANTED)
_OPEN = _ev.superseded_at.is_(None)
_KNOWN = and_(
    _ev.recorded_at <= bindparam("as_of"), or_(_ev.superseded_at.is_(None), _ev.superseded_at > bindparam("as_of"))
)
_RELATIONS = {str(relation): relation for relation in Relation}
_WANTED: BindParameter[Any] = bindparam("wanted", expanding=True)
_WHEN = {False: _OPEN, True: _KNOWN}
_BY_ID = {known: select(t.evidence).where(_ev.id.in_(_WANTED), when, _MAY_SEE_TOO) for known, when in _WHEN.items()}
_BY_ROW = {known: select(t.evidence).where(_ev.row.in_(_WANTED), when, _MAY_SEE_TOO) for known, when in _WHEN.items()}
_SHOWN = {
    known: select(_ev.row, _ev.id).where(_ev.row.in_(_WANTED), when, _MAY_SEE_TOO) for known, when in _WHEN.items()
}
_ALL_OF_IDS = select(t.evidence).where(_ev.id.in_(_WANTED)).order_by(_ev.row)
_MENTIONS = select(t.mentions).where(t.mentions.c.row.in_(_WANTED)).order_by(t.mentions.c.row, t.mentions.c.position)
_LABELS = select(t.labels).where(t.labels.c.row.in_(_WANTED)).order_by(t.labels.c.row, t.labels.c.label)
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


def by_id(connection: Connection, ids: Sequence[str], principal: Principal, as_of: Micros | None) -> list[Evidence]:
    return [found for _, found in _wanted(connection, _BY_ID[as_of is not None], ids, _params(principal, as_of))]


def by_row(
    connection: Connection, rows: Sequence[int], principal: Principal, as_of: Micros | None
) -> list[tuple[int, Evidence]]:
    wanted = [int(row) for row in rows]
    return list(_wanted(connection, _BY_ROW[as_of is not None], wanted, _params(principal, as_of)))


def shown(connection: Connection, rows: Sequence[int], principal: Principal, as_of: Micros | None) -> dict[int, str]:
    """row → id of those that `by_row` would give."""
    params, statement = _params(principal, as_of), _SHOWN[as_of is not None]
    found: dict[int, str] = {}
    for some in chunks(dict.fromkeys(int(row) for row in rows)):
        found.update((row, id_) for row, id_ in connection.execute(statement, {**params, "wanted": some}))
    return found


def every_revision(connection: Connection, ids: Sequence[str]) -> list[tuple[int, Evidence]]:
    """(row, evidence) of all revisions of these ids, open and closed, by row."""
    return sorted(_wanted(connection, _ALL_OF_IDS, ids, {}), key=lambda found: found[0])


def scan(connection: Connection, filter_: Filter, principal: Principal, limit: int) -> list[Evidence]:
    """By valid time, unknown times last; at most `limit`."""
    hanging = bool(filter_.entities) and not filter_.sources
    who = _MAY_SEE_TOO if hanging else _MAY_SEE
    # as a sum the time has no index: of a planner's two, a source's own evidence is far less than a day's of all sources
    begin = _ev.valid_t0 + 0 if filter_.sources else _ev.valid_t0
    matching = select(t.evidence).where(_WHEN[filter_.as_of is not None], who, *_matches(filter_, begin))
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


def vectors_of(connection: Connection, id_: str, principal: Principal, as_of: Micros | None) -> dict[str, list[Vector]]:
    """By space, those of the one revision the principal may see at that time."""
    visible_now = _wanted(connection, _BY_ID[as_of is not None], [id_], _params(principal, as_of))
    row = next((row for row, _ in visible_now), None)
    found: dict[str, list[Vector]] = {}
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


def _wanted(
    connection: Connection, statement: Select[Any], wanted: Sequence[Any], params: dict[str, Any]
) -> Iterator[tuple[int, Evidence]]:
    for some in chunks(dict.fromkeys(wanted)):
        yield from _load(connection, statement, {**params, "wanted": some})


def _load(connection: Connection, statement: Select[Any], params: dict[str, Any]) -> list[tuple[int, Evidence]]:
    rows = connection.execute(statement, params).all()
    mentions: dict[int, list[Mention]] = defaultdict(list)
    labels: dict[int, list[str]] = defaultdict(list)
    for some in chunks(row.row for row in rows):
        for number, _, entity, relation in connection.execute(_MENTIONS, {"wanted": some}):
            mentions[number].append(Mention(entity, _RELATIONS[relation]))
        for number, label in connection.execute(_LABELS, {"wanted": some}):
            labels[number].append(label)
    return [(row.row, evidence_from(row, mentions[row.row], labels[row.row])) for row in rows]
