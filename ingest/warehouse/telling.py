"""One row of a warehouse → the piece of evidence it is, or why it cannot be one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ingest.cells import Cell, Row
from ingest.ports import Draft, Item, SourcePolicy
from ingest.tables.alerts import Told as Alert
from ingest.tables.alerts import alert_draft
from ingest.tables.lifecycle import course_of
from ingest.tables.reading import clock_for, read_row
from ingest.tables.shape import Role, Shape, TableKind, shape_of, text_cell
from ingest.tables.table import Table, unique
from ingest.tables.wording import row_text
from ingest.warehouse.layout import Layout
from ingest.warehouse.port import Sort
from ingest.warehouse.values import cell
from retrieval.errors import SourceRejected
from retrieval.types import Entity, EntityType, Kind, Mention, Relation, RowKey

MEDIA_TYPE = "application/vnd.watchfloor.rows"
_MOST_CHARS = 1 << 20
_LONGEST_KEY, _LONGEST_TAG = 512, 40


class Told(NamedTuple):
    """A row: what names it, and what it says."""

    key: str
    draft: Draft
    entities: Sequence[Entity]


class Teller:
    """What a row says depends on the row, its mapping and the columns' names and types alone, never on the rows beside it."""

    def __init__(self, name: str, layout: Layout, tenant: str) -> None:
        mapping = layout.mapping
        self._name, self._layout, self._tenant = name, layout, tenant
        self.policy = SourcePolicy(timezone=mapping.timezone, dates=mapping.dates, labels=mapping.labels)
        self._item = Item(Path(name), name, name, MEDIA_TYPE, "", self.policy)
        self._columns = unique([layout.columns[i].name for i in layout.told])
        self._shape = _shape(name, self._columns, layout)
        self._assets = [layout.told.index(i) for i in layout.assets]

    @property
    def able(self) -> str:
        """What kind of thing rows are looked at for."""
        return {"alerts": "alert", "work_orders": "work order", "narratives": "text"}.get(
            self._layout.mapping.kind, "row"
        )

    def key(self, values: Sequence[Any]) -> str:
        """Raises SourceRejected (no_key) where a part of it is missing."""
        parts = [text_cell(cell(values[i])) for i in self._layout.key]
        if not all(parts):
            raise SourceRejected("a column of its key is empty: nothing names the row", kind="no_key")
        # so that no two keys of several parts read alike
        key = "/".join(part.replace("%", "%25").replace("/", "%2F") if len(parts) > 1 else part for part in parts)
        if len(key) > _LONGEST_KEY:
            raise SourceRejected(f"its key has {len(key)} characters; {_LONGEST_KEY} at most", kind="no_key")
        return key

    def told(self, values: Sequence[Any]) -> Told:
        """Raises SourceRejected: no_key, too_large, unstorable, broken_row, unreadable."""
        key, cells = self.key(values), [cell(values[i]) for i in self._layout.told]
        _check(cells)
        try:
            draft = self._draft(key, cells)
        except (RecursionError, OverflowError, ValueError) as problem:
            raise SourceRejected(f"it cannot be read as a record: {problem}", kind="unreadable") from problem
        return Told(key, draft, [self._asset(each.entity, cells) for each in draft.mentions])

    def _draft(self, key: str, cells: Sequence[Cell]) -> Draft:
        """A table of one row: storms, and steps of one alert in several rows, are not told."""
        row, shape = Row(cells, 0), self._shape
        table = Table(self._name, self._columns, [row])
        clock = clock_for(table, shape, self._item)
        read = read_row(table, shape, row, clock)
        tags = dict.fromkeys(tag for i in self._assets if _is_tag(tag := text_cell(cells[i])))
        common: dict[str, Any] = {
            "locator": RowKey(self._name, key), "notes": (*read.notes, *clock.notes()),
            "mentions": tuple(Mention(tag, Relation.MENTIONS) for tag in tags),
            "data": {"table": self._name, "fields": read.fields}, "embed": None if self._layout.mapping.vectors else "",
        }  # fmt: skip
        if shape.kind is TableKind.ALERTS:
            return alert_draft(table, shape, Alert(0, read.valid, course_of(table, shape, read), (0,)), read, common)
        text = row_text(self._name, read.fields, read.times)
        if shape.kind is TableKind.NARRATIVES:
            text = _story(read.fields) or text
            return Draft(Kind.PASSAGE, text=text, valid=read.valid, **common)
        return Draft(Kind.ROW, text=text, valid=read.valid, **common)

    def _asset(self, tag: str, cells: Sequence[Cell]) -> Entity:
        """The thing that a cell names, by its name where a column beside tells one."""
        place = self._shape.first(Role.ASSET_NAME)
        first = bool(self._assets) and text_cell(cells[self._assets[0]]) == tag
        name = text_cell(cells[place]) if place is not None and first else ""
        facts = {"found_in": self._name}
        return Entity(id=tag, type=EntityType.ASSET, name=name or tag, tenant=self._tenant, facts=facts)

    def shaped(self) -> bytes:
        """All that shapes what is said of the same row: not how it is compared or watched, nor choices left as they are by default, so that
        one that is new does not have every table read again."""
        columns = [(column.name, str(column.sort)) for column in self._layout.columns]
        mapping = msgspec.structs.replace(self._layout.mapping, compare="all", bucket="day", expect_every="")
        return msgspec.json.encode([mapping, columns], order="deterministic")


def _shape(name: str, columns: tuple[str, ...], layout: Layout) -> Shape:
    """The parts that columns play: by their names, and before that by the mapping."""
    mapping = layout.mapping
    at = {index: place for place, index in enumerate(layout.told)}
    given = {Role.START: mapping.time, Role.END: mapping.until}
    roles = dict(shape_of(Table(name, columns, []), name).roles)
    for role, column in given.items():
        index = layout.index(column)
        roles[role] = () if index is None else (at[index],)
    roles[Role.KEY] = tuple(at[index] for index in layout.key)
    if layout.assets:
        roles[Role.ASSET] = (at[layout.assets[0]],)
    timed = {at[i] for i, column in enumerate(layout.columns) if column.sort in (Sort.TIME, Sort.DATE) and i in at}
    times = tuple(sorted(timed | {*roles[Role.START], *roles[Role.END]}))
    return Shape(TableKind(mapping.kind), {role: found for role, found in roles.items() if found}, times, ())


def _story(fields: Mapping[str, Cell]) -> str:
    """The longest text of a row, on one line; "" where it has none."""
    texts = [" ".join(value.split()) for value in fields.values() if isinstance(value, str)]
    return max(texts, key=len, default="")


def _check(cells: Sequence[Cell]) -> None:
    texts = [each for each in cells if isinstance(each, str)]
    if sum(map(len, texts)) > _MOST_CHARS:
        raise SourceRejected(f"rows of more than {_MOST_CHARS >> 20} Mi characters are not read", kind="too_large")
    if any("\x00" in text for text in texts):
        raise SourceRejected("text holds a NUL character", kind="unstorable")


def _is_tag(text: str) -> bool:
    """Whether a cell names a thing and no sentence: letters and digits, and short."""
    return len(text) <= _LONGEST_TAG and any(map(str.isdigit, text)) and any(map(str.isalpha, text))
