"""What tables are made of, and how they cross from the child process that reads one: rows in messages of some thousand cells.

Imports next to nothing: a child that reads a small file is started in less time than numpy takes to load.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

Cell: TypeAlias = str | int | float | bool | None

# the most that any spreadsheet has (Excel's XFD)
MAX_COLUMNS = 16_384
_AT_ONCE = 16_384


class Row(NamedTuple):
    """Cells in the order of the table's columns; `line` is the line of the file it begins on, from 1 (0 inside one json)."""

    cells: Sequence[Cell]
    line: int


class Head(msgspec.Struct, frozen=True, tag="head"):
    """The names of the columns as the file has them, and what reading had to assume."""

    columns: list[str]
    notes: tuple[str, ...] = ()


class Rows(msgspec.Struct, frozen=True, tag="rows"):
    """The next rows, none longer than the columns are."""

    rows: list[Row]


def together(rows: Iterable[Row]) -> Iterator[Rows]:
    """Rows in messages of about 16,000 cells."""
    waiting: list[Row] = []
    cells = 0
    for row in rows:
        waiting.append(row)
        cells += len(row.cells) + 1
        if cells >= _AT_ONCE:
            yield Rows(waiting)
            waiting, cells = [], 0
    if waiting:
        yield Rows(waiting)
