"""Any sequence of commits, repeats and abandons leaves what a simple model says, now and as known before."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.catalog import Catalog
from retrieval.ports import Unit
from retrieval.types import CharSpan, Embedding, Evidence, Filter, Kind, Principal, Provenance

# what each content of a source holds; they share some evidence
CONTENTS = {"A": (1, 2, 3), "B": (2, 3, 4), "C": (5,), "D": ()}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["part", "rest", "whole", "abandon"]),
        st.sampled_from(["s", "r"]),
        st.sampled_from(sorted(CONTENTS)),
    ),
    max_size=10,
)


@dataclass
class Source:
    """One source of the model: open ids, each with the token of the row that holds it."""

    whole: str | None = None
    open: dict[int, int] = field(default_factory=dict)
    under_way: str | None = None
    present: set[int] = field(default_factory=set)
    added: set[int] = field(default_factory=set)


class Model:
    def __init__(self) -> None:
        self.sources = {"s": Source(), "r": Source()}
        self.erased: set[int] = set()
        self.changes = 0
        self._tokens = count()

    def commit(self, name: str, content: str, ids: tuple[int, ...], closes: bool) -> None:
        source = self.sources[name]
        if source.under_way is None and source.whole == content:
            return
        if source.under_way not in (None, content):
            self.abandon(name)
            return self.commit(name, content, ids, closes)
        begins = source.under_way is None
        new = set(ids) - set(source.open)
        source.under_way = content
        source.open |= {id_: next(self._tokens) for id_ in new}
        source.added |= new
        source.present |= set(ids)
        if closes:
            source.open = {id_: token for id_, token in source.open.items() if id_ in source.present}
            source.whole, source.under_way, source.present, source.added = content, None, set(), set()
        self.changes += bool(begins or new or closes)

    def abandon(self, name: str) -> None:
        source = self.sources[name]
        if source.under_way is None:
            return
        self.erased |= {source.open.pop(id_) for id_ in source.added}
        source.under_way, source.present, source.added = None, set(), set()
        self.changes += 1

    def visible(self) -> dict[tuple[str, int], int]:
        return {(name, id_): token for name, source in self.sources.items() for id_, token in source.open.items()}


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


CLOCK = Clock()
TENANTS = count()


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return Catalog(":memory:", CLOCK)


def unit(tenant: str, source: str, content: str, numbers: tuple[int, ...], closes: bool) -> Unit:
    evidence = [
        Evidence(
            id=f"{tenant}.{source}.{number}",
            tenant=tenant,
            source=source,
            kind=Kind.ROW,
            locator=CharSpan(number, number),
            text="x",
            provenance=Provenance("test"),
        )
        for number in numbers
    ]
    vectors = [Embedding(e.id, "text", np.ones(1, dtype=np.float32)) for e in evidence]
    return Unit(tenant, source, content, "reader", evidence, vectors, closes=closes)


def stored(catalog: Catalog, tenant: str, as_of: int | None = None) -> set[tuple[str, int]]:
    found = catalog.scan(Filter(as_of=as_of), Principal(tenant))
    ids = [(e.source, int(e.id.rsplit(".", 1)[1])) for e in found]
    assert len(ids) == len(set(ids)), "one id is open twice"
    return set(ids)


def apply(catalog: Catalog, model: Model, tenant: str, step: tuple[str, str, str]) -> None:
    verb, source, content = step
    if verb == "abandon":
        model.abandon(source)
        catalog.abandon(tenant, source)
        return
    ids = CONTENTS[content]
    numbers = {"part": ids[:2], "rest": ids[2:], "whole": ids}[verb]
    model.commit(source, content, numbers, verb != "part")
    work = unit(tenant, source, content, numbers, verb != "part")
    receipt = catalog.commit(work)
    again = catalog.commit(work)
    if verb != "part":
        assert again == (receipt.sequence, 0, 0), "a repeated commit changed something"
    assert (again.added, again.superseded) == (0, 0)


@settings(max_examples=8, deadline=None)
@given(STEPS)
def test_the_store_follows_the_model(catalog: Catalog, steps: list[tuple[str, str, str]]) -> None:
    tenant, bystander = f"t{next(TENANTS)}", f"t{next(TENANTS)}"
    catalog.commit(unit(bystander, "s", "A", (1, 2), True))
    model, begin, snapshots = Model(), catalog.sequence(), []
    for step in steps:
        CLOCK.now += 1000
        apply(catalog, model, tenant, step)
        snapshots.append((CLOCK.now + 500, model.visible()))
        assert stored(catalog, tenant) == set(model.visible())
    assert catalog.sequence() - begin == model.changes
    for as_of, visible in snapshots:
        assert stored(catalog, tenant, as_of) == {key for key, token in visible.items() if token not in model.erased}
    assert stored(catalog, bystander) == {("s", 1), ("s", 2)}
    check_log(catalog, tenant, begin)


def check_log(catalog: Catalog, tenant: str, begin: int) -> None:
    """Whoever replays the log knows every row there is, and every row has its vector."""
    told = {
        id_ for entry in catalog.log(begin, 10_000) if entry.tenant == tenant for id_ in entry.evidence + entry.closed
    }
    open_ids = {f"{tenant}.{source}.{number}" for source, number in stored(catalog, tenant)}
    assert open_ids <= told
    rows = [item.row for item in catalog.projected(sorted(told))]
    assert sorted(row for row, _, _ in catalog.embeddings(sorted(told))) == sorted(rows)
    for source in ("s", "r"):
        state = catalog.state(tenant, source)
        assert (state.evidence if state else 0) == sum(1 for name, _ in stored(catalog, tenant) if name == source)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(sorted(CONTENTS)), min_size=1, max_size=6))
def test_what_was_known_then_never_changes(catalog: Catalog, contents: list[str]) -> None:
    tenant, history = f"t{next(TENANTS)}", []
    for content in contents:
        CLOCK.now += 1000
        catalog.commit(unit(tenant, "s", content, CONTENTS[content], True))
        history.append((CLOCK.now, stored(catalog, tenant)))
        for as_of, visible in history:
            assert stored(catalog, tenant, as_of) == visible
