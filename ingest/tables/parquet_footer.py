"""What a parquet file says of itself, in its last bytes: columns and their types, rows, and how the pages are written.

The footer is thrift in its compact protocol (github.com/apache/thrift, doc/specs/thrift-compact-protocol.md); what the numbers mean
stands in parquet.thrift of the format (github.com/apache/parquet-format). It is read before any page is, since it alone can say
that a time counts nanoseconds, or is UTC, and how much would have to be unpacked.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from retrieval.errors import SourceRejected

MAX_FOOTER = 16 << 20
_MAGIC, _ENCRYPTED = b"PAR1", b"PARE"
_DEEPEST = 24
# field numbers of parquet.thrift
_SCHEMA, _ROWS, _GROUPS = 2, 3, 4
_TYPE, _REPETITION, _NAME, _CHILDREN, _CONVERTED, _LOGICAL = 1, 3, 4, 5, 6, 10
_INT96, _BYTES, _FIXED, _REPEATED = 3, 6, 7, 2
_LOGICAL_DECIMAL, _LOGICAL_DATE, _LOGICAL_TIME, _LOGICAL_TIMESTAMP, _LOGICAL_NANOS = 5, 6, 7, 8, 3
_CONVERTED_TEXT = frozenset({0, 4, 19})
_CONVERTED_DECIMAL, _CONVERTED_DATE = 5, 6
_CONVERTED_TIMES, _CONVERTED_STAMPS = frozenset({7, 8}), frozenset({9, 10})
_LOGICAL_TEXT = frozenset({1, 4, 12})
_ENCODINGS = {5: "DELTA_BINARY_PACKED", 6: "DELTA_LENGTH_BYTE_ARRAY", 7: "DELTA_BYTE_ARRAY", 9: "BYTE_STREAM_SPLIT"}


class Holds(StrEnum):
    """What the cells of a column are."""

    PLAIN = "plain"
    UTC = "utc"
    LOCAL = "local"
    UTC_NANOS = "utc_nanos"
    LOCAL_NANOS = "local_nanos"
    DATE = "date"
    # raw bytes, half floats, times of day
    UNREAD = "unread"
    DECIMAL = "decimal"
    NESTED = "nested"


class Column(NamedTuple):
    name: str
    holds: Holds


class Footer(NamedTuple):
    """`unpacked` is the size of all pages once decompressed, in bytes; `encodings` names those beyond plain, RLE and dictionary."""

    columns: tuple[Column, ...]
    rows: int
    unpacked: int
    encodings: tuple[str, ...]


def read_footer(path: Path) -> Footer:
    """The footer of a parquet file. Raises SourceRejected: encrypted, too_large, unreadable."""
    fields = _Compact(_tail(path)).struct()
    try:
        columns = tuple(_columns(fields[_SCHEMA]))
        chunks = [chunk[3] for group in fields.get(_GROUPS, []) for chunk in group[1]]
        encodings = {code for chunk in chunks for code in chunk[2]}
        rows = max(int(fields[_ROWS]), sum(int(group[3]) for group in fields.get(_GROUPS, [])))
        unpacked = sum(int(chunk[6]) for chunk in chunks)
    except (KeyError, IndexError, TypeError, UnicodeDecodeError, ValueError) as problem:
        raise _damaged() from problem
    return Footer(columns, rows, unpacked, tuple(name for code, name in _ENCODINGS.items() if code in encodings))


def _damaged() -> SourceRejected:
    return SourceRejected("not a readable parquet file: its footer is damaged", kind="unreadable")


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 8))
        end = file.read(8)
        if end[4:] == _ENCRYPTED:
            raise SourceRejected("the parquet file is encrypted", kind="encrypted")
        length = int.from_bytes(end[:4], "little")
        if end[4:] != _MAGIC or length + 12 > size:
            raise SourceRejected("not a whole parquet file: its footer is missing", kind="unreadable")
        if length > MAX_FOOTER:
            raise SourceRejected(f"its footer is larger than {MAX_FOOTER >> 20} MiB", kind="too_large")
        file.seek(size - 8 - length)
        return file.read(length)


def _columns(schema: list[Mapping[int, Any]]) -> Iterator[Column]:
    """The columns that hang on the root; what hangs below one of them makes it nested."""
    at = 1
    for _ in range(int(schema[0].get(_CHILDREN, 0))):
        element = schema[at]
        at = _after(schema, at)
        yield Column(element[_NAME].decode("utf-8"), _holds(element))


def _after(schema: list[Mapping[int, Any]], at: int) -> int:
    """The place behind an element and everything below it; the tree is written depth first."""
    waiting = 1
    while waiting:
        waiting += int(schema[at].get(_CHILDREN, 0)) - 1
        at += 1
    return at


def _holds(element: Mapping[int, Any]) -> Holds:
    logical: Mapping[int, Any] = element.get(_LOGICAL, {})
    converted = element.get(_CONVERTED)
    if element.get(_CHILDREN) or element.get(_REPETITION) == _REPEATED:
        return Holds.NESTED
    if _LOGICAL_DECIMAL in logical or converted == _CONVERTED_DECIMAL:
        return Holds.DECIMAL
    if _LOGICAL_DATE in logical or converted == _CONVERTED_DATE:
        return Holds.DATE
    if _LOGICAL_TIMESTAMP in logical:
        return _stamp(logical[_LOGICAL_TIMESTAMP])
    if converted in _CONVERTED_STAMPS:
        return Holds.UTC
    if element.get(_TYPE) == _INT96:
        return Holds.LOCAL
    text = converted in _CONVERTED_TEXT or bool(_LOGICAL_TEXT & set(logical))
    raw = element.get(_TYPE) in (_BYTES, _FIXED) and not text
    return Holds.UNREAD if raw or _LOGICAL_TIME in logical or converted in _CONVERTED_TIMES else Holds.PLAIN


def _stamp(stamp: Mapping[int, Any]) -> Holds:
    if _LOGICAL_NANOS in stamp[2]:
        return Holds.UTC_NANOS if stamp[1] else Holds.LOCAL_NANOS
    return Holds.UTC if stamp[1] else Holds.LOCAL


class _Compact:
    """Thrift's compact protocol, as nested dicts of field number → value. Raises SourceRejected (unreadable)."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._depth = 0

    def struct(self) -> dict[int, Any]:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _damaged()
        fields: dict[int, Any] = {}
        field = 0
        while (head := self._byte()) != 0:
            field = field + (head >> 4) if head >> 4 else self._zigzag()
            fields[field] = self._value(head & 15)
        self._depth -= 1
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._zigzag()
        if kind == 7:
            return struct.unpack("<d", self._take(8))[0]
        if kind == 8:
            return self._take(self._varint())
        if kind in (9, 10):
            return self._list()
        if kind == 12:
            return self.struct()
        raise _damaged()

    def _list(self) -> list[Any]:
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._varint()
        # an element takes a byte at least
        if size > len(self._data) - self._at:
            raise _damaged()
        kind = head & 15
        return [self._byte() == 1 for _ in range(size)] if kind in (1, 2) else [self._value(kind) for _ in range(size)]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise _damaged()

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, size: int) -> bytes:
        part = self._data[self._at : self._at + size]
        if len(part) < size:
            raise _damaged()
        self._at += size
        return part
