"""Where a sheet's table begins: titles and notes above it are skipped, the row of column names found."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.cells import Cell, Row
from ingest.tables.table import number, unique, wide
from ingest.timestamps import is_blank, looks_like_time

_LOOKED_AT = 20
# a title fills one cell, "Plant: | Northgate" two; names stand over nearly every column
_FILLED = 0.75


def header_of(rows: Sequence[Row]) -> int | None:
    """The index of the row of column names, or None where no row can be one.

    It is the first of the first 20 rows that fills three quarters of the columns; most of its cells are words, and a row
    follows. A sheet of one column is a text, not a table.
    """
    opening = [_filled(row.cells) for row in rows[:_LOOKED_AT]]
    widest = max(opening, default=0)
    if widest < 2:
        return None
    index = next(index for index, filled in enumerate(opening) if filled >= _FILLED * widest)
    names = [cell for cell in rows[index].cells if not is_blank(cell)]
    values = sum(number(cell) is not None or looks_like_time(cell) for cell in names)
    return index if values <= len(names) / 2 and index + 1 < len(rows) else None


def named(rows: Sequence[Row], header: int) -> tuple[tuple[str, ...], list[Row], tuple[str, ...]]:
    """Column names, the rows under them as wide as they are, and what was left out. The names again further down are no row."""
    body = [row for row in rows[header + 1 :] if row.cells != rows[header].cells]
    width = max(len(row.cells) for row in rows[header:])
    columns = unique([str(cell).strip() if cell is not None else "" for cell in wide(rows[header], width).cells])
    skipped = f"rows skipped above the column names in row {rows[header].line}: {header}"
    notes = (skipped,) if header else ()
    return columns, [wide(row, width) for row in body], notes


def _filled(cells: Sequence[Cell]) -> int:
    return sum(not is_blank(cell) for cell in cells)
