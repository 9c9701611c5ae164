"""Units that come in any order and several times, many in one transaction: what every catalog makes of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine

from retrieval.catalog import Catalog
from retrieval.errors import SourceRejected, StoreError, UnitRefused
from retrieval.ports import Receipt, Unit
from retrieval.types import CharSpan, Evidence, Filter, Kind, Principal, Provenance

ANN = Principal("t", "ann")


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.db'}"
    found: str = request.getfixturevalue("postgres_store")()
    return found


@pytest.fixture
def catalog(where: str) -> Iterator[Catalog]:
    opened = Catalog(where)
    yield opened
    opened.close()


def piece(source: str, text: str) -> Evidence:
    return Evidence(
        id=f"ev_{source}_{text}",
        tenant="t",
        source=source,
        kind=Kind.ALERT,
        locator=CharSpan(0, len(text)),
        text=text,
        provenance=Provenance("test"),
    )


def said(source: str, version: int | None, text: str | None) -> Unit:
    """A source's version: what it says, or with None that it is no more."""
    pieces = [] if text is None else [piece(source, text)]
    return Unit("t", source, text or "gone", "bus 1", pieces, version=version)


def shown(catalog: Catalog) -> dict[str, str]:
    return {e.source: e.text for e in catalog.scan(Filter(), ANN)}


def test_a_late_version_changes_nothing(catalog: Catalog) -> None:
    catalog.commit(said("alarm", 2, "cleared"))
    before = catalog.sequence()
    assert catalog.commit(said("alarm", 1, "raised")) == Receipt(before, 0, 0)
    assert (shown(catalog), catalog.sequence()) == ({"alarm": "cleared"}, before)


def test_what_was_deleted_does_not_come_back(catalog: Catalog) -> None:
    catalog.commit(said("alarm", 3, None))
    catalog.commit(said("alarm", 1, "raised"))
    assert shown(catalog) == {}
    catalog.commit(said("alarm", 4, "raised anew"))
    assert shown(catalog) == {"alarm": "raised anew"}


def test_a_version_that_says_what_is_held_shuts_out_those_before_it(catalog: Catalog) -> None:
    catalog.commit(said("alarm", 1, "raised"))
    catalog.commit(said("alarm", 3, "raised"))
    catalog.commit(said("alarm", 2, "cleared"))
    assert shown(catalog) == {"alarm": "raised"}


def test_without_versions_what_comes_last_stands(catalog: Catalog) -> None:
    catalog.commit(said("alarm", None, "raised"))
    catalog.commit(said("alarm", None, "cleared"))
    assert shown(catalog) == {"alarm": "cleared"}


def test_one_transaction_takes_many_and_leaves_out_the_bad(catalog: Catalog) -> None:
    got = catalog.commit_all([said("a", 1, "one"), said("b", 1, "half \ud800 pair"), said("c", 1, "three")])
    assert [type(each) for each in got] == [Receipt, SourceRejected, Receipt]
    assert isinstance(got[1], SourceRejected) and got[1].kind == "unstorable"
    assert shown(catalog) == {"a": "one", "c": "three"}
    assert [entry.sequence for entry in catalog.log(0)] == [1, 2]
    assert catalog.state("t", "b") is None


def test_what_is_refused_for_what_it_is_leaves_the_others_in(catalog: Catalog) -> None:
    stray = said("b", 1, "two")._replace(evidence=[piece("elsewhere", "two")])
    got = catalog.commit_all([said("a", 1, "one"), stray, said("c", 1, "three")])
    assert isinstance(got[1], SourceRejected) and "another source" in got[1].reason
    assert shown(catalog) == {"a": "one", "c": "three"}
    with pytest.raises(UnitRefused):
        catalog.commit(stray)


def test_nothing_of_several_is_stored_where_the_store_fails(catalog: Catalog, where: str) -> None:
    beside = create_engine(where)
    with beside.begin() as damaging:
        damaging.exec_driver_sql("DROP TABLE labels")
    hidden = said("b", 1, "two")
    hidden = hidden._replace(evidence=[msgspec.structs.replace(hidden.evidence[0], labels=("security",))])
    with pytest.raises(StoreError):
        catalog.commit_all([said("a", 1, "one"), hidden])
    with beside.connect() as looking:
        assert looking.exec_driver_sql("SELECT count(*) FROM evidence").scalar() == 0
    beside.dispose()


_VERSIONS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(1, 4), st.sampled_from(["raised", "cleared", None])),
    min_size=1,
    max_size=12,
)


@settings(max_examples=30, deadline=None)
@given(sent=_VERSIONS, seed=st.integers(0, 2**32), grouped=st.booleans())
def test_every_order_and_any_duplication_end_alike(
    tmp_path_factory: pytest.TempPathFactory, sent: list[tuple[str, int, str | None]], seed: int, grouped: bool
) -> None:
    chance = random.Random(seed)
    units = [said(f"alarm {name}", version, text) for name, version, text in sent]
    twice = [each for each in units for _ in range(chance.randint(1, 5))]
    chance.shuffle(twice)
    ends = []
    for order, together in ((units, False), (twice, grouped)):
        catalog = Catalog(tmp_path_factory.mktemp("orders") / "catalog.db")
        size = 5 if together else 1
        for start in range(0, len(order), size):
            catalog.commit_all(order[start : start + size])
        ends.append(shown(catalog))
        catalog.close()
    assert ends[0] == ends[1] == _greatest(units)


def _greatest(units: list[Unit]) -> dict[str, str]:
    """By hand: of each source the greatest version, of equal ones the greatest hash."""
    best: dict[str, Unit] = {}
    for each in units:
        held = best.get(each.source)
        if held is None or (each.version, each.content_hash) > (held.version, held.content_hash):
            best[each.source] = each
    return {name: each.evidence[0].text for name, each in best.items() if each.evidence}
