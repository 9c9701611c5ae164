"""Search: the channels side by side, joined, asked once more for what the best have in common, and re-ranked at the top."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np

from retrieval.errors import BadQuery
from retrieval.ports import CatalogReader, Explained, Graph, ImageEncoder, Reranker, TextEncoder, VectorIndex, WordIndex
from retrieval.search.channels import (
    FAILURES,
    Ask,
    Channel,
    GraphExpansion,
    Pictures,
    Rings,
    Rows,
    TextVectors,
    TimeAndPlace,
    Words,
)
from retrieval.search.collapse import collapse
from retrieval.search.deeper import DEEPEST, Seen, seen
from retrieval.search.explaining import explained
from retrieval.search.feedback import common_words, rocchio
from retrieval.search.fusion import Part, blend, by_rank, by_score, fuse, order
from retrieval.search.nearby import Nearby
from retrieval.search.remembering import Forgetful, Remembering
from retrieval.search.visible import Lately, Visible
from retrieval.search.weights import CHANNELS, Weights
from retrieval.tags import asked, tags
from retrieval.types import Filter, Hit, Principal, Query, Vector

T = TypeVar("T")
Linker = Callable[[str], Sequence[str]]
Rankings = dict[str, dict[str, float]]
_FEW = 4
_LETTER = re.compile(r"[^\W\d_]")
# why a channel is not there, and what to do
_MISSING = {
    "text": "no encoder of texts is configured; give search one",
    "image": "no encoder of pictures is configured; set encoders.image, or install [eyes]",
    "graph": "there is no graph; give search one",
    "time_place": "there is no graph to tell which places are near; give search one",
}
_NOT_WHOLE = (
    f"as of an earlier time no more than the best {DEEPEST:,} are looked through; to find what may lie behind them ask for fewer kinds, "
    "sources or entities, or a shorter window"
)
_NO_WEIGHT = "its weight is 0; give it one in the weights of search"


class Indexes(NamedTuple):
    """Where evidence is found. Without a graph the channels graph and time_place are off."""

    catalog: CatalogReader
    vectors: VectorIndex
    words: WordIndex
    graph: Graph | None = None


class Models(NamedTuple):
    """What turns questions into vectors, and what re-orders the top. Each None switches its part off."""

    text: TextEncoder | None
    image: ImageEncoder | None = None
    reranker: Reranker | None = None


class SearchResult(msgspec.Struct, frozen=True):
    """`degraded`: what failed, or was asked for by name and is off, and was left out, one line each. `sequence`: the log position every
    index had applied.

    `timings_ms`: milliseconds by step, the channels' side by side, and "total".
    """

    hits: list[Hit]
    degraded: tuple[str, ...]
    sequence: int
    timings_ms: dict[str, float]


class _Run:
    """Notes of one search: how long each step took and what failed."""

    def __init__(self) -> None:
        self.timings: dict[str, float] = {}
        self.degraded: list[str] = []

    def step(self, name: str, work: Callable[[], T], otherwise: T) -> T:
        """Do the work; a part behind it that fails is noted, and `otherwise` stands in."""
        start = time.perf_counter()
        try:
            return work()
        except FAILURES as error:
            self.degraded.append(f"{name}: {error}")
            return otherwise
        finally:
            self.timings[name] = self.timings.get(name, 0.0) + (time.perf_counter() - start) * 1e3

    def shown(self, name: str, find: Callable[[Ask], Rows], rows: Rows, ask: Ask, visible: Visible) -> dict[str, float]:
        """The ranking of what the catalog shows of a channel's rows; that more may lie behind them is noted."""
        ranking = visible.ranking(rows)
        if ask.filter.as_of is None:
            # today's labels are in the indexes
            return ranking
        found = self.step(name, partial(seen, find, rows, ask, visible), Seen(ranking))
        if not found.whole:
            self.degraded.append(f"{name}: {_NOT_WHOLE}")
        return found.ranking


class Searcher:
    """The one entry to finding. Thread-safe as far as its parts are; `close` ends its threads."""

    def __init__(
        self,
        indexes: Indexes,
        models: Models,
        weights: Weights,
        linker: Linker | None = None,
        standing: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`linker` finds entity ids in a question's text; used where the filter names no entities. `standing` says in words which
        indexes are behind or not to be trusted."""
        self._standing = standing
        self._indexes = indexes
        self._models = models
        self._weights = weights
        self._linker = linker
        self._vectors_of = Remembering(models.text) if models.text else None
        self._text = TextVectors(indexes.vectors, self._vectors_of) if self._vectors_of else None
        self._words = Words(indexes.words)
        self._lately = Lately(indexes.catalog)
        self._nearby = Nearby(indexes.catalog, indexes.vectors)
        there = self._there()
        self._off = self._left_out(there)
        self._channels = {name: each for name, each in there.items() if each is not None and name not in self._off}
        self._pool = ThreadPoolExecutor(max_workers=len(CHANNELS), thread_name_prefix="search")

    def close(self) -> None:
        self._pool.shutdown(wait=True)

    def forget(self) -> None:
        """Drop what is remembered of texts and of what askers were shown."""
        if self._vectors_of is not None:
            self._vectors_of.forget()
        self._lately = Lately(self._indexes.catalog)
        parts: list[object] = [*self._channels.values(), self._models.reranker]
        for part in parts:
            if isinstance(part, Forgetful):
                part.forget()

    def search(self, query: Query, principal: Principal) -> list[Hit]:
        """Ranked evidence the principal may see, at most query.k, best first. Raises BadQuery."""
        return self.find(query, principal).hits

    def find(self, query: Query, principal: Principal) -> SearchResult:
        """The same, with what was left out, the sequence seen and how long it took. Raises BadQuery."""
        start, run = time.perf_counter(), _Run()
        wanted = self._wanted(query)
        run.degraded += [f"{name}: {why}" for name, why in self._off.items() if name in query.channels]
        sequence = self._sequence(run)
        ask, visible = self._ask(query, principal), self._lately.of(principal, query.filter.as_of)
        rankings = self._first_round(ask, visible, wanted, run)
        if not query.quick:
            run.step("feedback", lambda: self._second_round(ask, visible, rankings, run), None)
        scores = self._fused(rankings) if query.quick else self._rerank(ask, visible, rankings, run)
        hits = _hits(visible, rankings, scores, query.k)
        run.timings["total"] = (time.perf_counter() - start) * 1e3
        return SearchResult(hits, tuple(dict.fromkeys((*run.degraded, *self._standing()))), sequence, run.timings)

    def nearest(self, space: str, vector: Vector, filter_: Filter, principal: Principal, k: int) -> list[Hit]:
        """The k nearest to a vector of that space, shape (dim,), which pass the filter and the principal may see; frames of one moment
        are one hit. Scores are inner products of L2-normalised vectors. Raises BadQuery."""
        return self._nearby.nearest(space, vector, filter_, principal, k)

    def similar(
        self, evidence_id: str, filter_: Filter, principal: Principal, k: int = 10, space: str = ""
    ) -> list[Hit]:
        """The k most like a piece of evidence by its own vectors in `space` ("" = the first by name: a picture's before its words'),
        itself and its moment left out; none where it has no vector. Raises EvidenceNotFound for unknown and invisible ids alike."""
        return self._nearby.similar(evidence_id, filter_, principal, k, space)

    def explain(self, query: Query, principal: Principal) -> list[Explained]:
        """How the searches go which `find` begins with: one for each vector that is searched by, then the words; the graph's ways of
        finding compare nothing. What fails is told of in one of these lines. Raises BadQuery."""
        return explained(self._wanted(query), self._ask(query, principal))

    def _there(self) -> dict[str, Channel | None]:
        """Every channel; None where its part is missing."""
        indexes, image = self._indexes, self._models.image
        rings = Rings(indexes.graph, indexes.catalog) if indexes.graph else None
        return {
            "text": self._text,
            "words": self._words,
            "image": Pictures(indexes.vectors, image) if image else None,
            "graph": GraphExpansion(rings, indexes.vectors) if rings else None,
            "time_place": TimeAndPlace(rings, indexes.vectors) if rings else None,
        }

    def _left_out(self, there: Mapping[str, Channel | None]) -> dict[str, str]:
        """The channels that are off, and why."""
        weight = self._weights.channels
        missing = {name: _MISSING[name] for name, each in there.items() if each is None}
        return {name: _NO_WEIGHT for name in there if not weight[name].weight} | missing  # type: ignore[index]

    def _wanted(self, query: Query) -> dict[str, Channel]:
        if query.k < 1:
            raise BadQuery(f"k must be at least 1, not {query.k}")
        unknown = set(query.channels) - set(CHANNELS)
        if unknown:
            raise BadQuery(f"unknown channels: {', '.join(sorted(unknown))}; there are {', '.join(CHANNELS)}")
        return {name: each for name, each in self._channels.items() if not query.channels or name in query.channels}

    def _ask(self, query: Query, principal: Principal) -> Ask:
        entities = query.filter.entities or tuple(self._linker(query.text) if self._linker else ())
        # one channel at once needs no more than is shown, and some for what is one moment
        depth = min(self._weights.fusion.depth, _FEW * query.k) if query.quick else self._weights.fusion.depth
        return Ask(query, principal, max(depth, query.k), entities)

    def _sequence(self, run: _Run) -> int:
        """The least that any index has applied which can be asked."""
        parts = [self._indexes.vectors, self._indexes.words, *([self._indexes.graph] if self._indexes.graph else [])]
        reached: list[int] = []
        for part in parts:
            try:
                reached.append(part.applied())
            except FAILURES as error:
                run.degraded.append(f"{part.name}: {error}")
        return min(reached, default=0)

    def _first_round(self, ask: Ask, visible: Visible, wanted: Mapping[str, Channel], run: _Run) -> Rankings:
        empty: Rows = {}
        work = {name: partial(run.step, name, partial(channel.find, ask), empty) for name, channel in wanted.items()}
        if ask.filter.entities or len(work) == 1:
            # one alone, or under so narrow a filter, a channel takes less time than handing it to another thread
            found = {name: find() for name, find in work.items()}
        else:
            begun = {name: self._pool.submit(find) for name, find in work.items()}
            found = {name: future.result() for name, future in begun.items()}
        visible.look_up(row for rows in found.values() for row in rows)
        return {name: run.shown(name, wanted[name].find, rows, ask, visible) for name, rows in found.items()}

    def _second_round(self, ask: Ask, visible: Visible, rankings: Rankings, run: _Run) -> None:
        """Replace the rankings of words and text by those that also ask for what the best have in common."""
        settings = self._weights.feedback
        if 0 < len(rankings.get("text", ())) < ask.depth:
            # meaning has ranked all that passes the filter: asking again would find nothing more
            return
        first = self._fused({name: rankings[name] for name in ("text", "words") if name in rankings})
        texts = [each.text for each in visible.evidence(order(first)[: settings.documents])]
        if not texts:
            return
        words: tuple[Callable[[Ask], Rows], Future[Rows]] | None = None
        if rankings.get("words") and settings.terms and settings.lexical:
            # the words are looked up while the vectors are compared
            containing = partial(self._words.containing, common_words(texts, settings.terms))
            words = containing, self._pool.submit(containing, ask)
        if rankings.get("text") and settings.dense and self._text and self._vectors_of:
            question = self._vectors_of.encode([ask.query.text])[0]
            moved = rocchio(question, np.stack(self._vectors_of.encode(texts)), settings.dense)
            near = partial(self._text.near, moved)
            rankings["text"] = run.shown("text", near, near(ask), ask, visible)
        if words is not None:
            more = run.shown("words", words[0], words[1].result(), ask, visible)
            rankings["words"] = blend(rankings["words"], more, settings.lexical)

    def _fused(self, rankings: Rankings) -> dict[str, float]:
        k, weights = self._weights.fusion.k, self._weights.channels
        parts = []
        for name, scores in rankings.items():
            of = weights[name]  # type: ignore[index]
            parts.append(Part(of.weight, by_score(scores) if of.by == "score" else by_rank(scores, k)))
        return fuse(parts)

    def _rerank(self, ask: Ask, visible: Visible, rankings: Rankings, run: _Run) -> dict[str, float]:
        """The fused scores with the reranker's blended into the top; the others follow with scores below 0.

        What no text channel found (a frame that only looks right) has no words to judge and keeps its fused score.
        """
        fused = self._fused(rankings)
        settings, reranker = self._weights.rerank, self._models.reranker
        if reranker is None or not settings.weight or not ask.query.text.strip():
            return fused
        ranked, everything = order(fused), by_score(fused)
        head = by_score({id_: fused[id_] for id_ in ranked[: settings.top]})
        # one reading for what is judged here and for the hits, which are mostly the same
        visible.evidence(list(head))
        worded = [id_ for id_ in head if id_ in rankings.get("text", {}) or id_ in rankings.get("words", {})]
        texts = {each.id: each.text for each in visible.evidence(worded)}
        if not texts:
            return fused
        nothing = np.zeros(0, np.float32)
        judged = run.step("rerank", lambda: reranker.score(ask.query.text, list(texts.values())), nothing)
        late = by_score(dict(zip(texts, judged.tolist(), strict=False)))
        share, named = settings.weight, _named(ask, texts)
        mixed = {
            id_: (1 - share) * score + share * late.get(id_, score) + named.get(id_, 0.0) for id_, score in head.items()
        }
        return mixed | {id_: everything[id_] - 1.0 for id_ in ranked[settings.top :]}


def _named(ask: Ask, texts: Mapping[str, str]) -> dict[str, float]:
    """The share of the asked tags that stand in each text, where the site knows none of them: then only what is written tells XV-4702
    from XV-4700, which both look alike to meaning and stand beside each other in a ranking."""
    wanted = set() if ask.entities else {form for form in asked(ask.query.text) if _LETTER.search(form)}
    if not wanted:
        return {}
    return {id_: len(wanted.intersection(tags(text))) / len(wanted) for id_, text in texts.items()}


def _hits(visible: Visible, rankings: Rankings, scores: dict[str, float], k: int) -> list[Hit]:
    """The k best, frames of one moment as one; only as much evidence is read as that takes."""
    places = {name: {id_: rank for rank, id_ in enumerate(order(found), 1)} for name, found in rankings.items()}
    ranked, kept = order(scores), list[Hit]()
    for start in range(0, len(ranked), k):
        for each in visible.evidence(ranked[start : start + k]):
            kept.append(Hit(each, scores[each.id], {name: at[each.id] for name, at in places.items() if each.id in at}))
        kept = collapse(kept)
        if len(kept) >= k:
            break
    return kept[:k]
