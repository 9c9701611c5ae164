"""Units stored together leave what the same units leave one by one, in every table."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval.catalog import Catalog
from retrieval.errors import SourceRejected, UnitRefused
from retrieval.ports import Receipt, Unit
from retrieval.types import (
    CharSpan,
    Coverage,
    Embedding,
    Entity,
    EntityType,
    Evidence,
    Interval,
    Kind,
    Layer,
    Link,
    LinkType,
    Mention,
    Provenance,
    Relation,
)

TABLES = (
    "evidence", "mentions", "labels", "vectors", "sources", "coverage", "entities", "links", "outbox", "head", "kept", "rejections",
)  # fmt: skip
# of each sort a few, so that units meet: in a source, in an id, in nothing
few = st.integers(0, 3)


def piece(source: str, n: int, bad: bool) -> Evidence:
    return Evidence(
        id=f"ev_{source}_{n}",
        tenant="t",
        source=source,
        kind=Kind.ALERT,
        locator=CharSpan(0, 1),
        text="half \ud800 pair" if bad else f"P-{n} tripped",
        provenance=Provenance("test"),
        valid=Interval(n, n + 1),
        entities=(Mention(f"asset:p-{n}", Relation.MENTIONS),) * (n % 2),
        labels=("plant", "safety")[: n % 3],
    )


@st.composite
def units(draw: st.DrawFn) -> Unit:
    source = f"feed:///{draw(st.sampled_from('abcdefgh'))}"
    pieces = [piece(source, n, draw(st.integers(0, 30)) == 30) for n in draw(st.lists(few, max_size=3))]
    vectors = [
        Embedding(p.id if draw(st.integers(0, 30)) else "ev_stray", "text", np.full(4, 0.5, np.float32)) for p in pieces
    ]
    things = [
        Entity(id=f"p-{n}", tenant="t", type=EntityType.ASSET, name=f"P-{n}") for n in draw(st.lists(few, max_size=2))
    ]
    links = [Link(each.id, LinkType.PART_OF, "site", "t") for each in things[:1]]
    heard = Coverage(source=source, subject=source, layer=Layer.EXAMINED, tenant="t", valid=Interval(0, 5))
    return Unit(
        "t", source, f"hash {draw(few)}", "bus 1", pieces, vectors, [heard] * draw(st.integers(0, 2)), things, links,
        closes=draw(st.integers(0, 5)) > 0, version=draw(st.none() | few),
    )  # fmt: skip


def left_by(folder: str, name: str, store: Callable[[Catalog], Sequence[Any]]) -> tuple[list[Any], dict[str, Any]]:
    path = Path(folder) / f"{name}.db"
    catalog = Catalog(path, lambda: 1_000)
    catalog.record_rejection("t", "feed:///a", "bad", "was bad")
    done = store(catalog)
    catalog.close()
    with closing(sqlite3.connect(path)) as raw:
        tables = {table: sorted(map(repr, raw.execute(f"select * from {table}"))) for table in TABLES}
    return [str(each) if isinstance(each, Exception) else each for each in done], tables


def one_by_one(catalog: Catalog, each: Unit) -> Receipt | str:
    try:
        return catalog.commit(each)
    except (SourceRejected, UnitRefused) as problem:
        return str(problem)


@given(st.lists(st.lists(units(), max_size=6), max_size=3))
def test_the_same_as_one_by_one(batches: list[list[Unit]]) -> None:
    with TemporaryDirectory() as folder:
        together = left_by(folder, "together", lambda c: [r for batch in batches for r in c.commit_all(batch)])
        apart = left_by(folder, "apart", lambda c: [one_by_one(c, each) for batch in batches for each in batch])
    assert together == apart
