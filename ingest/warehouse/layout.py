"""One mapping over the columns a table really has: which are compared, read and told, and the statements that do it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ingest.warehouse.mapping import Mapping, matched, query_text, table_parts
from ingest.warehouse.port import Column, Sort, Warehouse
from ingest.warehouse.statements import Statements
from retrieval.errors import BadSettings
from retrieval.types import Micros

_AS_TEXT = (Sort.TIME, Sort.DATE, Sort.INTERVAL)
SECONDS = {"minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}


class Span(NamedTuple):
    """Rows of these buckets; None in it means those whose watermark is null, and stands alone. `of` > 1: these slices of one bucket."""

    buckets: tuple[int | None, ...]
    of: int = 1
    slices: tuple[int, ...] = ()


class Layout:
    """`columns` are those read, in the table's order; the indexes `key`, `told`, `times` and so on are of them.

    Raises BadSettings for a column that is not there, holds what cannot be read, or does not fit its part.
    """

    def __init__(self, mapping: Mapping, folder: Path, warehouse: Warehouse) -> None:
        self.mapping = mapping
        self._warehouse, self._text = warehouse, Statements(warehouse.dialect)
        self._relation = self._related(folder)
        there = warehouse.columns(self._text.get("shape", relation=self._relation))
        self._there = {column.name: column for column in there}
        if len(self._there) < len(there):
            raise BadSettings("two columns have the same name: give them names of their own in a query")
        self.left_out = tuple(c.name for c in there if c.sort is Sort.UNREAD)
        self._watermark = self._one(mapping.watermark)
        self.size = self._bucket_size()
        told = self._all(mapping.tell) or [c.name for c in there if c.sort is not Sort.UNREAD]
        parts = [*self._all(mapping.key), *self._all(mapping.assets), *self._optional(mapping.time, mapping.until)]
        read = {*told, *parts, *self._optional(mapping.watermark)}
        self.columns: tuple[Column, ...] = tuple(column for column in there if column.name in read)
        self._index = {column.name: index for index, column in enumerate(self.columns)}
        self.told = tuple(i for i, column in enumerate(self.columns) if column.name in {*told, *parts})
        self.key = tuple(self._index[name] for name in self._all(mapping.key))
        self.assets = tuple(self._index[name] for name in self._all(mapping.assets))

    def index(self, wanted: str) -> int | None:
        """Where a column that the mapping may name stands among those read."""
        column = self._one(wanted)
        return None if column is None else self._index[column.name]

    def moment(self, bucket: int | None) -> Micros | None:
        """When a bucket of time begins, read as UTC; None where buckets are no times."""
        timed = self._watermark is not None and self._watermark.sort in (Sort.TIME, Sort.DATE)
        return bucket * self.size * 1_000_000 if timed and bucket is not None else None

    # --- the statements ---

    def census(self) -> str:
        """Per bucket: its number, rows, sums of both hashes, and the greatest watermark as text."""
        return self._text.get("census", **self._compared(), watermark=self._quoted(self._watermark))

    def slices(self, span: Span) -> str:
        """Per slice of one bucket: its number, rows, and sums of both hashes."""
        return self._text.get("slices", **self._compared(), within=self._within(span), slice=self._slice(span.of))

    def rows(self, span: Span) -> str:
        """Bucket, slice, both hashes and the cells of every row, blocks in one piece, newest bucket first."""
        number = self._slice(span.of)
        listed = ", ".join(map(str, span.slices))
        cells = ", ".join(f"{self._cell(column)} AS told_{index}" for index, column in enumerate(self.columns))
        gaps = {"cells": cells, "within": self._within(span), "slice": number}
        return self._text.get("rows", **self._hashes(), **gaps, sliced=f"{number} IN ({listed})" if listed else "1 = 1")

    def _hashes(self) -> dict[str, str | int]:
        """Gaps that every statement has. The light hash is over key and watermark, the full one over every column read."""
        key = [self._quoted(self._there[name]) for name in self._all(self.mapping.key)]
        light = [*key, *([self._quoted(self._watermark)] if self._watermark else [])]
        whole = [self._quoted(column) for column in self.columns]
        hashes = {
            name: self._text.get("hash", columns=", ".join(of)) for name, of in (("light", light), ("full", whole))
        }
        return {"relation": self._relation, "bucket": self._bucket(), **hashes}

    def _compared(self) -> dict[str, str | int]:
        """The same where columns beyond key and watermark are left alone, if the mapping says so: the full sum means nothing then."""
        gaps = self._hashes()
        return gaps if self.mapping.compare == "all" else {**gaps, "full": gaps["light"]}

    def _bucket(self) -> str:
        if self._watermark is None:
            return "0"
        name = "numbers" if self._watermark.sort is Sort.NUMBER else "seconds"
        return self._text.get(name, column=self._quoted(self._watermark), size=self.size)

    def _slice(self, of: int) -> str:
        key = ", ".join(self._quoted(self._there[name]) for name in self._all(self.mapping.key))
        return "0" if of == 1 else self._text.get("slice", columns=key, count=of)

    def _within(self, span: Span) -> str:
        if span.buckets == (None,):
            return f"{self._bucket()} IS NULL"
        numbers = [bucket for bucket in span.buckets if bucket is not None]
        listed = f"{self._bucket()} IN ({', '.join(map(str, numbers))})"
        if self.moment(numbers[0]) is None:
            return listed
        # says the same in words by which a warehouse can leave whole partitions unread
        first, last = min(numbers) * self.size, (max(numbers) + 1) * self.size
        return f"{listed} AND {self._text.get('from', column=self._quoted(self._watermark), first=first, last=last)}"

    def _cell(self, column: Column) -> str:
        quoted = self._quoted(column)
        # a time crosses as text: nanoseconds, far years and long spans have no place in what drivers make of it
        return self._text.get("text", column=quoted) if column.sort in _AS_TEXT else quoted

    # --- columns ---

    def _related(self, folder: Path) -> str:
        mapping, quote = self.mapping, self._warehouse.identifier
        if mapping.table:
            return ".".join(quote(name, exact) for name, exact in table_parts(mapping.table))
        return self._warehouse.files(mapping.parquet) if mapping.parquet else f"({query_text(folder, mapping)}\n)"

    def _quoted(self, column: Column | None) -> str:
        return "NULL" if column is None else self._warehouse.identifier(column.name, True)

    def _one(self, wanted: str) -> Column | None:
        if not wanted:
            return None
        column = self._there[matched(wanted, list(self._there))]
        if column.sort is Sort.UNREAD:
            raise BadSettings(f"column {wanted!r} holds raw bytes or shapes, which are not read")
        return column

    def _all(self, wanted: Sequence[str]) -> list[str]:
        return [column.name for name in wanted if (column := self._one(name)) is not None]

    def _optional(self, *wanted: str) -> list[str]:
        return self._all([name for name in wanted if name])

    def _bucket_size(self) -> int:
        """Seconds, or numbers. Raises BadSettings where bucket and watermark do not go together."""
        bucket, mark = self.mapping.bucket, self._watermark
        if mark is None:
            return 1
        if mark.sort not in (Sort.TIME, Sort.DATE, Sort.NUMBER):
            raise BadSettings(f"watermark {mark.name!r} is neither a time, a date nor a number: it orders nothing")
        if (mark.sort is Sort.NUMBER) != isinstance(bucket, int):
            meant = (
                "how many numbers a block spans, such as 10000"
                if mark.sort is Sort.NUMBER
                else "minute, hour, day or week"
            )
            raise BadSettings(f"watermark {mark.name!r} is a {mark.sort}: give as `bucket` {meant}")
        return bucket if isinstance(bucket, int) else SECONDS[bucket]
