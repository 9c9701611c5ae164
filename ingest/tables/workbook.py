"""Spreadsheets → one table a sheet, as if each had been saved as csv; sheets without a table are kept as their text.

The workbook is read by openpyxl in a child process. A cell is what the program last computed and stored; dates and times become
ISO 8601 without a zone, so that the source's policy says which zone they are in. `Row.line` is the row's number in its sheet.

Each workbook has a child of its own: openpyxl keeps the archive and its parsed parts as long as it likes, and lxml below it is
native; a kept child would grow from file to file.
"""

from __future__ import annotations

import datetime
import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ingest.cells import MAX_COLUMNS, Cell, Row, Rows, together
from ingest.ports import Item
from ingest.reports.archive import check_office, is_media
from ingest.sandbox import Limits, run_as
from ingest.tables.header import header_of, named
from ingest.tables.table import Table
from retrieval.errors import SourceRejected

MAX_CELLS = 2_000_000
# what a sheet claims to span, blank cells between filled ones included
MAX_SPAN = 20_000_000
MAX_ROWS = 1 << 20
# a sheet is read row by row: it takes little, whatever its size
_LIMITS = Limits(wall_s=120, cpu_s=120, memory_bytes=640 << 20, output_bytes=256 << 20)


class Sheet(msgspec.Struct, frozen=True, tag="sheet"):
    """The start of a sheet."""

    name: str
    hidden: bool


class Lost(msgspec.Struct, frozen=True, tag="lost"):
    """The end of a sheet: how many cells hold an error (#REF!), and how many a formula whose value was never stored."""

    errors: int
    uncomputed: int


_MESSAGE: Any = Sheet | Rows | Lost


class Read(NamedTuple):
    """What a workbook holds: its tables, and the rows of sheets that are no tables (`columns` empty)."""

    tables: list[Table]
    texts: list[Table]


def load_workbook(item: Item) -> Read:
    """Every sheet. Raises SourceRejected: encrypted, unreadable, too_large, timeout, empty, no_header (no sheet has a table or text)."""
    read, skipped = Read([], []), []
    for sheet, rows, notes in _sheets(str(item.path)):
        stem = f"{Path(item.name).stem}/{sheet.name}"
        header = header_of(rows)
        if header is not None:
            columns, body, more = named(rows, header)
            read.tables.append(Table(stem, columns, body, (*notes, *more)))
        elif _mostly_text(rows):
            read.texts.append(Table(stem, (), rows, (*notes, "the sheet has no row of column names; kept as text")))
        elif rows:
            skipped.append(sheet.name)
    if not read.tables and not read.texts:
        _refuse(skipped)
    notes = tuple(f"sheet {name!r} has values without column names and was not read" for name in skipped)
    return Read([_noted(table, notes) for table in read.tables], [_noted(table, notes) for table in read.texts])


def _refuse(skipped: Sequence[str]) -> None:
    if skipped:
        raise SourceRejected(f"no sheet names its columns ({', '.join(skipped)})", kind="no_header")
    raise SourceRejected("the workbook holds no cells", kind="empty")


def _noted(table: Table, notes: tuple[str, ...]) -> Table:
    return table._replace(notes=(*table.notes, *notes))


def _mostly_text(rows: Sequence[Row]) -> bool:
    cells = [cell for row in rows for cell in row.cells if cell is not None]
    return bool(cells) and sum(isinstance(cell, str) for cell in cells) > len(cells) / 2


def _sheets(path: str) -> Iterator[tuple[Sheet, list[Row], tuple[str, ...]]]:
    sheet, rows = Sheet("", False), list[Row]()
    messages: Iterator[Sheet | Rows | Lost] = run_as(_MESSAGE, f"{__name__}:cells", {"path": path}, _LIMITS)
    for message in messages:
        if isinstance(message, Sheet):
            sheet, rows = message, []
        elif isinstance(message, Rows):
            rows += message.rows
        else:
            yield sheet, rows, _told(sheet, message)


def _told(sheet: Sheet, lost: Lost) -> tuple[str, ...]:
    notes = []
    if sheet.hidden:
        notes.append("the sheet is hidden in its workbook")
    if lost.errors:
        notes.append(f"cells of the sheet with an error such as #REF!, read as blank: {lost.errors}")
    if lost.uncomputed:
        notes.append(f"formulas of the sheet without a stored value, read as blank: {lost.uncomputed}")
    return tuple(notes)


# --- in the child ---------------------------------------------------------------------------------------------------


def cells(args: dict[str, Any]) -> Iterator[Sheet | Rows | Lost]:
    """Every sheet's filled rows. Raises SourceRejected."""
    path = Path(args["path"])
    check_office(path)
    formulas = _surveyed(path)
    computed = _open(path, data_only=True)
    # a second reading, of the formulas themselves, is worth its time only where there are any
    written = _open(path, data_only=False) if formulas else None
    budget = _Budget()
    for index, sheet in enumerate(computed.worksheets):
        yield Sheet(sheet.title, sheet.sheet_state != "visible")
        lost = _Losses()
        yield from together(_rows(sheet, None if written is None else written.worksheets[index], budget, lost))
        yield Lost(lost.errors, lost.uncomputed)


def _open(path: Path, data_only: bool) -> Any:
    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        return openpyxl.load_workbook(path, read_only=True, data_only=data_only, keep_links=False)
    # lxml's complaints about markup are SyntaxErrors
    except (InvalidFileException, zipfile.BadZipFile, SyntaxError, KeyError, ValueError, TypeError) as problem:
        # the library's own words carry a path of this machine
        raise _damaged() from problem


def _surveyed(path: Path) -> bool:
    """Whether there are formulas. Raises SourceRejected (too_large) for rows and sheets of too many cells.

    openpyxl takes a row whole, blank cells included. Any part may be said to be a sheet, in UTF-16 too.
    """
    formulas = False
    for data in _markup(path):
        if b"sheetData" in data:
            _check_cells(data)
            formulas = formulas or re.search(rb"<(?:\w+:)?f[ >]", data) is not None
    return formulas


def _markup(path: Path) -> Iterator[bytes]:
    with zipfile.ZipFile(path) as archive:
        for part in archive.infolist():
            if not is_media(archive, part):
                try:
                    yield archive.read(part).replace(b"\0", b"")
                except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as problem:
                    raise _damaged() from problem


def _damaged() -> SourceRejected:
    return SourceRejected("not a readable xlsx: damaged, or not an Excel workbook")


def _check_cells(sheet: bytes) -> None:
    cells = in_row = 0
    for tag in re.finditer(rb"<(?:\w+:)?(c|row)[\s/>]", sheet):
        if tag[1] == b"row":
            cells, in_row = cells + in_row, 0
            continue
        in_row += 1
        if in_row > MAX_COLUMNS or cells + in_row > MAX_CELLS:
            told = f"sheets of more than {MAX_COLUMNS:,} columns or {MAX_CELLS:,} cells are not read"
            raise SourceRejected(told, kind="too_large")


class _Budget:
    """Counts what all sheets span and hold together. Raises SourceRejected (too_large)."""

    def __init__(self) -> None:
        self._span = self._filled = 0

    def spend(self, line: int, span: int, filled: int) -> None:
        self._span += span + 1
        self._filled += filled
        if line > MAX_ROWS or self._span > MAX_SPAN or self._filled > MAX_CELLS:
            told = f"workbooks of more than {MAX_CELLS:,} cells, or spread over more than {MAX_SPAN:,}, are not read"
            raise SourceRejected(told, kind="too_large")


class _Losses:
    """Counts the cells of one sheet whose value cannot be had."""

    def __init__(self) -> None:
        self.errors = self.uncomputed = 0

    def count(self, row: Sequence[Any], formulas: Sequence[Any]) -> None:
        self.errors += sum(cell.data_type == "e" for cell in row if cell.value is not None)
        self.uncomputed += _without_value(row, formulas)


def _rows(computed: Any, written: Any, budget: _Budget, lost: _Losses) -> Iterator[Row]:
    """Its filled rows, each with its number from 1."""
    for line, (row, formulas) in enumerate(_in_step(computed, written), start=1):
        values = [_value(cell) for cell in row]
        while values and values[-1] is None:
            values.pop()
        budget.spend(line, len(row), len(values))
        lost.count(row, formulas)
        if values:
            yield Row(values, line)


def _in_step(computed: Any, written: Any) -> Iterator[tuple[Sequence[Any], Sequence[Any]]]:
    for sheet in (computed, written):
        if sheet is not None:
            sheet.reset_dimensions()  # what the file says of its own size may be wrong
    if written is None:
        return ((row, ()) for row in computed.iter_rows())
    return zip(computed.iter_rows(), written.iter_rows(), strict=True)


def _without_value(row: Sequence[Any], formulas: Sequence[Any]) -> int:
    pairs = zip(row, formulas, strict=False)
    return sum(cell.value is None and formula.value is not None and formula.data_type == "f" for cell, formula in pairs)


def _value(cell: Any) -> Cell:
    value = cell.value
    if value is None or cell.data_type == "e":
        return None
    if isinstance(value, datetime.datetime):
        dated = value.time() == datetime.time() and not _shows_hours(cell.number_format)
        return value.date().isoformat() if dated else value.isoformat()
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _number(value)
    return str(value).strip() or None


def _number(value: float) -> Cell:
    """Numbers as they are, but for what neither json nor a spreadsheet can hold."""
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else float(value) if abs(value) < 10**300 else None
    return value if math.isfinite(value) else None


def _shows_hours(number_format: str) -> bool:
    """Whether a format shows a time of day; words in quotes and brackets do not count."""
    bare = re.sub(r'"[^"]*"|\\.|\[\$[^\]]*\]', "", number_format or "")
    return re.search(r"[hs]", bare, re.I) is not None
