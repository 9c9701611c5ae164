"""The channels of search: each goes from a question to scored rows, higher is better, at most `depth` of them.

Rows become evidence only in Visible (visible.py), so that nothing leaves search which the catalog does not show to the asker at that time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from retrieval.errors import ProjectionError, UpstreamError
from retrieval.pictures import decoded
from retrieval.ports import CatalogReader, Explained, Graph, ImageEncoder, Scored, VectorIndex, WordIndex
from retrieval.search.remembering import Remembering
from retrieval.types import Filter, Kind, Principal, Query, Vector

HOPS = 2
_RINGS_KEPT = 1024
# what `find` and `explain` raise where the part behind them fails: the others do without it
FAILURES = (UpstreamError, ProjectionError)
Rows: TypeAlias = dict[int, float]


class Ask(NamedTuple):
    """One search on its way through the channels. `entities` are those recognised in the question or its filter."""

    query: Query
    principal: Principal
    depth: int
    entities: tuple[str, ...]

    @property
    def filter(self) -> Filter:
        return self.query.filter


class Channel(Protocol):
    """One way to find evidence."""

    def find(self, ask: Ask) -> Rows:
        """Row → score. Raises UpstreamError or ProjectionError when the part behind it fails."""


class TextVectors:
    """Meaning: the question's vector against the vectors of the text space. A question asks several searches with the same words:
    they are encoded once."""

    def __init__(self, vectors: VectorIndex, encoder: Remembering) -> None:
        self._vectors = vectors
        self._encoder = encoder

    def find(self, ask: Ask) -> Rows:
        return self.near(self._encoder.encode([ask.query.text])[0], ask) if ask.query.text.strip() else {}

    def near(self, vector: Vector, ask: Ask) -> Rows:
        """The same for a vector, shape (dim,)."""
        return _rows(self._vectors.search(self._encoder.space, vector, ask.depth, ask.filter, ask.principal))

    def explain(self, ask: Ask) -> list[Explained]:
        if not ask.query.text.strip():
            return []
        vector = self._encoder.encode([ask.query.text])[0]
        return [self._vectors.explain(self._encoder.space, vector, ask.depth, ask.filter, ask.principal)]


class Words:
    """BM25 over the words of the question."""

    def __init__(self, words: WordIndex) -> None:
        self._words = words

    def find(self, ask: Ask) -> Rows:
        return self.containing(ask.query.text, ask)

    def containing(self, text: str, ask: Ask) -> Rows:
        """The same for other words."""
        return _rows(self._words.search(text, ask.depth, ask.filter, ask.principal))

    def explain(self, ask: Ask) -> list[Explained]:
        return [self._words.explain(ask.query.text, ask.depth, ask.filter, ask.principal)]


class Pictures:
    """Frames that look like what the question says, or like a picture it carries."""

    def __init__(self, vectors: VectorIndex, encoder: ImageEncoder) -> None:
        self._vectors = vectors
        self._encoder = encoder

    def find(self, ask: Ask) -> Rows:
        space, best = self._encoder.space, dict[int, float]()
        for vector in self._asked(ask):
            found = self._vectors.search(space, vector, ask.depth, _frames(ask), ask.principal)
            for row, score in _rows(found).items():
                best[row] = max(score, best.get(row, score))
        return best

    def explain(self, ask: Ask) -> list[Explained]:
        space, index = self._encoder.space, self._vectors
        return [index.explain(space, vector, ask.depth, _frames(ask), ask.principal) for vector in self._asked(ask)]

    def _asked(self, ask: Ask) -> Sequence[Vector]:
        """The vectors to search by: of the pictures where there are any, for a picture says more than the words beside it. None where
        the filter lets no frame through."""
        query = ask.query
        if ask.filter.kinds and Kind.FRAME not in ask.filter.kinds:
            return []
        if query.pictures:
            return list(self._encoder.encode_images([decoded(data) for data in query.pictures]))
        return list(self._encoder.encode_texts([query.text])) if query.text.strip() else []


class Rings:
    """An ask's entities, then those one hop away, then two; empty rings are left out. Remembered until the graph moves."""

    def __init__(self, graph: Graph, catalog: CatalogReader) -> None:
        self._graph, self._catalog = graph, catalog
        self._kept: OrderedDict[tuple[object, ...], list[tuple[str, ...]]] = OrderedDict()
        self._lock = threading.Lock()
        self._forgotten = 0

    def forget(self) -> None:
        """Drop them all."""
        with self._lock:
            self._kept.clear()
            self._forgotten += 1

    def of(self, ask: Ask) -> list[tuple[str, ...]]:
        """Raises GraphUnavailable. A filter that names entities lets nothing through which hangs on their neighbours alone."""
        if not ask.entities or ask.filter.entities:
            return [ask.entities] if ask.entities else []
        as_of = ask.filter.as_of
        key = (self._graph.applied(), ask.principal.tenant, ask.principal.labels, ask.entities, as_of)
        with self._lock:
            begun = self._forgotten
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        if as_of is None:
            near = self._graph.neighbours(ask.entities, HOPS, ask.principal)
        else:
            near = self._catalog.neighbours(ask.entities, HOPS, ask.principal, as_of)
        around = [tuple(each.entity for each in near if each.hops == hops) for hops in range(1, HOPS + 1)]
        rings = [ring for ring in (ask.entities, *around) if ring]
        with self._lock:
            if begun == self._forgotten:
                self._kept[key] = rings
            if len(self._kept) > _RINGS_KEPT:
                self._kept.popitem(last=False)
        return rings


class GraphExpansion:
    """Evidence on the entities of the question, then on their neighbours; near before far, then recent before old."""

    def __init__(self, rings: Rings, vectors: VectorIndex) -> None:
        self._rings, self._vectors = rings, vectors

    def forget(self) -> None:
        self._rings.forget()

    def find(self, ask: Ask) -> Rows:
        found: Rows = {}
        for ring in self._rings.of(ask):
            there = self._vectors.by_time(ask.depth, _about(ask, ring), ask.principal)
            for row in there.rows.tolist():
                found.setdefault(row, -float(len(found)))
            if len(found) >= ask.depth:
                break
        return dict(list(found.items())[: ask.depth])


class TimeAndPlace:
    """What was recorded in the question's window at its entities and their neighbours; near places, then near times first."""

    def __init__(self, rings: Rings, vectors: VectorIndex) -> None:
        self._rings, self._vectors = rings, vectors

    def forget(self) -> None:
        self._rings.forget()

    def find(self, ask: Ask) -> Rows:
        window = ask.filter.window
        if window is None:
            return {}
        found: Rows = {}
        for hops, ring in enumerate(self._rings.of(ask)):
            there = self._vectors.by_time(ask.depth - len(found), _about(ask, ring), ask.principal, near=window)
            for place, row in enumerate(there.rows.tolist()):
                found.setdefault(row, -float(hops * ask.depth + place))
        return found


def _frames(ask: Ask) -> Filter:
    return msgspec.structs.replace(ask.filter, kinds=(Kind.FRAME,))


def _about(ask: Ask, entities: tuple[str, ...]) -> Filter:
    return msgspec.structs.replace(ask.filter, entities=entities)


def _rows(scored: Scored) -> Rows:
    return dict(zip(scored.rows.tolist(), scored.scores.tolist(), strict=True))
