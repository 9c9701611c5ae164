"""Reading coverage, entities and links: everything a source says that is not evidence.

Several sources may describe the same entity; the one told last counts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, func, or_, select, true

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.catalog.reading import overlaps
from retrieval.types import Coverage, Entity, Interval, Layer, Link, Micros, Principal

_cov = t.coverage.c
_coverage = msgspec.json.Decoder(Coverage)
_entity = msgspec.json.Decoder(Entity)
_link = msgspec.json.Decoder(Link)
_sets = msgspec.json.Decoder(list[list[str]])
_TOLD = select(_cov.row, _cov.source, _cov.subject, _cov.body, _cov.superseded_at)
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
        ended = {row.row: row for row in records if row.superseded_at is not None}
        today = judges(connection, principal.tenant, {row.source for row in ended.values()})
        for row in records:
            order, told = (row.valid_t0 is None, row.valid_t0 or 0, row.row), _coverage.decode(row.body)
            sets = [*today.of(row.source, row.subject), *under(row.under)] if row.row in ended else [told.labels]
            if all(_granted(each, principal) for each in sets):
                found[row.row] = (order, msgspec.structs.replace(told, labels=tuple(sets[0])))
    return [record for _, record in sorted(found.values(), key=lambda item: item[0])]


class Last(NamedTuple):
    """The record of coverage that was told last of something; `stands`: its source tells it still."""

    row: int
    labels: tuple[str, ...]
    stands: bool


class Judges(NamedTuple):
    """By whose labels what sources told of coverage, and tell no more, is shown today: (source, subject) → the last record about that;
    source → its last one about anything."""

    about: Mapping[tuple[str, str], Last]
    anything: Mapping[str, Last]

    def of(self, source: str, subject: str) -> list[tuple[str, ...]]:
        """Sets of labels, of each of which one must be held: those of what is told now; where that is nothing, of what was told last."""
        about, anything = self.about[source, subject], self.anything[source]
        return [about.labels] if about.stands else [anything.labels, about.labels]


def judges(connection: Connection, tenant: str, sources: Iterable[str]) -> Judges:
    about, anything = dict[tuple[str, str], Last](), dict[str, Last]()
    for some in chunks(sources):
        # a later reading has higher rows
        mine = (_cov.tenant == tenant, _cov.source.in_(some))
        last = select(func.max(_cov.row)).where(*mine).group_by(_cov.source, _cov.subject)
        for row in connection.execute(_TOLD.where(_cov.row.in_(last)).order_by(_cov.row)):
            told = Last(row.row, _coverage.decode(row.body).labels, row.superseded_at is None)
            about[row.source, row.subject] = anything[row.source] = told
    return Judges(about, anything)


def under(column: str | None) -> list[list[str]]:
    """The sets of labels that are written down for a record (withholding)."""
    return [] if column is None else _sets.decode(column)


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
    gone = {source for source, each in then if (source, *_name(each)) not in labels}
    labels = _told_under(connection, mine, table, gone) | labels
    yield from (msgspec.structs.replace(each, labels=labels[source, *_name(each)]) for source, each in then)


def _told_under(
    connection: Connection, mine: Select[tuple[str, str]], table: Table, sources: Iterable[str]
) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Source and name of all that these sources ever told → the labels that it was told under last."""
    decoder: Any = _entity if table is t.entities else _link
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for some in chunks(sources):
        for row in connection.execute(mine.where(table.c.source.in_(some))):
            told = decoder.decode(row.body)
            found[row.source, *_name(told)] = told.labels
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
