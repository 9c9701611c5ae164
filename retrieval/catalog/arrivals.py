"""What was stored, in the order of storing, and the standing records kept of who delivered it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, case, delete, func, insert, literal, or_, select, update

from retrieval.catalog import tables as t
from retrieval.catalog.codec import chunks
from retrieval.ports import Arrival
from retrieval.types import Coverage, Interval, Kind, Layer, Locator, RowKey

_ev, _cov, _kept = t.evidence.c, t.coverage.c, t.standings.c
_coverage = msgspec.json.Decoder(Coverage)
_locator: msgspec.json.Decoder[Locator] = msgspec.json.Decoder(Locator)
_KEYED = (str(Kind.ALERT), str(Kind.ROW))
# the record of how far was read
HEAD = ""


class _Data(msgspec.Struct):
    """What of a frame's data is told on."""

    skew: dict[str, Any] | None = None


_data = msgspec.json.Decoder(_Data)


def pieces(connection: Connection, tenant: str, after: int, limit: int) -> list[Arrival]:
    """Evidence with a row number above `after`; row numbers are drawn under the writers' lock, so none is skipped."""
    columns = (
        _ev.row, _ev.source, _ev.recorded_at, _ev.valid_t0, _ev.valid_t1, _ev.text,
        case((_ev.kind.in_(_KEYED), _ev.locator), else_=literal("")).label("locator"),
        case((_ev.kind == str(Kind.FRAME), _ev.data), else_=literal("{}")).label("data"),
    )  # fmt: skip
    mine = (_ev.tenant == tenant, _ev.row > after)
    rows = connection.execute(select(*columns).where(*mine).order_by(_ev.row).limit(limit)).all()
    labels = _by_row(connection, t.labels, "label", [row.row for row in rows])
    mentions = _by_row(connection, t.mentions, "entity", [row.row for row in rows])
    return [_piece(row, labels[row.row], mentions[row.row]) for row in rows]


def _by_row(connection: Connection, table: Any, column: str, rows: Sequence[int]) -> defaultdict[int, list[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    for some in chunks(rows):
        wanted = select(table.c.row, table.c[column]).where(table.c.row.in_(some))
        for row, value in connection.execute(wanted):
            found[row].append(value)
    return found


def _piece(row: Any, labels: list[str], entities: list[str]) -> Arrival:
    valid = None if row.valid_t0 is None else Interval(row.valid_t0, row.valid_t1)
    place = _locator.decode(row.locator) if row.locator else None
    return Arrival(
        row.row, row.source, row.recorded_at, valid,
        labels=tuple(sorted(labels)), text=row.text, key=place.key if isinstance(place, RowKey) else "",
        skew=_data.decode(row.data).skew, entities=tuple(entities),
    )  # fmt: skip


def recordings(connection: Connection, tenant: str, after: int, limit: int) -> list[Arrival]:
    """The same of stretches that something recorded."""
    mine = (_cov.tenant == tenant, _cov.row > after, _cov.layer == str(Layer.RECORDED))
    rows = connection.execute(select(t.coverage).where(*mine).order_by(_cov.row).limit(limit)).all()
    return [_recording(row, _coverage.decode(row.body)) for row in rows]


def _recording(row: Any, told: Coverage) -> Arrival:
    return Arrival(row.row, told.source, row.recorded_at, told.valid, subject=told.subject, labels=told.labels)


def standings(connection: Connection, tenant: str) -> dict[str, str]:
    """By name, the records as they were kept."""
    rows = connection.execute(select(_kept.name, _kept.body).where(_kept.tenant == tenant))
    return {row.name: row.body for row in rows}


def keep(connection: Connection, tenant: str, before: str | None, changed: Mapping[str, str | None]) -> bool:
    """Keep records (None: forget it), unless the head has become another than `before` (None: there was none) meanwhile."""
    mine = _kept.tenant == tenant
    head = connection.execute(select(_kept.body).where(mine, _kept.name == HEAD)).scalar()
    if head != before:
        return False
    for name, body in changed.items():
        this = (mine, _kept.name == name)
        if body is None:
            connection.execute(delete(t.standings).where(*this))
        elif not connection.execute(update(t.standings).where(*this).values(body=body)).rowcount:
            connection.execute(insert(t.standings), {"tenant": tenant, "name": name, "body": body})
    return True


def twins(connection: Connection, tenant: str, starts: Sequence[str]) -> list[str]:
    """Sources whose uri begins so and whose bytes an earlier one of them has too."""
    of = t.sources.c
    mine = (of.tenant == tenant, of.superseded_at.is_(None), or_(*(of.source.startswith(each) for each in starts)))
    first = select(of.content_hash, func.min(of.row).label("row")).where(*mine).group_by(of.content_hash)
    each = first.having(func.count() > 1).subquery()
    same = select(of.source).join(each, each.c.content_hash == of.content_hash).where(*mine, of.row > each.c.row)
    return list(connection.execute(same.order_by(of.source)).scalars())
