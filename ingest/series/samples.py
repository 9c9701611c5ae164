"""Columns of a table → series: sorted times, values, gaps, and what they are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.cells import Row
from ingest.entities import EntityLinker
from ingest.ports import Item
from ingest.series.fills import Fill, fills
from ingest.series.quality import bad
from ingest.series.units import named
from ingest.tables.reading import clock_for
from ingest.tables.shape import BESIDE_VALUES, Role, Shape, text_cell
from ingest.tables.table import Table, number
from ingest.timestamps import Clock, UndecidedDateError, is_blank, quoted
from retrieval.errors import SourceRejected
from retrieval.resampling import breaks
from retrieval.types import Entity, EntityType, Interval


class Series(NamedTuple):
    """`t`: int64 UTC µs ascending, `v`: float64, `line`: int64 lines of the file; all of shape (n,), n ≥ 1, no NaN.

    `column` names the series in its file (and its asset, where one file holds several). `step` is the median time between two
    samples in µs. `asset` is the id or name of the asset as the file gives it, `unit` the one that a column beside the values names.
    `blanks` counts rows without a value, those with one of the `fills` (numbers that stand for none) among them.
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
    unit: str = ""
    fills: tuple[Fill, ...] = ()


def read_series(table: Table, shape: Shape, item: Item, entities: Sequence[Entity]) -> list[Series]:
    """Every numeric column of every asset or sensor in the table. Raises SourceRejected: broken_row, ambiguous_dates, empty."""
    clock = clock_for(table, shape, item)
    times = [_moment(row, shape.times[0], clock) for row in table.rows]
    marked = _without_bad(table, shape)
    columns = _value_columns(shape)
    sensors = [entity for entity in entities if entity.type is EntityType.SENSOR]
    only = len(columns) == 1
    found = [
        series
        for group, rows in _groups(table, shape)
        for index in columns
        if (
            series := _one(
                marked, index, rows, times, group, not only, clock.notes() + marked.notes[len(table.notes) :]
            )
        )
        is not None
    ]
    found = [_united(series, table, shape.first(Role.UNIT)) for series in found]
    if not found:
        raise SourceRejected("no column holds a single value", kind="empty")
    return _bound(found, sensors, item.policy.sensor if only and len(found) == 1 else None)


def spans(series: Series) -> list[Interval]:
    """When the series was recording: split where two samples lie more than five median steps apart."""
    at = breaks(series.t, series.step)
    first = np.concatenate(([0], at + 1))
    last = np.concatenate((at, [len(series.t) - 1]))
    return [Interval(int(series.t[a]), int(series.t[b]) + series.step) for a, b in zip(first, last, strict=True)]


def _moment(row: Row, column: int, clock: Clock) -> int:
    try:
        return clock.read(row.cells[column]).t0
    except UndecidedDateError as problem:
        raise SourceRejected(f"line {row.line}: {problem}", kind="ambiguous_dates") from problem
    except (ValueError, OverflowError) as problem:
        raise SourceRejected(f"line {row.line}: {problem}", kind="broken_row") from problem


def _without_bad(table: Table, shape: Shape) -> Table:
    """The table with the values blanked that its source marks as bad; a note says how many rows they are."""
    quality = shape.first(Role.QUALITY)
    marks = bad(table.column(quality)) if quality is not None else []
    if not any(marks):
        return table
    values = set(_value_columns(shape))
    rows = [
        Row([None if i in values else cell for i, cell in enumerate(row.cells)], row.line) if wrong else row
        for row, wrong in zip(table.rows, marks, strict=True)
    ]
    note = f"rows that the source itself marks as bad, taken for missing: {sum(marks)}"
    return table._replace(rows=rows, notes=(*table.notes, note))


def _value_columns(shape: Shape) -> list[int]:
    beside = {i for role in BESIDE_VALUES for i in shape.roles.get(role, ())}
    return [i for i in shape.values if i not in beside and i not in shape.roles.get(Role.KEY, ())]


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
    kept = sorted(_kept(table, column, rows, times), key=lambda sample: (sample.t, sample.line))
    if not kept:
        return None
    t = np.array([sample.t for sample in kept], np.int64)
    v = np.array([sample.v for sample in kept], np.float64)
    line = np.array([sample.line for sample in kept], np.int64)
    absent = fills(v)
    for fill in absent:
        held = v != fill.value
        t, v, line = t[held], v[held], line[held]
    step = int(np.median(np.diff(t))) if len(t) > 1 else 0
    blanks = len(rows) - len(t)
    notes += tuple(f"{fill.value:.7g} is taken for a missing value: {fill.samples} samples" for fill in absent)
    name = table.columns[column]
    if group[1]:
        # A sensor named in its own column stands for the series; "value" says nothing then.
        name = f"{group[1]} {name}" if several else group[1]
    return Series(name, t, v, line, max(step, 1), group[0], None, blanks, notes, fills=absent)


class _Sample(NamedTuple):
    t: int
    v: float
    line: int


def _kept(table: Table, column: int, rows: Sequence[int], times: Sequence[int]) -> Iterator[_Sample]:
    """The samples of a column, without blanks. Raises SourceRejected (broken_row)."""
    for index in rows:
        row = table.rows[index]
        cell = row.cells[column]
        if is_blank(cell):
            continue
        value = number(cell)
        if value is None or not np.isfinite(value):
            raise SourceRejected(f"line {row.line}: {quoted(cell)} is not a number", kind="broken_row")
        yield _Sample(times[index], value, row.line or index + 1)


def _united(series: Series, table: Table, column: int | None) -> Series:
    """The series with the unit its rows name; where they name several, none is told."""
    if column is None:
        return series
    lines = set(series.line.tolist())
    told = (text_cell(row.cells[column]) for at, row in enumerate(table.rows, 1) if (row.line or at) in lines)
    units = sorted({unit for unit in told if unit})
    if len(units) > 1:
        return series._replace(
            notes=(*series.notes, f"its rows name several units ({', '.join(units)[:80]}); none is told")
        )
    return series._replace(unit=units[0] if units else "")


def _bound(found: Sequence[Series], sensors: Sequence[Entity], declared: str | None) -> list[Series]:
    """Each series with its sensor (declared for the file, or called like the column), and names that differ."""
    linker = EntityLinker(sensors)
    by_id = {sensor.id: sensor for sensor in sensors}
    columns = [series.column for series in found]
    bound = []
    for series in found:
        ids = linker.exact(series.column) or linker.exact(named(series.column).words)
        sensor = by_id.get(declared or "") or (by_id[ids[0]] if len(ids) == 1 else None)
        shared = columns.count(series.column) > 1 and series.asset
        name = f"{series.asset} {series.column}" if shared else series.column
        bound.append(series._replace(sensor=sensor, column=name))
    return bound
