"""What projections are compared with, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from retrieval.catalog import Catalog
from retrieval.catalog.database import Database
from retrieval.catalog.erasures import ErasureBook
from retrieval.erasure.values import Target
from retrieval.ports import Unit
from retrieval.types import CharSpan, Evidence, Kind, Principal, Provenance


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path, store_at: Callable[[Path], Path]) -> str:
    if request.param == "sqlite":
        return str(store_at(tmp_path / "catalog.db"))
    url: str = request.getfixturevalue("postgres_store")()
    return url


@pytest.fixture
def catalog(where: str) -> Iterator[Catalog]:
    clock = iter(range(100, 10_000))
    opened = Catalog(where, lambda: next(clock))
    yield opened
    opened.close()


def put(catalog: Catalog, tenant: str, source: str, *names: str) -> None:
    def piece(name: str) -> Evidence:
        about: dict[str, Any] = {"kind": Kind.PASSAGE, "locator": CharSpan(0, 1), "provenance": Provenance("test")}
        return Evidence(id=f"ev_{tenant}_{name}", tenant=tenant, source=source, text=name, labels=("x",), **about)

    catalog.commit(Unit(tenant, source, "+".join(names), "test", [piece(name) for name in names]))


def test_pages_hold_every_revision_once(catalog: Catalog) -> None:
    for n in range(5):
        put(catalog, "tu"[n % 2], f"s{n}", f"a{n}", f"b{n}")
    put(catalog, "t", "s0", "other")
    pages = list(catalog.census.pages(3))
    rows = [item.row for page in pages for item in page]
    assert [len(page) for page in pages] == [3, 3, 3, 2]
    assert rows == sorted(catalog.row_numbers()) and len(set(rows)) == 11
    assert {item.evidence.tenant for page in pages for item in page} == {"t", "u"}
    assert catalog.census.tenants() in (["t", "u"], ["u", "t"])


def test_ids_by_tenant(catalog: Catalog) -> None:
    put(catalog, "t", "s", "a", "b")
    put(catalog, "u", "s", "c")
    first, _, third = sorted(catalog.row_numbers())
    assert catalog.census.ids([first, third, 99_999]) == {"t": ["ev_t_a"], "u": ["ev_u_c"]}
    assert catalog.census.ids([]) == {}


def test_what_an_erasure_has_hidden_has_no_id(catalog: Catalog, where: str) -> None:
    put(catalog, "t", "s", "a")
    put(catalog, "t", "s2", "b")
    rows = sorted(catalog.row_numbers())
    book = ErasureBook(Database(where), lambda: 20_000)
    assert book.hide(Target(sources=("s",)), Principal("t", "ann", ("x",)))
    assert catalog.census.ids(rows) == {"t": ["ev_t_b"]}
    book.close()


def test_a_sample_is_of_the_newest_and_of_everywhere(catalog: Catalog) -> None:
    assert catalog.census.sample(4) == []
    for n in range(40):
        put(catalog, "t", f"s{n}", f"a{n}")
    put(catalog, "t", "s39", "later")
    rows = sorted(catalog.row_numbers())
    sampled = [item.row for item in catalog.census.sample(4)]
    closed = rows[39]
    assert closed not in sampled and rows[-1] in sampled and rows[0] in sampled
    assert len(sampled) <= 8 and len(set(sampled)) == len(sampled)
    assert max(after - before for before, after in pairwise(sampled)) <= 15
    assert catalog.census.still_open([closed, rows[0]]) == {rows[0]}
    assert all(item.evidence.superseded_at is None for item in catalog.census.sample(4))


def test_when_an_entry_was_written_tells_histories_apart(catalog: Catalog) -> None:
    put(catalog, "t", "s", "a")
    put(catalog, "t", "s2", "b")
    first, second = (catalog.census.recorded_at(sequence) for sequence in (1, 2))
    assert first is not None and second is not None and first < second
    assert catalog.census.recorded_at(3) is None
    who = Principal("t", labels=("x",))
    assert {e.recorded_at for e in catalog.get(["ev_t_a", "ev_t_b"], who).values()} == {first, second}


def test_a_store_has_one_name_whoever_asks_first(catalog: Catalog, where: str) -> None:
    other = Catalog(where)
    named = other.census.store_id()
    assert len(named) == 32 and catalog.census.store_id() == named == other.census.store_id()
    other.close()
