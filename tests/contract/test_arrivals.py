"""What was stored, read on in the order of storing, and records of who delivered it: on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from retrieval.catalog import Catalog
from retrieval.ids import evidence_id
from retrieval.ports import Arrival, Unit
from retrieval.types import (
    Coverage,
    Evidence,
    FrameAt,
    Interval,
    Kind,
    Layer,
    Locator,
    Mention,
    Provenance,
    Relation,
    RowKey,
)

SPAN = Interval(10, 20)


@pytest.fixture(params=["sqlite", "postgres"])
def catalog(request: pytest.FixtureRequest, store_at: Callable[[Path], Path], tmp_path: Path) -> Iterator[Catalog]:
    where = str(store_at(tmp_path / "c.db")) if request.param == "sqlite" else request.getfixturevalue("postgres")()
    ticks = count(1_000)
    opened = Catalog(where, lambda: next(ticks))
    yield opened
    opened.close()


def piece(source: str, kind: Kind, locator: Locator, **more: object) -> Evidence:
    return Evidence(
        id=evidence_id(b"k", source, locator, ""),
        tenant="t",
        source=source,
        kind=kind,
        locator=locator,
        text=f"text of {source}",
        provenance=Provenance("test"),
        valid=SPAN,
        **more,  # type: ignore[arg-type]
    )


def unit(source: str, *evidence: Evidence, coverage: tuple[Coverage, ...] = (), digest: str = "1") -> Unit:
    return Unit("t", source, digest, "test", evidence, coverage=coverage)


def test_everything_that_was_stored_is_read_once_in_order(catalog: Catalog) -> None:
    skew = {"seconds": 2.0, "mad": 0.0, "readings": 1, "against": "name"}
    seen = (Mention("CAM-1", Relation.OBSERVED_AT),)
    frame = piece("b", Kind.FRAME, FrameAt(0), entities=seen, data={"skew": skew, "more": 1})
    catalog.commit(unit("a", piece("a", Kind.ALERT, RowKey("t", "AL-1"), labels=("x", "b"))))
    catalog.commit(unit("b", frame, piece("b", Kind.WINDOW, FrameAt(5), data={"skew": 1})))
    catalog.commit(Unit("other", "c", "1", "test"))
    pieces, recordings = catalog.arrivals("t", 0, 0, 10)
    assert recordings == []
    assert [(each.source, each.key, each.labels, each.skew) for each in pieces] == [
        ("a", "AL-1", ("b", "x"), None),
        ("b", "", (), skew),
        ("b", "", (), None),
    ]
    assert {each.valid for each in pieces} == {SPAN} and pieces[1].entities == ("CAM-1",)
    assert pieces[0].at < pieces[1].at == pieces[2].at
    # page by page it is the same, and what is superseded or known changes nothing
    catalog.commit(unit("a", digest="2"))
    catalog.commit(unit("b", frame))
    paged, after = list[Arrival](), 0
    while found := catalog.arrivals("t", after, 0, 1)[0]:
        paged += found
        after = found[-1].row
    assert paged == pieces


def test_stretches_that_were_recorded_are_read_too(catalog: Catalog) -> None:
    told = {"source": "s", "subject": "S-1", "tenant": "t", "valid": SPAN}
    recorded = Coverage(layer=Layer.RECORDED, labels=("ops",), **told)  # type: ignore[arg-type]
    catalog.commit(unit("s", coverage=(recorded, Coverage(layer=Layer.EXAMINED, by="series@1", **told))))  # type: ignore[arg-type]
    pieces, (one,) = catalog.arrivals("t", 0, 0, 10)
    assert pieces == [] and (one.subject, one.valid, one.labels) == ("S-1", SPAN, ("ops",))
    assert catalog.arrivals("t", 0, one.row, 10) == ([], [])


def test_records_are_kept_together_or_not_at_all(catalog: Catalog) -> None:
    assert catalog.standings("t") == {}
    assert catalog.keep_standings("t", None, {"": "1", "a": "one", "b": "two"})
    assert not catalog.keep_standings("t", None, {"": "x", "a": "lost"})
    assert not catalog.keep_standings("t", "0", {"": "x", "a": "lost"})
    assert catalog.keep_standings("t", "1", {"": "2", "a": "three", "b": None})
    assert catalog.standings("t") == {"": "2", "a": "three"} and catalog.standings("other") == {}


def test_of_several_that_keep_at_once_each_counts(catalog: Catalog) -> None:
    def add(_: int) -> None:
        while True:
            held = catalog.standings("t")
            if catalog.keep_standings("t", held.get(""), {"": str(int(held.get("", "0")) + 1)}):
                return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(12)))
    assert catalog.standings("t") == {"": "12"}


def test_twins_are_all_but_the_first_of_the_same_bytes(catalog: Catalog) -> None:
    for name, digest in (
        ("file:///a", "1"),
        ("feed:///b", "1"),
        ("file:///c", "2"),
        ("file:///d", "1"),
        ("s3://e", "2"),
    ):
        catalog.commit(unit(name, digest=digest))
    assert catalog.twins("t", ("file:///", "s3://")) == ["file:///d", "s3://e"]
    catalog.commit(unit("file:///d", digest="3"))
    assert catalog.twins("t", ("file:///", "s3://")) == ["s3://e"] and catalog.twins("other", ("file:///",)) == []
