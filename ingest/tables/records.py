"""Rows of a table → drafts: alerts, work orders, narratives and plain rows, one piece of evidence each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from ingest.cells import Row
from ingest.ports import Batch, Draft, Item
from ingest.reports.dates import opening_date
from ingest.reports.passages import SIZE
from ingest.tables.alerts import Relations, Told, alert_draft, storm_drafts, told_alerts
from ingest.tables.reading import Read, clock_for, read_row
from ingest.tables.shape import Role, Shape, TableKind, text_cell
from ingest.tables.table import Table
from ingest.tables.wording import row_text
from ingest.timestamps import Clock, is_blank
from retrieval.types import Coverage, Entity, EntityType, Interval, Kind, Layer, Link, Mention, Relation, RowKey

BATCH = 500
READER = "table-reader@2"
_ABLE = {
    TableKind.ALERTS: "alert",
    TableKind.WORK_ORDERS: "work order",
    TableKind.NARRATIVES: "text",
    TableKind.ROWS: "row",
}
_LONGEST_ID = 40


def record_batches(
    table: Table, shape: Shape, item: Item, tenant: str, site: tuple[Sequence[Entity], Sequence[Link]] = ((), ())
) -> Iterator[Batch]:
    """All rows, in batches of 500; the first carries the assets found, the last what was examined.

    Alerts are read all together, since they are grouped; other rows when their turn comes. Raises SourceRejected (broken_row)
    before any batch.
    """
    clock = clock_for(table, shape, item)
    reads = (_read(table, shape, row, clock) for row in table.rows)
    if shape.kind is TableKind.ALERTS:
        # an alert by itself is related to nothing: the site need not be read for each message of a bus
        related = Relations.of(*site) if len(table.rows) > 1 else Relations.of((), ())
        drafts = iter(_alerts(table, shape, list(reads), related))
    else:
        drafts = (_draft(table, shape, row, read, clock) for row, read in zip(table.rows, reads, strict=True))
    entities, span, waiting = _assets(table, shape, tenant), None, list(islice(drafts, BATCH))
    while waiting:
        span = _around(span, waiting)
        following = list(islice(drafts, BATCH))
        yield Batch(waiting, () if following else [_examined(span, shape, item, tenant)], entities)
        waiting, entities = following, []


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


def _read(table: Table, shape: Shape, row: Row, clock: Clock) -> Read:
    """A row, with what its clock has assumed so far."""
    read = read_row(table, shape, row, clock)
    return read._replace(notes=(*read.notes, *clock.notes())) if read.times else read


def _alerts(table: Table, shape: Shape, reads: Sequence[Read], site: Relations) -> list[Draft]:
    told = told_alerts(table, shape, reads)
    drafts = [_alert(table, shape, one, reads[one.head]) for one in told]
    return [*drafts, *storm_drafts(table, shape, told, reads, site)]


def _alert(table: Table, shape: Shape, told: Told, read: Read) -> Draft:
    return alert_draft(table, shape, told, read, _common(table, shape, table.rows[told.head], read))


def _draft(table: Table, shape: Shape, row: Row, read: Read, clock: Clock) -> Draft:
    common = _common(table, shape, row, read)
    # a story without a word is a row like any other
    if shape.kind is TableKind.NARRATIVES and any(isinstance(value, str) for value in read.fields.values()):
        text, valid, note = _narrative(read, clock)
        return Draft(Kind.PASSAGE, text=text, valid=valid, **{**common, "notes": common["notes"] + note})
    return Draft(Kind.ROW, text=row_text(table.stem, read.fields, read.times), valid=read.valid, **common)


def _common(table: Table, shape: Shape, row: Row, read: Read) -> dict[str, Any]:
    """What drafts of rows have, whatever they are about."""
    column = shape.first(Role.KEY)
    key = text_cell(row.cells[column]) if column is not None else ""
    return {
        "locator": RowKey(table.stem, key, row.line),
        "notes": (*table.notes, *read.notes),
        "mentions": tuple(Mention(name, Relation.MENTIONS) for name in _asset_ids(shape, row)),
        "data": {"table": table.stem, "fields": read.fields},
    }


def _narrative(read: Read, clock: Clock) -> tuple[str, Interval | None, tuple[str, ...]]:
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


def _around(span: Interval | None, drafts: Sequence[Draft]) -> Interval | None:
    """The time from the first to the last of these, and of what came before."""
    spans = [*([span] if span else []), *(draft.valid for draft in drafts if draft.valid is not None)]
    return Interval(min(s.t0 for s in spans), max(s.t1 for s in spans)) if spans else None


def _examined(valid: Interval | None, shape: Shape, item: Item, tenant: str) -> Coverage:
    """What the reader looked at. A table does not say when nothing was being written down, so nothing counts as recorded."""
    return Coverage(
        source=item.uri, subject=item.uri, layer=Layer.EXAMINED, tenant=tenant, valid=valid, by=READER,
        able={_ABLE[shape.kind]: 0.0},
    )  # fmt: skip
