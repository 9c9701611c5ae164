"""csv, tsv, json and jsonl files as one thing: named columns, and rows of cells that know their line in the file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ingest.media_types import CSV, JSONL, TSV
from ingest.ports import Item
from ingest.timestamps import Cell, is_blank, looks_like_time
from retrieval.errors import SourceRejected

MAX_BYTES = 256 * 2**20
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


class Row(NamedTuple):
    """Cells in the order of the table's columns; `line` is the line of the file it begins on, from 1 (0 inside one json)."""

    cells: Sequence[Cell]
    line: int


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


def load(item: Item) -> Table:
    """Read the whole table. Raises SourceRejected: too_large, empty, broken_row (with its line), no_header, unknown_shape."""
    if item.path.stat().st_size > MAX_BYTES:
        raise SourceRejected(f"tables above {MAX_BYTES >> 20} MiB are not read in one piece", kind="too_large")
    text, notes = decode(item.path.read_bytes())
    stem = Path(item.name).stem
    if item.media_type in (CSV, TSV):
        columns, rows = _delimited(text, "\t" if item.media_type == TSV else None)
    else:
        columns, rows = _records(_objects(text, item.media_type))
    if not rows:
        raise SourceRejected("the table has no rows", kind="empty")
    return Table(stem, columns, rows, notes)


def decode(data: bytes) -> tuple[str, tuple[str, ...]]:
    """Bytes → text: UTF-8 with or without a mark, UTF-16 with one, else Windows-1252, which is noted."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16"), ()
        except UnicodeDecodeError as problem:
            raise SourceRejected(f"broken UTF-16 text: {problem.reason}", kind="unreadable") from problem
    try:
        return data.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace"), ("text is not UTF-8; read as Windows-1252",)


# --- delimited text -------------------------------------------------------------------------------------------------


def _delimited(text: str, delimiter: str | None) -> tuple[tuple[str, ...], list[Row]]:
    header, *rows = list(_csv_rows(text, delimiter or _delimiter(text))) or [Row((), 1)]
    if not header.cells:
        raise SourceRejected("the table is blank", kind="empty")
    _check_header(header.cells)
    names = unique([str(cell).strip() for cell in header.cells])
    return names, [_fitted(row, len(names)) for row in rows]


def _delimiter(text: str) -> str:
    """The separator that is most frequent in the first line, outside quotes."""
    first = re.sub(r'"[^"]*"', "", text.lstrip("\r\n").split("\n", 1)[0])
    return max((",", ";", "\t", "|"), key=first.count)


def _csv_rows(text: str, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Row(cells, line)
            line = reader.line_num + 1
    except csv.Error as problem:
        raise SourceRejected(f"line {line}: {problem}", kind="broken_row") from problem


def _check_header(cells: Sequence[Cell]) -> None:
    """A first line of numbers and times is data: without names nothing in the table could be asked for."""
    if all(number(cell) is not None or looks_like_time(cell) for cell in cells):
        raise SourceRejected("the first line holds values, not column names", kind="no_header")


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Column names that can be told apart: blank ones are numbered, repeated ones counted."""
    seen: dict[str, int] = {}
    result = []
    for index, name in enumerate(names):
        base = name or f"column {index + 1}"
        seen[base] = seen.get(base, 0) + 1
        result.append(base if seen[base] == 1 else f"{base} {seen[base]}")
    return tuple(result)


def _fitted(row: Row, width: int) -> Row:
    """Extra cells may only be blank; a row that stops short is broken."""
    cells = list(row.cells)
    if len(cells) < width or any(str(cell).strip() for cell in cells[width:]):
        raise SourceRejected(f"line {row.line}: {len(cells)} cells where {width} columns are named", kind="broken_row")
    return Row(cells[:width], row.line)


# --- json -----------------------------------------------------------------------------------------------------------


def _objects(text: str, media_type: str) -> list[tuple[Mapping[str, Any], int]]:
    if media_type == JSONL:
        return _json_lines(text)
    value = _parse(text, "")
    rows = _row_list(value)
    if rows is None or not all(isinstance(row, dict) for row in rows):
        raise SourceRejected("this json is not a list of records", kind="unknown_shape")
    return [(row, 0) for row in rows]


def _json_lines(text: str) -> list[tuple[Mapping[str, Any], int]]:
    found: list[tuple[Mapping[str, Any], int]] = []
    for number_, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        value = _parse(line, f"line {number_}: ")
        if not isinstance(value, dict):
            raise SourceRejected(f"line {number_}: not a record", kind="unknown_shape")
        found.append((value, number_))
    return found


def _parse(text: str, where: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise SourceRejected(f"{where}not valid json: {problem}", kind="broken_row") from problem


def _row_list(value: Any) -> list[Any] | None:
    """A list of records, a record holding exactly one such list ({"alerts": [...]}), or one record by itself."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        return None
    lists = [v for v in value.values() if isinstance(v, list) and v and all(isinstance(row, dict) for row in v)]
    if len(lists) == 1:
        return lists[0]
    flat = all(not isinstance(v, list | dict) for v in value.values())
    return [value] if flat and value and not lists else None


def _records(objects: Sequence[tuple[Mapping[str, Any], int]]) -> tuple[tuple[str, ...], list[Row]]:
    flat = [(_flat(record), line) for record, line in objects]
    columns = tuple(dict.fromkeys(name for record, _ in flat for name in record))
    return columns, [Row([record.get(name) for name in columns], line) for record, line in flat]


def _flat(record: Mapping[str, Any]) -> dict[str, Cell]:
    """Nested records become dotted names; lists and deeper nesting become their json text."""
    cells: dict[str, Cell] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            cells.update({f"{name}.{inner}": _cell(v) for inner, v in value.items()})
        else:
            cells[name] = _cell(value)
    return cells


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    return msgspec.json.encode(value).decode()


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
