"""Finding by vectors alone, over a real catalog: nearest to a vector, and like a piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval.catalog import Catalog
from retrieval.errors import BadQuery, EvidenceNotFound
from retrieval.fakes import MemoryVectors, MemoryWords
from retrieval.ports import Scored, Unit
from retrieval.projector import Projector
from retrieval.search import Indexes, Models, Searcher, load_weights
from retrieval.types import (
    CharSpan,
    Embedding,
    Evidence,
    Filter,
    FrameAt,
    Hit,
    Kind,
    Locator,
    Principal,
    Provenance,
    Vector,
)

TENANT = "plant"
ME, GUARD, OTHER = Principal(TENANT), Principal(TENANT, labels=("security",)), Principal("other")
TEXT, IMAGE = "text:t", "image:i"


def at(degrees: float) -> Vector:
    """A unit vector in the plane: the inner product of two is the cosine of the angle between them."""
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


def store(
    catalog: Catalog, name: str, degrees: Sequence[float], space: str = TEXT, version: str = "1", **more: Any
) -> None:
    source, closes = more.pop("source", name), more.pop("closes", True)
    where: Locator = more.pop("locator", CharSpan(0, 1, name))
    piece = Evidence(
        id=f"ev_{name}_{version}",
        tenant=more.pop("tenant", TENANT),
        source=source,
        kind=more.pop("kind", Kind.PASSAGE),
        locator=where,
        text=f"text of {name}",
        provenance=Provenance("test"),
        **more,
    )
    vectors = [Embedding(piece.id, space, at(angle), part) for part, angle in enumerate(degrees)]
    catalog.commit(Unit(piece.tenant, piece.source, f"{source} {version}", "test", [piece], vectors, closes=closes))


@pytest.fixture
def catalog(tmp_path: Path, store_at: Callable[[Path], Path]) -> Iterator[Catalog]:
    opened = Catalog(store_at(tmp_path / "catalog.db"))
    for angle in (0, 10, 20, 30):
        store(opened, f"{angle}", [angle])
    store(opened, "secret", [1], labels=("security",))
    store(opened, "foreign", [2], tenant="other")
    store(opened, "both", [100, 13])
    yield opened
    opened.close()


@pytest.fixture
def vectors() -> MemoryVectors:
    return MemoryVectors()


@pytest.fixture
def searcher(catalog: Catalog, vectors: MemoryVectors) -> Iterator[Searcher]:
    assert not Projector(catalog, [vectors], lambda: 0).catch_up()
    made = Searcher(Indexes(catalog, vectors, MemoryWords()), Models(None), load_weights())
    yield made
    made.close()


def names(hits: Sequence[Hit]) -> list[str]:
    return [hit.evidence.source for hit in hits]


def test_nearest_gives_whole_evidence_by_inner_product(searcher: Searcher) -> None:
    found = searcher.nearest(TEXT, at(0), Filter(), ME, 3)
    assert names(found) == ["0", "10", "both"]
    assert [hit.score for hit in found] == pytest.approx(np.cos(np.radians([0, 10, 13])), abs=1e-6)
    assert (found[0].evidence.text, found[0].evidence.locator) == ("text of 0", CharSpan(0, 1, "0"))
    assert [hit.channels for hit in found] == [{TEXT: 1}, {TEXT: 2}, {TEXT: 3}]


def test_nearest_keeps_filter_tenant_and_labels(searcher: Searcher) -> None:
    assert names(searcher.nearest(TEXT, at(0), Filter(sources=("30", "20")), ME, 9)) == ["20", "30"]
    assert names(searcher.nearest(TEXT, at(0), Filter(), GUARD, 2)) == ["0", "secret"]
    assert names(searcher.nearest(TEXT, at(0), Filter(), OTHER, 9)) == ["foreign"]
    assert searcher.nearest("text:of another model", at(0), Filter(), ME, 9) == []


def test_an_index_behind_the_catalog_gives_neither_what_is_closed_nor_less_than_there_is(
    searcher: Searcher, catalog: Catalog
) -> None:
    for name in ("0", "10"):
        store(catalog, name, [90], version="2")
    assert names(searcher.nearest(TEXT, at(0), Filter(), ME, 2)) == ["both", "20"]
    assert len(searcher.nearest(TEXT, at(0), Filter(), ME, 9)) == 3


def test_what_an_index_should_not_have_given_does_not_leave(
    catalog: Catalog, vectors: MemoryVectors, searcher: Searcher
) -> None:
    class Leaky(MemoryVectors):
        def search(self, space: str, query: Vector, k: int, filter_: Filter, principal: Principal) -> Scored:
            rows = np.array(sorted(catalog.row_numbers())[:k], np.int64)
            return Scored(rows, np.ones(len(rows), np.float32))

    leaky = Searcher(Indexes(catalog, Leaky(), MemoryWords()), Models(None), load_weights())
    assert set(names(leaky.nearest(TEXT, at(0), Filter(), ME, 7))) == {"0", "10", "20", "30", "both"}
    assert names(leaky.nearest(TEXT, at(0), Filter(), OTHER, 7)) == ["foreign"]
    leaky.close()


def test_frames_of_one_moment_are_one_hit_and_do_not_crowd_others_out(
    searcher: Searcher, catalog: Catalog, vectors: MemoryVectors
) -> None:
    for n, moment in enumerate((1, 1, 1, 1, 2)):
        frame = {"source": "cam.mp4", "kind": Kind.FRAME, "locator": FrameAt(n), "data": {"moment": moment}}
        store(catalog, f"frame {n}", [200 + n], space=IMAGE, closes=False, **frame)
    Projector(catalog, [vectors], lambda: 0).catch_up()
    found = searcher.nearest(IMAGE, at(200), Filter(), ME, 2)
    assert [hit.evidence.id for hit in found] == ["ev_frame 0_1", "ev_frame 4_1"]
    assert [hit.evidence.id for hit in searcher.similar("ev_frame 1_1", Filter(), ME)] == ["ev_frame 4_1"]


def test_bad_numbers_are_refused(searcher: Searcher) -> None:
    with pytest.raises(BadQuery, match="at least 1"):
        searcher.nearest(TEXT, at(0), Filter(), ME, 0)
    with pytest.raises(BadQuery):
        searcher.nearest(TEXT, np.ones(3, np.float32), Filter(), ME, 1)


def test_similar_leaves_the_piece_itself_out_and_asks_by_each_of_its_vectors(
    searcher: Searcher, catalog: Catalog
) -> None:
    assert names(searcher.similar("ev_10_1", Filter(), ME, 3)) == ["both", "0", "20"]
    assert names(searcher.similar("ev_both_1", Filter(), ME, 9)) == ["10", "20", "0", "30"]
    assert searcher.similar("ev_10_1", Filter(), ME, space=IMAGE) == []


@pytest.mark.parametrize(("id_", "who"), [("ev_none", ME), ("ev_secret_1", ME), ("ev_0_1", OTHER)])
def test_similar_tells_nothing_of_what_is_not_visible(searcher: Searcher, id_: str, who: Principal) -> None:
    with pytest.raises(EvidenceNotFound) as unknown:
        searcher.similar(id_, Filter(), who)
    assert str(unknown.value) == str(EvidenceNotFound())


def test_similar_as_of_then_uses_what_was_known_then(searcher: Searcher, catalog: Catalog) -> None:
    before = catalog.get(["ev_both_1"], ME)["ev_both_1"].recorded_at
    store(catalog, "10", [90], version="2")
    with pytest.raises(EvidenceNotFound):
        searcher.similar("ev_10_1", Filter(), ME)
    assert names(searcher.similar("ev_10_1", Filter(as_of=before), ME, 1)) == ["both"]
