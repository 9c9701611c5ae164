"""Blocks of rows and their fingerprints: what a table has, compared with what is held, is what there is to read.

A block is a source of the catalog, and its content hash is the fingerprint of the rows that were read of it: what is held is known from
the blocks alone, committed with their rows. So there is no cursor that could run ahead of the rows or fall behind them. Fingerprints are
sums (count, and two sums of hashes that the warehouse computes), so that those of slices add up to that of their bucket.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ingest.warehouse.layout import Layout, Span
from retrieval.ports import Held
from retrieval.times import iso

# a bucket of more rows is cut into slices by key, of about so many rows each; slices once made stay until they have grown fourfold
SLICE = 1_000
_GROWN = 4
# what one statement reads at most, in rows as counted and in buckets
_ROWS, _BUCKETS = 50_000, 500
_SLICED = re.compile(r"(.*)\?slice=(\d+)of(\d+)")
_STEP = {60: 16, 3600: 13}


class Print(NamedTuple):
    """A fingerprint: how many rows, the sum of hashes over key and watermark, and that over all columns read."""

    rows: int = 0
    light: int = 0
    full: int = 0

    def plus(self, other: Print) -> Print:
        return Print(self.rows + other.rows, self.light + other.light, self.full + other.full)

    def told(self) -> str:
        return f"{self.rows} {self.light:x} {self.full:x}"

    @classmethod
    def heard(cls, told: str) -> Print:
        """Raises ValueError for what is no fingerprint."""
        rows, light, full = told.split(" ")
        return cls(int(rows), int(light, 16), int(full, 16))


class Place(NamedTuple):
    """A block: a bucket of the watermark (None = without one), or a slice of it."""

    bucket: int | None
    slice: int = 0
    of: int = 1


class Kept(NamedTuple):
    """A block that is held. `current`: read by the reader and the mapping that are in force."""

    print: Print
    current: bool


class Plan(NamedTuple):
    """What is to be read, and the sources to be closed since the table has nothing more for them. `same` blocks are as held."""

    spans: list[Span]
    gone: list[str]
    same: int


class Names:
    """The sources of a mapping's blocks: warehouse:///plant/alarms@2026-03-04, and …@2026-03-04?slice=3of16."""

    def __init__(self, warehouse: str, mapping: str, layout: Layout) -> None:
        self.prefix, self._layout = f"warehouse:///{warehouse}/{mapping}@", layout

    def source(self, place: Place) -> str:
        return self.named(self.label(place.bucket), place.slice, place.of)

    def named(self, label: str, number: int, of: int) -> str:
        return f"{self.prefix}{label}" + (f"?slice={number}of{of}" if of > 1 else "")

    def label(self, bucket: int | None) -> str:
        if not self._layout.mapping.watermark:
            return "all"
        if bucket is None:
            return "none"
        moment, size = self._layout.moment(bucket), self._layout.size
        if moment is None:
            return f"{bucket * size}"
        try:
            return iso(moment)[: _STEP.get(size, 10)]
        except OverflowError:
            return f"{bucket}x{size}s"

    def apart(self, source: str) -> tuple[str, int, int]:
        """(label, slice, of) of a source below the prefix."""
        label = source[len(self.prefix) :]
        found = _SLICED.fullmatch(label)
        return (found[1], int(found[2]), int(found[3])) if found else (label, 0, 1)


class Standing:
    """The blocks of a mapping that are held, by label and slice. `current` are the sources read as they would be read now."""

    def __init__(self, names: Names, states: Mapping[str, Held], ingester: str) -> None:
        self._names = names
        self.current = {source for source, state in states.items() if state.whole and state.ingester == ingester}
        self._by_label: dict[str, dict[tuple[int, int], Kept]] = {}
        for source, state in states.items():
            label, number, of = names.apart(source)
            kept = Kept(Print.heard(state.content_hash), source in self.current)
            # a block that was closed holds nothing, and is as good as none
            if kept.print.rows or not kept.current:
                self._by_label.setdefault(label, {})[of, number] = kept

    @property
    def rows(self) -> int:
        return sum(held.print.rows for parts in self._by_label.values() for held in parts.values())

    def parts(self, bucket: int | None) -> Mapping[tuple[int, int], Kept]:
        """(of, slice) → what is held of it."""
        return self._by_label.get(self._names.label(bucket), {})

    def same(self, bucket: int | None, found: Print, light: bool) -> bool:
        """Whether a bucket is held as it is; with `light` only by key and watermark."""
        parts = self.parts(bucket)
        whole = Print()
        for held in parts.values():
            whole = whole.plus(held.print)
        alone = len({of for of, _ in parts}) == 1
        return alone and all(held.current for held in parts.values()) and alike(whole, found, light)

    def of(self, bucket: int | None, rows: int) -> int:
        """In how many slices a bucket of so many rows is kept: as many as it is held in, unless they have outgrown their size."""
        kept = max((of for of, _ in self.parts(bucket)), default=0)
        most = _GROWN * SLICE
        if rows <= most * max(1, kept) and (kept > 1 or rows <= most):
            return max(1, kept)
        return 1 << (rows // SLICE).bit_length()

    def others(self, bucket: int | None, of: int) -> list[str]:
        """The sources of a bucket that are cut in another way."""
        return [self._names.source(Place(bucket, n, cut)) for cut, n in self.parts(bucket) if cut != of]

    def without(self, buckets: Iterable[int | None]) -> list[str]:
        """The sources of buckets that are not among these."""
        labels = {self._names.label(bucket) for bucket in buckets}
        gone = ((label, parts) for label, parts in self._by_label.items() if label not in labels)
        return [self._names.named(label, number, of) for label, parts in gone for of, number in parts]


def alike(held: Print, found: Print, light: bool) -> bool:
    return held[:2] == found[:2] if light else held == found


def grouped(rows: Sequence[tuple[int | None, int]]) -> list[tuple[int | None, ...]]:
    """(bucket or slice, rows) → those that one statement reads together, in the order given; None always alone."""
    groups: list[tuple[int | None, ...]] = []
    together: list[int | None] = []
    counted = 0
    for number, count in rows:
        full = counted + count > _ROWS or len(together) == _BUCKETS
        if together and (full or number is None or together[-1] is None):
            groups.append(tuple(together))
            together, counted = [], 0
        together.append(number)
        counted += count
    return [*groups, tuple(together)] if together else groups
