"""What an asker may see: rows are checked by the catalog before anything is ranked, and read only where their content is needed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from retrieval.ports import CatalogReader
from retrieval.types import Evidence, Micros, Principal

# askers whose state is kept, and how much of it: checked rows (some 150 bytes each) and read evidence (some 2 kB)
_ASKERS, _ROWS, _READ = 32, 100_000, 4096


class Visible:
    """What one asker may see in one state of the catalog; remembers what it was asked. Safe to share between threads: the same row
    checked twice gives the same."""

    def __init__(self, catalog: CatalogReader, principal: Principal, as_of: Micros | None) -> None:
        self._catalog, self._principal, self._as_of = catalog, principal, as_of
        self._ids: dict[int, str | None] = {}
        self._rows: dict[str, int] = {}
        self._found: dict[str, Evidence] = {}

    @property
    def full(self) -> bool:
        """Whether it holds so much that another should take its place."""
        return len(self._ids) > _ROWS or len(self._found) > _READ

    def look_up(self, rows: Iterable[int]) -> None:
        """Find out which of these rows the catalog shows."""
        new = [row for row in dict.fromkeys(rows) if row not in self._ids]
        shown = self._catalog.shown(new, self._principal, self._as_of) if new else {}
        # in this order: another thread that finds an id here reads its row next
        self._rows.update((id_, row) for row, id_ in shown.items())
        for row in new:
            self._ids[row] = shown.get(row)

    def ranking(self, scores: Mapping[int, float]) -> dict[str, float]:
        """Scored rows → visible evidence ids with their scores; a row the catalog does not show is left out."""
        self.look_up(scores)
        shown = ((self._ids[row], score) for row, score in scores.items())
        return {id_: score for id_, score in shown if id_ is not None}

    def evidence(self, ids: Sequence[str]) -> list[Evidence]:
        """Evidence of visible ids, in their order; what has ceased to be visible meanwhile is left out."""
        new = [id_ for id_ in ids if id_ not in self._found]
        if new:
            got = self._catalog.rows([self._rows[id_] for id_ in new], self._principal, self._as_of)
            self._found.update((each.id, each) for each in got.values())
        return [self._found[id_] for id_ in ids if id_ in self._found]


class Lately:
    """What askers were shown lately. Between two commits nothing begins or ceases to be visible, so that a question's searches, and the
    next questions of whoever holds the same labels, need not ask the catalog again."""

    def __init__(self, catalog: CatalogReader) -> None:
        self._catalog = catalog
        self._kept: OrderedDict[tuple[object, ...], Visible] = OrderedDict()
        self._sequence = -1
        self._lock = threading.Lock()

    def of(self, principal: Principal, as_of: Micros | None) -> Visible:
        """As the catalog stands at this moment."""
        sequence, key = self._catalog.sequence(), (principal.tenant, principal.labels, as_of)
        with self._lock:
            if sequence != self._sequence:
                # nothing of an earlier state is asked for again
                self._sequence, self._kept = sequence, OrderedDict()
            kept = self._kept.get(key)
            if kept is None or kept.full:
                kept = self._kept[key] = Visible(self._catalog, principal, as_of)
            self._kept.move_to_end(key)
            while len(self._kept) > _ASKERS:
                self._kept.popitem(last=False)
        return kept
