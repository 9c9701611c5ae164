"""Every index tells what it holds so that it can be compared with the catalog, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrieval.adapters.faiss_vectors import FaissVectors
from retrieval.adapters.ladybug_graph import LadybugGraph
from retrieval.adapters.tantivy_words import TantivyWords
from retrieval.catalog import Catalog
from retrieval.fakes import MemoryGraph, MemoryVectors, MemoryWords
from retrieval.ports import LogEntry, Projected, Unit
from retrieval.projector import Projector
from retrieval.reconciling import Report
from retrieval.types import (
    CharSpan,
    Embedding,
    Entity,
    EntityType,
    Evidence,
    Kind,
    Link,
    LinkType,
    Mention,
    Provenance,
    Relation,
    Vector,
)

MAKE: dict[str, Callable[[Path], Any]] = {
    "memory vectors": lambda folder: MemoryVectors(),
    "faiss": lambda folder: FaissVectors(gpu=False),
    "memory words": lambda folder: MemoryWords(),
    "tantivy": lambda folder: TantivyWords(folder / "words"),
    "memory graph": lambda folder: MemoryGraph(),
    "ladybug": lambda folder: LadybugGraph(folder / "graph"),
}
# what changes the content of each: fields of evidence that it keeps, or a vector
STALE = {
    "vectors": [{"vector": True}],
    "faiss": [{"vector": True}, {"labels": ("x",)}, {"source": "elsewhere"}, {"recorded_at": 3}, {"entities": ()}],
    "words": [{"text": "other"}, {"labels": ("x",)}, {"kind": Kind.ALERT}, {"superseded_at": 9}, {"entities": ()}],
    "graph": [
        {"labels": ("x",)},
        {"recorded_at": 3},
        {"entities": ()},
        {"entities": (Mention("p1", Relation.MENTIONS),) * 2 + (Mention("p2", Relation.MENTIONS),)},
    ],
}
PIECES = 6


def piece(tenant: str, n: int) -> Evidence:
    return Evidence(
        id=f"ev_{tenant}_{n}",
        tenant=tenant,
        source=f"s{n // 3}",
        kind=Kind.PASSAGE,
        locator=CharSpan(0, 1),
        text=f"pump {n}",
        provenance=Provenance("test"),
        entities=(Mention("p1", Relation.MENTIONS),),
    )


def vector(*seed: int) -> Vector:
    drawn: Vector = np.random.default_rng(seed).standard_normal(8).astype(np.float32)
    return drawn


def fill(catalog: Catalog) -> None:
    for tenant in ("t", "u"):
        for source in range(PIECES // 3):
            pieces = [piece(tenant, n) for n in range(3 * source, 3 * source + 3)]
            vectors = [Embedding(p.id, "text", vector(n)) for n, p in enumerate(pieces)]
            # some have two, some none
            vectors = [*vectors[:2], Embedding(pieces[0].id, "text", vector(9), 1)]
            site = [
                Entity(id=id_, type=EntityType.ASSET, name=id_, tenant=tenant, labels=("y",)) for id_ in ("p1", "p2")
            ]
            links = [Link("p1", LinkType.FEEDS, "p2", tenant), Link("p2", LinkType.PART_OF, "p1", tenant, ("x",))]
            catalog.commit(Unit(tenant, f"s{source}", "h", "test", pieces, vectors, entities=site, links=links))


class Changed:
    """The catalog's log, with other revisions."""

    def __init__(self, catalog: Catalog, change: Callable[[Projected], Sequence[Projected]], vectors: bool) -> None:
        self._catalog, self._change, self._vectors = catalog, change, vectors

    def sequence(self) -> int:
        return self._catalog.sequence()

    def log(self, after: int, limit: int = 500) -> list[LogEntry]:
        return self._catalog.log(after, limit)

    def projected(self, ids: Sequence[str]) -> list[Projected]:
        return [made for item in self._catalog.projected(ids) for made in self._change(item)]

    def embeddings(self, ids: Sequence[str]) -> Iterator[tuple[int, str, Vector]]:
        for row, space, held in self._catalog.embeddings(ids):
            yield row, space, -held if self._vectors else held

    def site(self, tenant: str) -> Any:
        return self._catalog.site(tenant)


def tell(index: Any, log: Changed, n: int) -> None:
    index.apply([LogEntry(index.applied(), "t", (f"ev_t_{n}",), (), False)], log)


@pytest.fixture
def catalog(tmp_path: Path, store_at: Callable[[Path], Path]) -> Iterator[Catalog]:
    opened = Catalog(store_at(tmp_path / "catalog.db"))
    fill(opened)
    yield opened
    opened.close()


@pytest.fixture(params=MAKE)
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = MAKE[request.param](tmp_path)
    yield made
    made.close()


def reconciled(catalog: Catalog, index: Any) -> Report:
    projector = Projector(catalog, [index], lambda: 0)
    report = projector.reconcile()[index.name]
    assert not projector.failures
    return report


def test_a_clean_index_has_no_differences(catalog: Catalog, index: Any) -> None:
    report = reconciled(catalog, index)
    assert report[1:] == (0, 0, 0, 0) and report.checked >= 2 * PIECES
    catalog.commit(Unit("t", "s0", "h2", "test", [piece("t", 0)]))
    assert reconciled(catalog, index)[1:] == (0, 0, 0, 0), "superseded revisions are held too"


def test_missing_and_extra(catalog: Catalog, index: Any) -> None:
    reconciled(catalog, index)
    tell(index, Changed(catalog, lambda item: [], False), 1)
    ghost = Changed(catalog, lambda item: [item, Projected(999, item.evidence)], False)
    tell(index, ghost, 2)
    assert reconciled(catalog, index)[1:] == (1, 1, 0, 2)
    assert index.rows() == catalog.row_numbers()
    assert reconciled(catalog, index)[1:] == (0, 0, 0, 0)


def test_stale(catalog: Catalog, index: Any) -> None:
    reconciled(catalog, index)
    kinds = STALE["faiss" if isinstance(index, FaissVectors) else index.name]
    for change in kinds:
        fields = {name: value for name, value in change.items() if name != "vector"}

        def other(item: Projected, fields: dict[str, Any] = fields) -> list[Projected]:
            return [Projected(item.row, msgspec.structs.replace(item.evidence, **fields))]

        tell(index, Changed(catalog, other, "vector" in change), 0)
        assert reconciled(catalog, index)[1:] == (0, 0, 1, 1), change
        assert reconciled(catalog, index)[1:] == (0, 0, 0, 0), change


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=5)
@given(lost=st.sets(st.integers(0, PIECES - 1)), doubled=st.sets(st.integers(0, PIECES - 1)))
def test_any_mixture(catalog: Catalog, index: Any, lost: set[int], doubled: set[int]) -> None:
    reconciled(catalog, index)
    for n in lost - doubled:
        tell(index, Changed(catalog, lambda item: [], False), n)
    for n in doubled:
        tell(index, Changed(catalog, lambda item: [item, Projected(item.row + 500, item.evidence)], False), n)
    missing, extra = len(lost - doubled), len(doubled)
    assert reconciled(catalog, index)[1:] == (missing, extra, 0, missing + extra)
    assert index.rows() == catalog.row_numbers()
