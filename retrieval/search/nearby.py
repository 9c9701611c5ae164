"""Evidence by its vectors alone: nearest to a vector, and like a piece of evidence. No words, no fusion, no re-ranking."""

from __future__ import annotations

from collections.abc import Iterable

from retrieval.errors import BadQuery, EvidenceNotFound
from retrieval.ports import CatalogReader, VectorIndex
from retrieval.search.collapse import collapse
from retrieval.types import Evidence, Filter, Hit, Principal, Vector

_WIDER = 4


class Nearby:
    """What lies near in one space, every row checked by the catalog before it leaves. Thread-safe as its parts are."""

    def __init__(self, catalog: CatalogReader, vectors: VectorIndex) -> None:
        self._catalog, self._vectors = catalog, vectors

    def nearest(self, space: str, vector: Vector, filter_: Filter, principal: Principal, k: int) -> list[Hit]:
        """See Searcher.nearest."""
        if k < 1:
            raise BadQuery(f"k must be at least 1, not {k}")
        want, found, more = k, list[Hit](), True
        while more and len(found) < k:
            found, more = self._within(want, space, vector, filter_, principal)
            # rare: the index is behind the catalog, or many frames are of one moment
            want *= _WIDER
        return found[:k]

    def similar(self, id_: str, filter_: Filter, principal: Principal, k: int, space: str) -> list[Hit]:
        """See Searcher.similar."""
        own = self._catalog.vectors_of(id_, principal, filter_.as_of)
        itself = self._catalog.get([id_], principal, filter_.as_of).get(id_)
        if itself is None:
            raise EvidenceNotFound()
        space = space or min(own, default="")
        best: dict[str, Hit] = {}
        for vector in own.get(space, ()):
            for hit in self.nearest(space, vector, filter_, principal, k + 1):
                if hit.evidence.id not in best or best[hit.evidence.id].score < hit.score:
                    best[hit.evidence.id] = hit
        return _others(itself, best.values())[:k]

    def _within(
        self, want: int, space: str, vector: Vector, filter_: Filter, principal: Principal
    ) -> tuple[list[Hit], bool]:
        """The visible ones of the `want` nearest, and whether there may be more behind them."""
        scored = self._vectors.search(space, vector, want, filter_, principal)
        rows = scored.rows.tolist()
        shown = self._catalog.rows(rows, principal, filter_.as_of) if rows else {}
        ranked = enumerate(zip(rows, scored.scores.tolist(), strict=True), 1)
        hits = [Hit(shown[row], score, {space: rank}) for rank, (row, score) in ranked if row in shown]
        return collapse(hits), len(rows) == want


def _others(itself: Evidence, hits: Iterable[Hit]) -> list[Hit]:
    """Best first; neither the piece itself nor a frame of its moment."""
    ranked = sorted((hit for hit in hits if hit.evidence.id != itself.id), key=lambda hit: -hit.score)
    return collapse([Hit(itself, 1.0, {}), *ranked])[1:]
