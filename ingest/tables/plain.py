"""csv, tsv, json and jsonl → rows, in the child process. Of a csv or jsonl file a line is held at a time, of a json the whole text.

Each function takes {"path": …} and yields Rows and one Head (of a csv first, of json last: its columns are those of all records).
All raise SourceRejected: empty, broken_row (with its line), unknown_shape, too_large, unreadable.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ingest.cells import MAX_COLUMNS, Cell, Head, Row, Rows, together
from ingest.tables.text import decode, encoding_of, lines_of, opened
from retrieval.errors import SourceRejected

# what the process that asked can hold beside its encoders: a cell takes it some 65 bytes, and a row as much as three more
MAX_CELLS, _ROW = 12_000_000, 3
T = TypeVar("T")
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1


def csv_rows(args: dict[str, Any]) -> Iterator[Head | Rows]:
    """The separator is the most frequent of four in the first line."""
    return _delimited(Path(args["path"]), _delimiter)


def tsv_rows(args: dict[str, Any]) -> Iterator[Head | Rows]:
    return _delimited(Path(args["path"]), lambda first: "\t")


def json_rows(args: dict[str, Any]) -> Iterator[Head | Rows]:
    """A list of records, a record that holds one such list, one record by itself, or lists of texts under names."""
    text, notes = decode(Path(args["path"]).read_bytes())
    return _records(((record, 0) for record in _listed(text)), notes)


def jsonl_rows(args: dict[str, Any]) -> Iterator[Head | Rows]:
    path = Path(args["path"])
    encoding = encoding_of(path)
    with opened(path, encoding, "\n") as file:
        yield from _records(_json_lines(lines_of(file)), encoding.notes)


def _check_size(rows: int, columns: int) -> None:
    if columns > MAX_COLUMNS:
        told = f"{columns:,} columns; at most {MAX_COLUMNS:,} are read"
    elif rows * (columns + _ROW) > MAX_CELLS:
        told = f"tables of more than {MAX_CELLS:,} cells are not read in one piece: split the file"
    else:
        return
    raise SourceRejected(told, kind="too_large")


# --- delimited text -------------------------------------------------------------------------------------------------


def _delimited(path: Path, delimiter: Callable[[str], str]) -> Iterator[Head | Rows]:
    encoding = encoding_of(path)
    with opened(path, encoding, "") as file:
        first = next((line for line in lines_of(file) if line.strip("\r\n")), "")
        file.seek(0)
        rows = _csv_rows(lines_of(file), delimiter(first.rstrip("\r\n")))
        header = next(rows, None)
        if header is None:
            raise SourceRejected("the table is blank", kind="empty")
        width = len(header.cells)
        _check_size(1, width)
        yield Head([str(name) for name in header.cells], encoding.notes)
        yield from together(_fitted(rows, width))


def _delimiter(first: str) -> str:
    """Of the first line, outside quotes."""
    bare = re.sub(r'"[^"]*"', "", first)
    return max((",", ";", "\t", "|"), key=bare.count)


def _csv_rows(lines: Iterator[str], delimiter: str) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Row(cells, line)
            line = reader.line_num + 1
    except csv.Error as problem:
        raise SourceRejected(f"line {line}: {problem}", kind="broken_row") from problem


def _fitted(rows: Iterable[Row], width: int) -> Iterator[Row]:
    """Extra cells may only be blank; a row that stops short is broken."""
    for number, row in enumerate(rows, start=1):
        cells = row.cells
        if len(cells) < width or any(str(cell).strip() for cell in cells[width:]):
            told = f"line {row.line}: {len(cells)} cells where {width} columns are named"
            raise SourceRejected(told, kind="broken_row")
        _check_size(number, width)
        yield row if len(cells) == width else Row(cells[:width], row.line)


# --- json -----------------------------------------------------------------------------------------------------------


def _listed(text: str) -> Iterator[Mapping[str, Any]]:
    """The records of a json text, each taken apart when its turn comes."""
    rows = _row_list(_parse(text, "", msgspec.Raw))
    if rows is None or not all(_opens(row) == "{" for row in rows):
        raise SourceRejected("this json is not a list of records", kind="unknown_shape")
    return (_parse(row, f"record {number}: ", dict[str, Any]) for number, row in enumerate(rows, start=1))


def _row_list(value: msgspec.Raw) -> Sequence[msgspec.Raw] | None:
    """A list of records, a record holding exactly one such list ({"alerts": [...]}), one record by itself, or texts by name."""
    if _opens(value) == "[":
        return _parse(value, "", list[msgspec.Raw])
    if _opens(value) != "{":
        return None
    fields: dict[str, msgspec.Raw] = _parse(value, "", dict[str, msgspec.Raw])
    lists = [_parse(each, "", list[msgspec.Raw]) for each in fields.values() if _opens(each) == "["]
    lists = [rows for rows in lists if rows and all(_opens(row) == "{" for row in rows)]
    if len(lists) == 1:
        return lists[0]
    flat = all(_opens(each) not in "[{" for each in fields.values())
    if flat:
        return [value] if fields else None
    return _by_name(fields) if all(_opens(each) == "[" for each in fields.values()) else None


def _by_name(fields: Mapping[str, msgspec.Raw]) -> list[msgspec.Raw] | None:
    """A record {name, text} for every text of {"Pump P-101": ["The seal leaked.", …]}; None where a list holds anything else, and where
    the lists may be columns of one table: several, all of one length beyond 1."""
    lengths = [len(_parse(listed, "", list[msgspec.Raw])) for listed in fields.values()]
    if len(lengths) > 1 and len(set(lengths)) == 1 and lengths[0] > 1:
        return None
    found = [(name, text) for name, listed in fields.items() for text in _parse(listed, "", list[msgspec.Raw])]
    if not all(_opens(text) == '"' for _, text in found):
        return None
    return [msgspec.Raw(msgspec.json.encode({"name": name, "text": text})) for name, text in found]


def _opens(value: msgspec.Raw) -> str:
    """The first character of a json value."""
    return chr(memoryview(value)[0])


def _json_lines(lines: Iterable[str]) -> Iterator[tuple[Mapping[str, Any], int]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        value = _parse(line, f"line {number}: ", object)
        if not isinstance(value, dict):
            raise SourceRejected(f"line {number}: not a record", kind="unknown_shape")
        yield value, number


def _parse(text: str | msgspec.Raw, where: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise SourceRejected(f"{where}not valid json: {problem}", kind="broken_row") from problem


def _records(found: Iterable[tuple[Mapping[str, Any], int]], notes: tuple[str, ...]) -> Iterator[Head | Rows]:
    """Rows as long as the columns that are known by then; the columns are in order of their first appearance."""
    places: dict[str, int] = {}
    yield from together(_placed(found, places))
    yield Head(list(places), notes)


def _placed(found: Iterable[tuple[Mapping[str, Any], int]], places: dict[str, int]) -> Iterator[Row]:
    """A record without fields is no row, as a blank line is none."""
    filled = ((flat, line) for record, line in found if (flat := flat_record(record)))
    for number, (flat, line) in enumerate(filled, start=1):
        for name in flat:
            places.setdefault(name, len(places))
        _check_size(number, len(places))
        yield Row([flat.get(name) for name in places], line)


def flat_record(record: Mapping[str, Any]) -> dict[str, Cell]:
    """Nested records become dotted names; lists and deeper nesting become their json text."""
    cells: dict[str, Cell] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            cells.update({f"{name}.{inner}": _cell(v) for inner, v in value.items()})
        else:
            cells[name] = _cell(value)
    return cells


def _cell(value: Any) -> Cell:
    if isinstance(value, int) and not _LEAST <= value <= _MOST:
        return str(value)  # an identifier, rather than a number: msgpack has none so large
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ", ".join(value)
    return msgspec.json.encode(value).decode()
