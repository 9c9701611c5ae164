"""Columns of a table → series: sorted times, values, gaps, and what they are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.entities import EntityLinker
from ingest.ports import Item
from ingest.tables.records import clock_for
from ingest.tables.shape import Role, Shape, text_cell
from ingest.tables.table import Row, Table, number
from ingest.timestamps import Clock, UndecidedDateError, is_blank, quoted
from retrieval.errors import SourceRejected
from retrieval.types import Entity, EntityType, Interval


class Series(NamedTuple):
    """`t`: int64 UTC µs ascending, `v`: float64, `line`: int64 lines of the file; all of shape (n,), n ≥ 1, no NaN.

    `column` names the series in its file (and its asset, where one file holds several). `step` is the median time between two
    samples in µs. `asset` is the id or name of the asset as the file gives it. `blanks` counts rows without a value.
    """

    column: str
    t: NDArray[np.int64]
    v: NDArray[np.float64]
    line: NDArray[np.int64]
    step: int
    asset: str
    sensor: Entity | None
    blanks: int
    notes: tuple[str, ...]


def read_series(table: Table, shape: Shape, item: Item, entities: Sequence[Entity]) -> list[Series]:
    """Every numeric column of every asset or sensor in the table. Raises SourceRejected: broken_row, ambiguous_dates, empty."""
    clock = clock_for(table, shape, item)
    times = [_moment(row, shape.times[0], clock) for row in table.rows]
    columns = _value_columns(shape)
    sensors = [entity for entity in entities if entity.type is EntityType.SENSOR]
    only = len(columns) == 1
    found = [
        series
        for group, rows in _groups(table, shape)
        for index in columns
        if (series := _one(table, index, rows, times, group, not only, clock.notes())) is not None
    ]
    if not found:
        raise SourceRejected("no column holds a single value", kind="empty")
    return _bound(found, sensors, item.policy.sensor if only and len(found) == 1 else None)


def spans(series: Series) -> list[Interval]:
    """When the series was recording: split where two samples lie more than five median steps apart."""
    breaks = np.flatnonzero(np.diff(series.t) > 5 * series.step)
    first = np.concatenate(([0], breaks + 1))
    last = np.concatenate((breaks, [len(series.t) - 1]))
    return [Interval(int(series.t[a]), int(series.t[b]) + series.step) for a, b in zip(first, last, strict=True)]


def _moment(row: Row, column: int, clock: Clock) -> int:
    try:
        return clock.read(row.cells[column]).t0
    except UndecidedDateError as problem:
        raise SourceRejected(f"line {row.line}: {problem}", kind="ambiguous_dates") from problem
    except (ValueError, OverflowError) as problem:
        raise SourceRejected(f"line {row.line}: {problem}", kind="broken_row") from problem


def _value_columns(shape: Shape) -> list[int]:
    named = {i for role in (Role.ASSET, Role.ASSET_NAME, Role.SENSOR) for i in shape.roles.get(role, ())}
    return [i for i in shape.values if i not in named and i not in shape.roles.get(Role.KEY, ())]


def _groups(table: Table, shape: Shape) -> Iterator[tuple[tuple[str, str], list[int]]]:
    """Row numbers of each (asset, sensor) named in the table; one group where none is."""
    asset = shape.first(Role.ASSET_NAME) if shape.first(Role.ASSET) is None else shape.first(Role.ASSET)
    sensor = shape.first(Role.SENSOR)
    groups: dict[tuple[str, str], list[int]] = {}
    for index, row in enumerate(table.rows):
        key = tuple(text_cell(row.cells[c]) if c is not None else "" for c in (asset, sensor))
        groups.setdefault((key[0], key[1]), []).append(index)
    yield from groups.items()


def _one(
    table: Table,
    column: int,
    rows: Sequence[int],
    times: Sequence[int],
    group: tuple[str, str],
    several: bool,
    notes: tuple[str, ...],
) -> Series | None:
    kept: list[tuple[int, float, int]] = []
    for index in rows:
        row = table.rows[index]
        cell = row.cells[column]
        if is_blank(cell):
            continue
        value = number(cell)
        if value is None or not np.isfinite(value):
            raise SourceRejected(f"line {row.line}: {quoted(cell)} is not a number", kind="broken_row")
        kept.append((times[index], value, row.line or index + 1))
    if not kept:
        return None
    kept.sort(key=lambda sample: (sample[0], sample[2]))
    t, v, line = (np.array(part) for part in zip(*kept, strict=True))
    step = int(np.median(np.diff(t))) if len(t) > 1 else 0
    blanks = len(rows) - len(kept)
    name = table.columns[column]
    if group[1]:
        # A sensor named in its own column stands for the series; "value" says nothing then.
        name = f"{group[1]} {name}" if several else group[1]
    return Series(name, t.astype(np.int64), v.astype(np.float64), line, max(step, 1), group[0], None, blanks, notes)


def _bound(found: Sequence[Series], sensors: Sequence[Entity], declared: str | None) -> list[Series]:
    """Each series with its sensor (declared for the file, or called like the column), and names that differ."""
    linker = EntityLinker(sensors)
    by_id = {sensor.id: sensor for sensor in sensors}
    columns = [series.column for series in found]
    bound = []
    for series in found:
        ids = linker.exact(series.column)
        sensor = by_id.get(declared or "") or (by_id[ids[0]] if len(ids) == 1 else None)
        shared = columns.count(series.column) > 1 and series.asset
        name = f"{series.asset} {series.column}" if shared else series.column
        bound.append(series._replace(sensor=sensor, column=name))
    return bound
