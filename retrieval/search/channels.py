"""The channels of search: each goes from a question to scored evidence ids, higher is better, at most `depth` of them.

Indexes give row numbers and graphs give ids; both go through Visible, so that nothing leaves a channel which the catalog
does not show to the asker at that time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from retrieval.ports import CatalogReader, Graph, ImageEncoder, Scored, TextEncoder, VectorIndex, WordIndex
from retrieval.projecting import admits
from retrieval.types import Evidence, Filter, Interval, Kind, Micros, Principal, Query, Vector

HOPS = 2
_HANGING = 200  # evidence asked of the graph for each distance


class Visible:
    """What one asker may see at one time; remembers what it was asked, for one search. Safe to share between threads."""

    def __init__(self, catalog: CatalogReader, principal: Principal, as_of: Micros | None) -> None:
        self._catalog = catalog
        self._principal = principal
        self._as_of = as_of
        self._lock = threading.Lock()
        self._rows: dict[int, Evidence | None] = {}
        self.found: dict[str, Evidence] = {}

    def scored(self, scored: Scored) -> dict[str, float]:
        """Rows of an index → visible evidence ids with their scores; a row the catalog does not show is left out."""
        rows = [int(row) for row in scored.rows]
        with self._lock:
            self._look_up([row for row in rows if row not in self._rows])
            shown = [(self._rows[row], float(score)) for row, score in zip(rows, scored.scores, strict=True)]
        best: dict[str, float] = {}
        for evidence, score in shown:
            if evidence is not None:
                best[evidence.id] = max(score, best.get(evidence.id, score))
        return best

    def known(self, ids: Iterable[str]) -> list[Evidence]:
        """Evidence by id, in the order given; unknown and invisible ids are left out."""
        wanted = list(dict.fromkeys(ids))
        got = self._catalog.get(wanted, self._principal, self._as_of)
        self.note(got.values())
        return [got[id_] for id_ in wanted if id_ in got]

    def note(self, evidence: Iterable[Evidence]) -> None:
        """Remember evidence the catalog has just given for this asker."""
        with self._lock:
            self.found.update((each.id, each) for each in evidence)

    def _look_up(self, rows: Sequence[int]) -> None:
        got = self._catalog.rows(rows, self._principal, self._as_of) if rows else {}
        for row in rows:
            self._rows[row] = got.get(row)
        self.found.update((each.id, each) for each in got.values())


class Ask(NamedTuple):
    """One search on its way through the channels. `entities` are those recognised in the question or its filter."""

    query: Query
    principal: Principal
    depth: int
    entities: tuple[str, ...]
    visible: Visible

    @property
    def filter(self) -> Filter:
        return self.query.filter


class Channel(Protocol):
    """One way to find evidence."""

    def find(self, ask: Ask) -> dict[str, float]:
        """Evidence id → score. Raises UpstreamError or ProjectionError when the part behind it fails."""


class TextVectors:
    """Meaning: the question's vector against the vectors of the text space."""

    def __init__(self, vectors: VectorIndex, encoder: TextEncoder) -> None:
        self._vectors = vectors
        self._encoder = encoder

    def find(self, ask: Ask) -> dict[str, float]:
        return self.near(self._encoder.encode([ask.query.text])[0], ask) if ask.query.text.strip() else {}

    def near(self, vector: Vector, ask: Ask) -> dict[str, float]:
        """The same for a vector, shape (dim,)."""
        found = self._vectors.search(self._encoder.space, vector, ask.depth, ask.filter, ask.principal)
        return ask.visible.scored(found)


class Words:
    """BM25 over the words of the question."""

    def __init__(self, words: WordIndex) -> None:
        self._words = words

    def find(self, ask: Ask) -> dict[str, float]:
        return self.containing(ask.query.text, ask)

    def containing(self, text: str, ask: Ask) -> dict[str, float]:
        """The same for other words."""
        return ask.visible.scored(self._words.search(text, ask.depth, ask.filter, ask.principal))


class Pictures:
    """Frames that look like what the question says."""

    def __init__(self, vectors: VectorIndex, encoder: ImageEncoder) -> None:
        self._vectors = vectors
        self._encoder = encoder

    def find(self, ask: Ask) -> dict[str, float]:
        if not ask.query.text.strip() or (ask.filter.kinds and Kind.FRAME not in ask.filter.kinds):
            return {}
        vector = self._encoder.encode_texts([ask.query.text])[0]
        only_frames = msgspec.structs.replace(ask.filter, kinds=(Kind.FRAME,))
        found = self._vectors.search(self._encoder.space, vector, ask.depth, only_frames, ask.principal)
        return ask.visible.scored(found)


class GraphExpansion:
    """Evidence on the entities of the question, then on their neighbours; near before far, then recent before old."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def find(self, ask: Ask) -> dict[str, float]:
        found: list[str] = []
        for entities in rings(self._graph, ask):
            ids = self._graph.evidence(entities, ask.principal, _HANGING, ask.filter.as_of)
            kept = [each.id for each in ask.visible.known(ids) if admits(each, ask.filter, ask.principal)]
            found.extend(id_ for id_ in kept if id_ not in found)
            if len(found) >= ask.depth:
                break
        return {id_: -float(place) for place, id_ in enumerate(found[: ask.depth])}


class TimeAndPlace:
    """What was recorded in the question's window at its entities and their neighbours; near places, then near times first."""

    def __init__(self, catalog: CatalogReader, graph: Graph) -> None:
        self._catalog = catalog
        self._graph = graph

    def find(self, ask: Ask) -> dict[str, float]:
        window = ask.filter.window
        if window is None or not ask.entities:
            return {}
        found: dict[str, float] = {}
        for hops, entities in enumerate(rings(self._graph, ask)):
            there = self._scan(entities, ask)
            ranked = sorted(there, key=lambda each: (distance(each.valid, window), each.id))
            for place, evidence in enumerate(ranked[: ask.depth - len(found)]):
                found.setdefault(evidence.id, -float(hops * ask.depth + place))
        return found

    def _scan(self, entities: Sequence[str], ask: Ask) -> list[Evidence]:
        narrowed = msgspec.structs.replace(ask.filter, entities=tuple(entities))
        there = self._catalog.scan(narrowed, ask.principal, limit=_HANGING)
        kept = [each for each in there if admits(each, ask.filter, ask.principal)]
        ask.visible.note(kept)
        return kept


def rings(graph: Graph, ask: Ask) -> list[list[str]]:
    """The question's entities, then those one hop away, then two; empty rings are left out."""
    if not ask.entities:
        return []
    near = graph.neighbours(ask.entities, HOPS, ask.principal)
    found = [list(ask.entities), *([each.entity for each in near if each.hops == hops] for hops in range(1, HOPS + 1))]
    return [ring for ring in found if ring]


def distance(valid: Interval | None, window: Interval) -> float:
    """Microseconds between the middle of a piece of evidence and the middle of the window."""
    return float("inf") if valid is None else abs((valid.t0 + valid.t1) - (window.t0 + window.t1)) / 2
