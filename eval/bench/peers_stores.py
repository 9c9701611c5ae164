"""Vector stores beside ours: LangChain's FAISS store, LanceDB without and with its index, Chroma. Each filters by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from eval.bench.retrieval_data import FILTERS, WINDOW_S, K, Material
from eval.bench.retrieval_rounds import Way, tuned
from retrieval.types import Vector

_COLUMN = {"source": "source", "asset": "asset", "apart": "zone"}
_FILTERED = tuple(name for name in FILTERS if name != "none")
_BATCH = 5_000
_RECALL = 0.95


def langchain(material: Material, folder: Path) -> Sequence[Way]:
    """`similarity_search_with_score_by_vector` as it comes (fetch_k 20), with 2,000, and with all there is."""
    stores: Any = import_module("langchain_community.vectorstores")
    embeddings: Any = import_module("langchain_core.embeddings")
    nothing = embeddings.FakeEmbeddings(size=material.vectors.shape[1])
    # as arrays, which it takes too: as lists of numbers they would weigh ten times as much on the way
    pairs = ((f"piece {row}", vector) for row, vector in enumerate(material.vectors))
    about = [{"row": row, **of} for row, of in enumerate(_rows(material))]
    store = stores.FAISS.from_embeddings(list(pairs), nothing, metadatas=about)
    import_module("faiss").omp_set_num_threads(1)

    def search(fetch: int, query: Vector, name: str, value: int) -> Sequence[int]:
        found = store.similarity_search_with_score_by_vector(query, k=K, filter=_operators(name, value), fetch_k=fetch)
        return [int(document.metadata["row"]) for document, _ in found]

    ways = [Way("langchain FAISS, as it comes (fetch_k 20)", partial(search, 20))]
    more = [(2_000, "fetch_k 2000"), (material.n, "fetch_k all")]
    return ways + [Way(f"langchain FAISS, {told}", partial(search, fetch), _FILTERED) for fetch, told in more]


def chroma(material: Material, folder: Path) -> Sequence[Way]:
    """A persistent collection, inner product, M = 16, ef 100 at building and searching, metadata filters."""
    library: Any = import_module("chromadb")
    settings = import_module("chromadb.config").Settings(anonymized_telemetry=False)
    client = library.PersistentClient(path=str(folder / "chroma"), settings=settings)
    graph = {"space": "ip", "ef_construction": 100, "max_neighbors": 16, "ef_search": 100}
    collection = client.create_collection("bench", configuration={"hnsw": graph}, embedding_function=None)
    about = list(_rows(material))
    for start in range(0, material.n, _BATCH):
        end = min(material.n, start + _BATCH)
        collection.add(
            ids=[str(row) for row in range(start, end)],
            embeddings=np.ascontiguousarray(material.vectors[start:end]),
            metadatas=about[start:end],
        )

    def search(query: Vector, name: str, value: int) -> Sequence[int]:
        found = collection.query(query_embeddings=[query], n_results=K, where=_operators(name, value), include=[])
        return [int(id_) for id_ in found["ids"][0]]

    return [Way("chroma ef 100", search)]


def lancedb_flat(material: Material, folder: Path) -> Sequence[Way]:
    """No vector index; scalar indexes on every column, filtered before the search."""
    table = _lance(material, folder)
    return [Way("lancedb, no vector index", partial(_lance_search, table, None))]


def lancedb_ann(material: Material, folder: Path) -> Sequence[Way]:
    """IVF_PQ of 256 cells and 48 parts, ten times as many re-ranked: the least probes with recall 0.95 unfiltered, and its default."""
    table = _lance(material, folder)
    table.create_index(
        metric="dot", num_partitions=256, num_sub_vectors=48, vector_column_name="vector", index_type="IVF_PQ"
    )
    probes = [2]

    def choose(count: int) -> None:
        probes[0] = count

    def search(query: Vector, name: str, value: int) -> Sequence[int]:
        return _lance_search(table, probes[0], query, name, value)

    chosen = tuned(search, material, choose, (2, 5, 10, 20, 40, 80), _RECALL)
    return [
        Way(f"lancedb IVF_PQ, {chosen} probes", search),
        Way("lancedb IVF_PQ, default probes", partial(_lance_search, table, 0)),
    ]


def _lance(material: Material, folder: Path) -> Any:
    arrow: Any = import_module("pyarrow")
    base = import_module("lancedb").connect(str(folder / "lance"))
    width = material.vectors.shape[1]
    columns = [(name, arrow.int64()) for name in ("id", *material.columns)]
    schema = arrow.schema([*columns, ("vector", arrow.list_(arrow.float32(), width))])

    def batches() -> Iterator[Any]:
        for start in range(0, material.n, _BATCH):
            end = min(material.n, start + _BATCH)
            flat = arrow.array(np.ascontiguousarray(material.vectors[start:end]).ravel())
            arrays = [arrow.array(np.arange(start, end))]
            arrays += [arrow.array(column[start:end]) for column in material.columns.values()]
            yield arrow.RecordBatch.from_arrays(
                [*arrays, arrow.FixedSizeListArray.from_arrays(flat, width)], schema=schema
            )

    table = base.create_table("bench", data=batches(), schema=schema)
    for column, kind in (("second", "BTREE"), ("asset", "BTREE"), ("source", "BITMAP"), ("zone", "BITMAP")):
        table.create_scalar_index(column, index_type=kind)
    return table


def _lance_search(table: Any, probes: int | None, query: Vector, name: str, value: int) -> Sequence[int]:
    """`probes`: None = there is no index, 0 = as it comes."""
    asked = table.search(query, vector_column_name="vector").distance_type("dot").limit(K).select(["id"])
    if probes is not None:
        asked = (asked.nprobes(probes) if probes else asked).refine_factor(10)
    if name == "time":
        asked = asked.where(f"second >= {value} AND second < {value + WINDOW_S}", prefilter=True)
    elif name != "none":
        asked = asked.where(f"{_COLUMN[name]} = {value}", prefilter=True)
    found: Sequence[int] = asked.to_arrow()["id"].to_pylist()
    return found


def _rows(material: Material) -> Iterator[dict[str, int]]:
    names = list(material.columns)
    for values in zip(*(column.tolist() for column in material.columns.values()), strict=True):
        yield dict(zip(names, values, strict=True))


def _operators(name: str, value: int) -> dict[str, Any] | None:
    """The filter in the words that Chroma and LangChain's FAISS store share."""
    if name == "none":
        return None
    if name == "time":
        return {"$and": [{"second": {"$gte": value}}, {"second": {"$lt": value + WINDOW_S}}]}
    return {_COLUMN[name]: value}
