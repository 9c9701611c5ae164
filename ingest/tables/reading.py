"""One row of a table, read: its fields as plain data, its times in UTC, and when it happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ingest.cells import Cell, Row
from ingest.ports import Item
from ingest.tables.shape import Role, Shape, TableKind
from ingest.tables.table import Table, typed
from ingest.tables.wording import stamp
from ingest.timestamps import Clock, UndecidedDateError, quoted
from retrieval.errors import SourceRejected
from retrieval.types import Interval


class Read(NamedTuple):
    """`times` are the cells of its time columns, by column; `valid` is when it happened, None where that is unknown."""

    fields: dict[str, Cell]
    times: dict[str, Interval]
    valid: Interval | None
    notes: tuple[str, ...]


def clock_for(table: Table, shape: Shape, item: Item) -> Clock:
    """One clock for all time columns of the file, so that its dates read one way. Raises SourceRejected when they cannot."""
    try:
        return Clock.over(item.policy, (cell for index in shape.times for cell in table.column(index)))
    except ValueError as problem:
        raise SourceRejected(str(problem), kind="broken_row") from problem


def read_row(table: Table, shape: Shape, row: Row, clock: Clock) -> Read:
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
    return Read(fields, times, valid, tuple(notes))


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
    start, end = (of_role(table, shape, role, times) for role in (Role.START, Role.END))
    if start is None or end is None:
        return start or end
    if end.t1 < start.t0:
        notes.append("its end lies before its start; only the start is used")
        return start
    return Interval(start.t0, end.t1)


def of_role(table: Table, shape: Shape, role: Role, times: Mapping[str, Interval]) -> Interval | None:
    found = [times[table.columns[i]] for i in shape.roles.get(role, ()) if table.columns[i] in times]
    return found[0] if found else None
