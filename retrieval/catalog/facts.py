"""Reading coverage, entities and links: everything a source says that is not evidence.

Several sources may describe the same entity; the one told last counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, Table, or_, select, true

from retrieval.catalog import tables as t
from retrieval.catalog import telling
from retrieval.catalog.codec import chunks
from retrieval.catalog.reading import overlaps
from retrieval.types import Coverage, Entity, Interval, Layer, Link, Micros, Principal

_cov = t.coverage.c
_coverage = msgspec.json.Decoder(Coverage)
_entity = msgspec.json.Decoder(Entity)
_link = msgspec.json.Decoder(Link)
_Labelled = TypeVar("_Labelled", Coverage, Entity, Link)


def coverage(
    connection: Connection,
    principal: Principal,
    subjects: Sequence[str],
    layer: Layer | None,
    window: Interval | None,
    as_of: Micros | None,
) -> list[Coverage]:
    """Whole records about the subjects (entity ids or source uris; none = any), by time, unknown times last."""
    wanted = [_cov.tenant == principal.tenant, *_when(t.coverage, as_of)]
    if layer is not None:
        wanted.append(_cov.layer == str(layer))
    if window is not None:
        wanted.append(overlaps(_cov.valid_t0, _cov.valid_t1, window))
    found: dict[int, tuple[Any, Coverage]] = {}
    for about in _about(subjects):
        records = connection.execute(select(t.coverage).where(*wanted, about)).all()
        for row, told in _shown(connection, principal, records):
            found[row.row] = ((row.valid_t0 is None, row.valid_t0 or 0, row.row), told)
    return [record for _, record in sorted(found.values(), key=lambda item: item[0])]


def _shown(
    connection: Connection, principal: Principal, records: Sequence[Row[Any]]
) -> Iterator[tuple[Row[Any], Coverage]]:
    """Those that a principal may see: what stands by its own labels, what has ended by today's, which it then is told with."""
    ended = {(row.source, row.subject) for row in records if row.superseded_at is not None}
    judges = telling.judges(connection, principal.tenant, ended)
    today = {pair: judges.of(*pair) for pair in ended}
    for row in records:
        told = _coverage.decode(row.body)
        sets = [frozenset(told.labels)]
        if row.superseded_at is not None:
            sets = [*today[row.source, row.subject], *telling.under(row.under)]
        if all(_granted(each, principal) for each in sets):
            strict = next(filter(None, sets), frozenset[str]())
            yield row, msgspec.structs.replace(told, labels=tuple(sorted(strict)))


def _about(subjects: Sequence[str]) -> list[ColumnElement[bool]]:
    if not subjects:
        return [true()]
    return [or_(_cov.subject.in_(some), _cov.uri.in_(some)) for some in chunks(dict.fromkeys(subjects))]


def entities(
    connection: Connection, tenant: str, principal: Principal | None = None, as_of: Micros | None = None
) -> list[Entity]:
    """By id; of all the tenant's when no principal is given."""
    told = _visible(list(_bodies(connection, t.entities, tenant, as_of)), principal)
    latest = {entity.id: entity for entity in told}
    return [latest[id_] for id_ in sorted(latest)]


def links(
    connection: Connection, tenant: str, principal: Principal | None = None, as_of: Micros | None = None
) -> list[Link]:
    """By source, type and target; of all the tenant's when no principal is given."""
    told = _visible(list(_bodies(connection, t.links, tenant, as_of)), principal)
    return sorted({(link.source, link.type, link.target): link for link in told}.values())


def _bodies(connection: Connection, table: Table, tenant: str, as_of: Micros | None) -> Iterator[Any]:
    """As they were told; who may see what a source told is as it is today, or where it tells that no more, as it was last."""
    decoder: Any = _entity if table is t.entities else _link
    mine = select(table.c.source, table.c.body).where(table.c.tenant == tenant).order_by(table.c.row)
    today = ((row.source, decoder.decode(row.body)) for row in connection.execute(mine.where(*_when(table, None))))
    if as_of is None:
        yield from (told for _, told in today)
        return
    labels = {(source, *_name(each)): each.labels for source, each in today}
    then = [(row.source, decoder.decode(row.body)) for row in connection.execute(mine.where(*_when(table, as_of)))]
    gone = [(source, each) for source, each in then if (source, *_name(each)) not in labels]
    labels = _told_under(connection, mine, table, gone) | labels
    yield from (msgspec.structs.replace(each, labels=labels[source, *_name(each)]) for source, each in then)


def _told_under(
    connection: Connection, mine: Select[tuple[str, str]], table: Table, gone: Sequence[tuple[str, Entity | Link]]
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Source and name of these, and of what else their sources ever told → the labels that it was told under last."""
    decoder: Any = _entity if table is t.entities else _link
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    names = {each.id for _, each in gone if isinstance(each, Entity)}
    for some in chunks({source for source, _ in gone}):
        told = mine.where(table.c.source.in_(some))
        for named in chunks(names) if names else [None]:
            for row in connection.execute(told if named is None else told.where(t.entities.c.id.in_(named))):
                each = decoder.decode(row.body)
                found[row.source, *_name(each)] = each.labels
    return found


def _name(told: Entity | Link) -> tuple[str, ...]:
    return (told.id,) if isinstance(told, Entity) else (told.source, told.type.value, told.target)


def _when(table: Table, as_of: Micros | None) -> list[Any]:
    if as_of is None:
        return [table.c.superseded_at.is_(None)]
    return [table.c.recorded_at <= as_of, or_(table.c.superseded_at.is_(None), table.c.superseded_at > as_of)]


def _visible(records: list[_Labelled], principal: Principal | None) -> list[_Labelled]:
    if principal is None:
        return records
    return [record for record in records if _granted(record.labels, principal)]


def _granted(labels: Collection[str], principal: Principal) -> bool:
    return not labels or not set(principal.labels).isdisjoint(labels)
