"""Rows of a table → drafts: alerts, work orders, narratives and plain rows, one piece of evidence each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ingest.ports import Batch, Draft, Item
from ingest.reports.dates import opening_date
from ingest.reports.passages import SIZE
from ingest.tables.shape import Role, Shape, TableKind, text_cell
from ingest.tables.table import Row, Table, typed
from ingest.tables.wording import alert_text, row_text, stamp
from ingest.timestamps import Cell, Clock, UndecidedDateError, is_blank, quoted
from retrieval.errors import SourceRejected
from retrieval.types import Coverage, Entity, EntityType, Interval, Kind, Layer, Mention, Relation, RowKey

BATCH = 500
READER = "table-reader@1"
_ABLE = {
    TableKind.ALERTS: "alert",
    TableKind.WORK_ORDERS: "work order",
    TableKind.NARRATIVES: "text",
    TableKind.ROWS: "row",
}
_LONGEST_ID = 40


class _Read(NamedTuple):
    """One row, read: its fields as plain data, its time columns, and when it happened."""

    fields: dict[str, Cell]
    times: dict[str, Interval]
    valid: Interval | None
    notes: tuple[str, ...]


def record_batches(table: Table, shape: Shape, item: Item, tenant: str) -> Iterator[Batch]:
    """All rows, in batches of 500; the first carries the assets found. Raises SourceRejected (broken_row) before any batch."""
    clock = clock_for(table, shape, item)
    drafts = [_draft(table, shape, row, _read(table, shape, row, clock), clock) for row in table.rows]
    coverage = _examined(drafts, shape, item, tenant)
    entities = _assets(table, shape, tenant)
    for start in range(0, len(drafts), BATCH):
        first = start == 0
        yield Batch(drafts[start : start + BATCH], [coverage] if first else (), entities if first else ())


def text_batch(table: Table, item: Item, tenant: str) -> Batch:
    """A sheet without columns as passages: its rows one under another, cells joined by " | ", cut after some 900 characters."""
    groups: list[list[Row]] = []
    size = 0
    for row in table.rows:
        if not groups or size > SIZE:
            groups, size = [*groups, []], 0
        groups[-1].append(row)
        size += len(_joined(row)) + 1
    drafts = [
        Draft(
            Kind.PASSAGE, RowKey(table.stem, "", group[0].line), "\n".join(map(_joined, group)),
            data={"title": table.stem}, notes=table.notes,
        )
        for group in groups
    ]  # fmt: skip
    coverage = Coverage(
        source=item.uri, subject=item.uri, layer=Layer.EXAMINED, tenant=tenant, by=READER, able={"text": 0.0}
    )
    return Batch(drafts, [coverage])


def _joined(row: Row) -> str:
    return " | ".join(text_cell(cell) for cell in row.cells if not is_blank(cell))


def clock_for(table: Table, shape: Shape, item: Item) -> Clock:
    """One clock for all time columns of the file, so that its dates read one way. Raises SourceRejected when they cannot."""
    try:
        return Clock.over(item.policy, (cell for index in shape.times for cell in table.column(index)))
    except ValueError as problem:
        raise SourceRejected(str(problem), kind="broken_row") from problem


def _read(table: Table, shape: Shape, row: Row, clock: Clock) -> _Read:
    times: dict[str, Interval] = {}
    fields: dict[str, Cell] = {}
    notes: list[str] = []
    for index, (name, cell) in enumerate(zip(table.columns, row.cells, strict=True)):
        value = typed(cell)
        if value is None:
            continue
        fields[name] = value
        if index in shape.times:
            span = _time(cell, clock, row, _must_parse(shape, index), notes)
            if span is not None:
                times[name] = span
                fields[name] = stamp(span, cell)
    valid = _valid(table, shape, times, notes)
    return _Read(fields, times, valid, tuple(notes))


def _must_parse(shape: Shape, index: int) -> bool:
    """An alert without a readable start is broken; elsewhere "TBD" in a date column only leaves the time unknown."""
    return shape.kind is TableKind.ALERTS and index == shape.first(Role.START)


def _time(cell: Cell, clock: Clock, row: Row, strict: bool, notes: list[str]) -> Interval | None:
    try:
        return clock.read(cell)
    except UndecidedDateError as problem:
        notes.append(f"time unknown: {problem}")
    except (ValueError, OverflowError) as problem:
        if strict:
            raise SourceRejected(f"line {row.line}: {problem}", kind="broken_row") from problem
        notes.append(f"not a time: {quoted(cell)}")
    return None


def _valid(table: Table, shape: Shape, times: Mapping[str, Interval], notes: list[str]) -> Interval | None:
    start, end = (_of_role(table, shape, role, times) for role in (Role.START, Role.END))
    if start is None or end is None:
        return start or end
    if end.t1 < start.t0:
        notes.append("its end lies before its start; only the start is used")
        return start
    return Interval(start.t0, end.t1)


def _of_role(table: Table, shape: Shape, role: Role, times: Mapping[str, Interval]) -> Interval | None:
    found = [times[table.columns[i]] for i in shape.roles.get(role, ()) if table.columns[i] in times]
    return found[0] if found else None


def _draft(table: Table, shape: Shape, row: Row, read: _Read, clock: Clock) -> Draft:
    key_column = shape.first(Role.KEY)
    key = text_cell(row.cells[key_column]) if key_column is not None else ""
    notes = (*table.notes, *read.notes, *(clock.notes() if read.times else ()))
    mentions = tuple(Mention(name, Relation.MENTIONS) for name in _asset_ids(shape, row))
    common: dict[str, Any] = {"mentions": mentions, "data": {"table": table.stem, "fields": read.fields}}
    locator = RowKey(table.stem, key, row.line)
    if shape.kind is TableKind.ALERTS:
        text = alert_text(table.columns, shape, read.fields, read.times, read.valid)
        return Draft(Kind.ALERT, locator, text, read.valid, notes=notes, **common)
    if shape.kind is TableKind.NARRATIVES:
        text, valid, note = _narrative(read, clock)
        return Draft(Kind.PASSAGE, locator, text, valid, notes=notes + note, **common)
    return Draft(Kind.ROW, locator, row_text(table.stem, read.fields, read.times), read.valid, notes=notes, **common)


def _narrative(read: _Read, clock: Clock) -> tuple[str, Interval | None, tuple[str, ...]]:
    """Title and story; the day the story opens with ("On November 20 2008 …"), when no column tells the time."""
    texts = {name: value for name, value in read.fields.items() if isinstance(value, str)}
    story = max(texts, key=lambda name: len(texts[name]))
    titles = [
        texts[name] for name in texts if name.lower() in ("title", "summary", "subject", "name") and name != story
    ]
    body = " ".join(texts[story].split())
    text = "\n".join([*titles[:1], body])
    if read.valid is not None:
        return text, read.valid, ()
    day = opening_date(body, clock)
    return text, day, ("day taken from the opening words",) if day else ()


# --- the assets a table names ---------------------------------------------------------------------------------------


def _asset_ids(shape: Shape, row: Row) -> list[str]:
    """The row's asset by its id, or by its name where the table has no ids; only what reads like a tag (letters and digits)."""
    column = shape.first(Role.ASSET)
    if column is None:
        column = shape.first(Role.ASSET_NAME)
    value = text_cell(row.cells[column]) if column is not None else ""
    return [value] if _is_tag(value) else []


def _is_tag(text: str) -> bool:
    return len(text) <= _LONGEST_ID and any(c.isdigit() for c in text) and any(c.isalpha() for c in text)


def _assets(table: Table, shape: Shape, tenant: str) -> list[Entity]:
    names: dict[str, Counter[str]] = {}
    column = shape.first(Role.ASSET_NAME)
    for row in table.rows:
        for asset in _asset_ids(shape, row):
            found = names.setdefault(asset, Counter())
            if column is not None and not is_blank(row.cells[column]):
                found[text_cell(row.cells[column])] += 1
    return [_asset(asset, found, table, tenant) for asset, found in sorted(names.items())]


def _asset(asset: str, names: Counter[str], table: Table, tenant: str) -> Entity:
    ranked: Sequence[str] = [name for name, _ in sorted(names.items(), key=lambda pair: (-pair[1], pair[0]))] or [asset]
    aliases = tuple(name for name in ranked[1:] if name != asset)
    facts = {"found_in": table.stem}
    return Entity(id=asset, type=EntityType.ASSET, name=ranked[0], tenant=tenant, aliases=aliases, facts=facts)


def _examined(drafts: Sequence[Draft], shape: Shape, item: Item, tenant: str) -> Coverage:
    """What the reader looked at. A table does not say when nothing was being written down, so nothing counts as recorded."""
    spans = [draft.valid for draft in drafts if draft.valid is not None]
    valid = Interval(min(s.t0 for s in spans), max(s.t1 for s in spans)) if spans else None
    return Coverage(
        source=item.uri, subject=item.uri, layer=Layer.EXAMINED, tenant=tenant, valid=valid, by=READER,
        able={_ABLE[shape.kind]: 0.0},
    )  # fmt: skip
