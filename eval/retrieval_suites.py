"""Text retrieval on public collections, through the real search path: a catalog, its projections and the Searcher.

`cranfield`: abstracts in aerodynamics with judged relevance (the half in retrieval/cranfield; a query's `_id` is the id its
judgements use). `xquad`: which paragraph of qa/xquad/xquad.en.json answers the question. A document is one passage: title,
line break, text, as these collections are commonly indexed. Metrics come from ir-measures.
"""

from __future__ import annotations

import csv
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from retrieval.adapters.faiss_vectors import FaissVectors
from retrieval.adapters.late_interaction import LateInteraction
from retrieval.adapters.minilm import SentenceTransformerEncoder
from retrieval.adapters.tantivy_words import TantivyWords
from retrieval.catalog import Catalog, system_clock
from retrieval.errors import BadSettings
from retrieval.ids import content_hash, evidence_id
from retrieval.ports import TextEncoder, Unit
from retrieval.projector import Projector
from retrieval.search import Indexes, Models, Searcher, Weights, load_weights
from retrieval.types import Embedding, Evidence, Kind, Principal, Provenance, Query, RowKey

Progress = Callable[[str, int, int], None]
METRICS = ("ndcg@10", "recall@1", "recall@10")
_TENANT = "benchmark"
_CHUNK = 64
_K = 10


class Collection(NamedTuple):
    """Documents and queries by id, and the relevance of documents to queries: (query, document, grade)."""

    name: str
    documents: dict[str, str]
    queries: dict[str, str]
    judgements: list[tuple[str, str, int]]


class Found(NamedTuple):
    """A run: for each query its documents with scores, and how long each query took in milliseconds."""

    ranked: dict[str, dict[str, float]]
    latency_ms: list[float]


def run(suite: str, data_dir: Path, progress: Progress | None = None) -> dict[str, Any]:
    """{suite, n, metrics, by_kind, latency_ms}. `data_dir` holds retrieval/cranfield and qa/xquad. Raises BadSettings."""
    collection = load(suite, data_dir)
    encoder = SentenceTransformerEncoder()
    with prepared(collection, encoder, progress) as indexes:
        found = ask_all(collection, indexes, Models(encoder, None, LateInteraction(encoder)), progress=progress)
    metrics = measure(collection, found)
    fifty, ninety_five = np.percentile(found.latency_ms, [50, 95])
    return {
        "suite": suite,
        "n": len(collection.queries),
        "metrics": metrics,
        "by_kind": {Kind.PASSAGE.value: {"n": len(collection.queries), **metrics}},
        "latency_ms": {"p50": round(float(fifty), 1), "p95": round(float(ninety_five), 1)},
    }


def load(suite: str, data_dir: Path) -> Collection:
    """Read a collection. Raises BadSettings for an unknown suite or missing files."""
    readers = {"cranfield": _cranfield, "xquad": _xquad}
    if suite not in readers:
        raise BadSettings(f"no retrieval suite {suite!r}; there are {', '.join(readers)}")
    try:
        return readers[suite](data_dir)
    except OSError as error:
        raise BadSettings(f"suite {suite}: {error}") from error


@contextmanager
def prepared(collection: Collection, encoder: TextEncoder, progress: Progress | None = None) -> Iterator[Indexes]:
    """The collection in a catalog and projections of its own, thrown away afterwards."""
    with tempfile.TemporaryDirectory(prefix="watchfloor-eval-") as folder:
        catalog = Catalog(Path(folder) / "catalog.db")
        vectors, words = FaissVectors(), TantivyWords(Path(folder) / "words")
        try:
            catalog.commit(_unit(collection, catalog.tenant_key(_TENANT), encoder, progress))
            for name, failure in Projector(catalog, [vectors, words], system_clock).catch_up().items():
                raise BadSettings(f"projection {name}: {failure.reason}")
            yield Indexes(catalog, vectors, words)
        finally:
            words.close()
            vectors.close()
            catalog.close()


def ask_all(
    collection: Collection,
    indexes: Indexes,
    models: Models,
    weights: Weights | None = None,
    progress: Progress | None = None,
) -> Found:
    """Search for every query, one after the other."""
    searcher = Searcher(indexes, models, weights or load_weights())
    ranked: dict[str, dict[str, float]] = {}
    latency: list[float] = []
    try:
        for done, (id_, text) in enumerate(collection.queries.items(), 1):
            start = time.perf_counter()
            hits = searcher.search(Query(text=text, k=_K), Principal(_TENANT))
            latency.append((time.perf_counter() - start) * 1e3)
            # ranks, not scores: a measure's own order of equal scores must not matter
            ranked[id_] = {_key(hit.evidence): float(-rank) for rank, hit in enumerate(hits)}
            if progress:
                progress("searching", done, len(collection.queries))
    finally:
        searcher.close()
    return Found(ranked, latency)


def measure(collection: Collection, found: Found) -> dict[str, float]:
    """nDCG@10, recall@1 and recall@10, means over the queries."""
    import ir_measures
    from ir_measures import R, nDCG

    wanted = dict(zip(METRICS, (nDCG @ 10, R @ 1, R @ 10), strict=True))
    qrels = [ir_measures.Qrel(*row) for row in collection.judgements]
    scored = [ir_measures.ScoredDoc(q, d, s) for q, ranking in found.ranked.items() for d, s in ranking.items()]
    means = ir_measures.calc_aggregate(list(wanted.values()), qrels, scored)
    return {name: round(float(means[measure]), 4) for name, measure in wanted.items()}


def _cranfield(data_dir: Path) -> Collection:
    folder = data_dir / "retrieval" / "cranfield"
    documents = {row["_id"]: f"{row['title']}\n{row['text']}".strip() for row in _lines(folder / "corpus.jsonl")}
    queries = {row["_id"]: row["text"] for row in _lines(folder / "queries.jsonl")}
    with (folder / "qrels.tsv").open(newline="") as stream:
        rows = [(row[0], row[1], int(row[2])) for row in list(csv.reader(stream, delimiter="\t"))[1:]]
    return Collection("cranfield", documents, queries, rows)


def _xquad(data_dir: Path) -> Collection:
    articles = json.loads((data_dir / "qa" / "xquad" / "xquad.en.json").read_text())["data"]
    found = Collection("xquad", {}, {}, [])
    for paragraph in (paragraph for article in articles for paragraph in article["paragraphs"]):
        document = str(len(found.documents))
        found.documents[document] = paragraph["context"]
        for question in paragraph["qas"]:
            found.queries[question["id"]] = question["question"]
            found.judgements.append((question["id"], document, 1))
    return found


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in path.read_text().splitlines() if line.strip())


def _unit(collection: Collection, key: bytes, encoder: TextEncoder, progress: Progress | None) -> Unit:
    source = f"benchmark:{collection.name}"
    evidence = [
        Evidence(
            id=evidence_id(key, source, locator, content_hash(text)),
            tenant=_TENANT,
            source=source,
            kind=Kind.PASSAGE,
            locator=locator,
            text=text,
            provenance=Provenance("benchmark"),
        )
        for locator, text in ((RowKey(collection.name, id_), text) for id_, text in collection.documents.items())
    ]
    embeddings = _embeddings(evidence, encoder, progress)
    return Unit(_TENANT, source, content_hash(*collection.documents.values()), "benchmark", evidence, embeddings)


def _embeddings(evidence: Sequence[Evidence], encoder: TextEncoder, progress: Progress | None) -> list[Embedding]:
    made: list[Embedding] = []
    for start in range(0, len(evidence), _CHUNK):
        some = evidence[start : start + _CHUNK]
        vectors = encoder.encode([each.text for each in some])
        made.extend(Embedding(each.id, encoder.space, vector) for each, vector in zip(some, vectors, strict=True))
        if progress:
            progress("encoding", len(made), len(evidence))
    return made


def _key(evidence: Evidence) -> str:
    if not isinstance(evidence.locator, RowKey):
        raise TypeError(f"{evidence.id} is not a row of a benchmark")
    return evidence.locator.key
