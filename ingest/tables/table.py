"""A table: named columns, and rows of cells that know their line in the file. csv, tsv, json and jsonl files are read here.

They are taken apart in the child that is kept for many small files (`ingest.warm`): sites write hundreds of them, and what reads
them is Python and msgspec, which leave nothing behind for the next. Parquet and Excel files, whose readers are large native
libraries, have a child each (`load_parquet`, `load_workbook`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ingest.cells import Cell, Head, Row, Rows
from ingest.media_types import CSV, JSON, JSONL, TSV
from ingest.ports import Item
from ingest.sandbox import Limits
from ingest.timestamps import is_blank, looks_like_time
from ingest.warm import Worker
from retrieval.errors import SourceRejected

MAX_BYTES = 256 * 2**20
# csv and json lines take little, whatever their size; a json text is held whole, and twice where it is not ASCII
LIMITS = Limits(wall_s=120, cpu_s=120, memory_bytes=1 << 30, output_bytes=512 << 20)
_WORKERS = {CSV: "csv_rows", TSV: "tsv_rows", JSON: "json_rows", JSONL: "jsonl_rows"}
_MESSAGE: Any = Head | Rows
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


class Table(NamedTuple):
    """`stem` is the file's name without its ending. `notes` say what reading had to assume."""

    stem: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    notes: tuple[str, ...] = ()

    def column(self, index: int) -> list[Cell]:
        return [row.cells[index] for row in self.rows]


def number(cell: Cell) -> float | None:
    """The number in a cell, or None where it holds none."""
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, int | float):
        return float(cell)
    return float(cell) if _NUMBER.fullmatch(cell.strip()) else None


def load(item: Item, tenant: str, worker: Worker) -> Table:
    """The whole table. Raises SourceRejected: too_large, empty, broken_row (with its line), no_header, unknown_shape, timeout."""
    if item.path.stat().st_size > MAX_BYTES:
        raise SourceRejected(f"tables above {MAX_BYTES >> 20} MiB are not read in one piece", kind="too_large")
    named = f"ingest.tables.plain:{_WORKERS[item.media_type]}"
    with closing(worker.read_as(_MESSAGE, named, item.path, tenant)) as messages:
        head, rows = _received(messages, item.media_type in (CSV, TSV))
    if not rows:
        raise SourceRejected("the table has no rows", kind="empty")
    return Table(Path(item.name).stem, unique(head.columns), [wide(row, len(head.columns)) for row in rows], head.notes)


def _received(messages: Iterable[Head | Rows], delimited: bool) -> tuple[Head, list[Row]]:
    """All rows; of delimited text the names come first, and are looked at before any row."""
    head, rows = Head([]), list[Row]()
    for message in messages:
        if isinstance(message, Rows):
            rows += message.rows
        elif delimited:
            _check_header(message.columns)
            head = msgspec.structs.replace(message, columns=[name.strip() for name in message.columns])
        else:
            head = message
    return head, rows


def wide(row: Row, width: int) -> Row:
    """The row with blank cells up to the width."""
    return row if len(row.cells) == width else Row([*row.cells, *([None] * (width - len(row.cells)))], row.line)


def _check_header(cells: Sequence[str]) -> None:
    """A first line of numbers and times is data: without names nothing in the table could be asked for."""
    if all(number(cell) is not None or looks_like_time(cell) for cell in cells):
        raise SourceRejected("the first line holds values, not column names", kind="no_header")


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Column names that can be told apart: blank ones are numbered, repeated ones counted."""
    times: dict[str, int] = {}
    result: dict[str, None] = {}
    for index, name in enumerate(names):
        base = told = name or f"column {index + 1}"
        while told in result:
            times[base] = times.get(base, 1) + 1
            told = f"{base} {times[base]}"
        result[told] = None
    return tuple(result)


def typed(cell: Cell) -> Cell:
    """A cell as plain data: numbers as numbers (not codes such as 007), true and false, stripped text, None for blank."""
    if not isinstance(cell, str):
        return None if is_blank(cell) else cell
    text = cell.strip()
    if is_blank(text):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if _NUMBER.fullmatch(text) and not re.match(r"[+-]?0\d", text):
        value = float(text)
        return int(text) if re.fullmatch(r"-?\d{1,15}", text) else value
    return text
