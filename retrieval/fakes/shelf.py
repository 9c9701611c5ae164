"""What the in-memory projections share: the revisions they hold, kept in step with the log."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from retrieval.digests import of_document
from retrieval.ports import LogEntry, LogReader, Projected
from retrieval.projecting import admits, changes, last
from retrieval.reconciling import Documents, Mark
from retrieval.types import Evidence, Filter, Principal


class Shelf:
    """Revisions by row. A subclass keeps what it needs beside them in `_added` and `_dropped`."""

    def __init__(self) -> None:
        self._held: dict[int, Evidence] = {}
        self._applied = 0

    def applied(self) -> int:
        return self._applied

    def rows(self) -> set[int]:
        """Catalog rows this index knows, for reconciling."""
        return set(self._held)

    def apply(self, entries: Sequence[LogEntry], log: LogReader) -> None:
        for change in changes(entries, log):
            present = {item.row: item.evidence for item in change.present}
            for row in [row for row, item in self._held.items() if item.id in set(change.ids) and row not in present]:
                del self._held[row]
                self._dropped(row)
            self._held |= present
            self._added(change.ids, present, log)
        self._applied = last(entries, self._applied)

    def forget(self, rows: Collection[int]) -> None:
        """Drop rows, for reconciling."""
        for row in self._held.keys() & set(rows):
            del self._held[row]
            self._dropped(row)

    def reset(self) -> None:
        self.forget(list(self._held))
        self._applied = 0

    def close(self) -> None:
        self.reset()

    def _passing(self, filter_: Filter, principal: Principal) -> list[int]:
        return [row for row, item in self._held.items() if admits(item, filter_, principal)]

    def _standing(self, filter_: Filter, principal: Principal) -> list[int]:
        """Of those that pass, what has not ended: an asker is shown that for certain."""
        return [row for row in self._passing(filter_, principal) if self._held[row].superseded_at is None]

    def _added(self, ids: Sequence[str], present: dict[int, Evidence], log: LogReader) -> None:
        """Called after rows were added or changed."""

    def _dropped(self, row: int) -> None:
        """Called after a row was removed."""


class Documented(Shelf, Documents):
    """One that makes all it has from the revisions themselves, and tells their digests."""

    def marks(self) -> Iterator[Mark]:
        for row, evidence in self._held.items():
            yield row, of_document(Projected(row, evidence))
