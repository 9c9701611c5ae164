"""Statements that SQLite's driver is given as they are: they do what SQLAlchemy would have done, and read no whole table."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select

from retrieval.catalog import Catalog, codec, commits, ending, fresh, never_again, outbox
from retrieval.catalog import tables as t
from retrieval.catalog.database import Database
from retrieval.catalog.lean import Lean, Ready
from retrieval.errors import BadQuery, StoreError
from retrieval.ports import Unit
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
    Provenance,
)

_er = t.erased.c
INTO = Ready.into(t.erased)
FOUND = Ready.over(lambda digests: select(_er.digest, _er.erasure).where(_er.tenant == "t", _er.digest.in_(digests)))
GONE = Ready.over(lambda digests: delete(t.erased).where(_er.tenant == "t", _er.digest.in_(digests)))
# few, so that they meet; the store has had ids with a NUL, which SQLite's json cannot tell from shorter ones
names = st.text("ab\0é\U0001f512", max_size=2)


@contextmanager
def base() -> Iterator[Database]:
    opened = Database(":memory:")
    with opened.write() as connection:
        t.metadata.create_all(connection)
    yield opened
    opened.close()


@given(st.dictionaries(st.tuples(st.sampled_from("tu"), names), names), st.lists(names, max_size=4))
def test_the_same_as_through_sqlalchemy(held: dict[tuple[str, str], str], wanted: list[str]) -> None:
    rows = [{"tenant": tenant, "digest": digest, "erasure": told} for (tenant, digest), told in held.items()]
    asked = {"wanted": wanted}
    with base() as ours, base() as theirs, ours.write() as mine, theirs.write() as other:
        INTO.put(mine, rows)
        if rows:
            other.execute(insert(t.erased), rows)
        assert sorted(map(tuple, FOUND.read(mine, asked))) == sorted(
            map(tuple, other.execute(FOUND.anywhere, asked).all())
        )
        assert GONE.run(mine, asked) == other.execute(GONE.anywhere, asked).rowcount
        assert mine.execute(select(t.erased)).all() == other.execute(select(t.erased)).all()


@pytest.mark.parametrize("bad", ["half \ud800 pair", 2**63], ids=["not Unicode", "beyond 64 bits"])
def test_a_value_that_cannot_be_stored_is_a_bad_query(bad: object) -> None:
    with base() as opened, pytest.raises(BadQuery), opened.write() as connection:
        INTO.put(connection, [{"tenant": "t", "digest": bad, "erasure": ""}])


def test_a_value_that_is_not_given_is_no_null() -> None:
    with base() as opened, pytest.raises(StoreError), opened.write() as connection:
        commits._MOVED.run(connection, {"reached": 1})


def test_a_row_of_every_table_is_given_all_its_columns() -> None:
    """Of a dict that SQLite's driver is given it takes what the words name, and what is missing is an error."""
    of = commits.Work(None, "t", "s", 1, 1, 1)  # type: ignore[arg-type]
    coverage = Coverage(source="s", subject="CAM", tenant="t", layer=Layer.RECORDED, valid=Interval(0, 1))
    pump = Entity(id="P-1", type=EntityType.ASSET, name="Pump", tenant="t")
    vector = {"row": 1, "revision": 1, **codec.vector_values(Embedding("e", "text", np.ones(2, np.float32)))}
    own = {t.coverage: codec.coverage_values(coverage), t.entities: codec.entity_values(pump)}
    own[t.links] = codec.link_values(Link("P-1", LinkType.PART_OF, "P-2", "t"))
    told = {table: {**values, **of.owned()} for table, values in own.items()}
    told |= {t.vectors: vector, t.outbox: of.entry("commit", [], [], False)}
    for table, values in told.items():
        wanted = {column.name for column in table.columns if column.autoincrement is not True}
        assert values.keys() == wanted, table.name
        assert set(re.findall(r":(\w+)", commits.INTO[table].lean.text)) == wanted
    assert commits.INTO.keys() - told.keys() == {t.sources, t.mentions, t.labels}
    pieces = {**codec.evidence_values(piece("s", 1)), **of.owned()}
    assert pieces.keys() == set(re.findall(r":(\w+)", commits._PIECES.lean.text))


def test_what_every_commit_asks_reads_no_whole_table(tmp_path: Path) -> None:
    """Looking through all sources for those of a bus' units took longer than storing them."""
    Catalog(tmp_path / "catalog.db").close()
    parts = (commits, ending, fresh, never_again)
    held = [value for part in parts for value in vars(part).values() if isinstance(value, Ready)]
    held += [*ending._END.values()]
    opened = Database(tmp_path / "catalog.db")
    with opened.read() as connection:
        for ready in held:
            names = dict.fromkeys(re.findall(r":(\w+)", ready.lean.text), 1) | {"wanted": '["a"]'}
            asked = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {ready.lean.text}", names)
            scans = [step for *_, step in asked if step.startswith("SCAN")]
            # the list that is bound, and what an unfinished revision has kept of earlier ones
            assert all("VIRTUAL TABLE" in step or step.startswith("SCAN kept") for step in scans), scans
    opened.close()
    assert len(held) > 12


def piece(source: str, number: int) -> Evidence:
    text = f"{source} {number}"
    return Evidence(
        id=f"ev_{source}_{number}",
        tenant="t",
        source=source,
        kind=Kind.ALERT,
        locator=CharSpan(0, len(text)),
        text=text,
        provenance=Provenance("test"),
    )


PIECES = (1, 0, 3, 2, 0, 1, 4, 1, 0, 2, 1, 1)


@pytest.fixture(scope="module")
def catalog() -> Iterator[Catalog]:
    """An entry of the log for each number, naming so many pieces."""
    opened = Catalog(":memory:")
    for number, count in enumerate(PIECES):
        source = f"s{number}"
        opened.commit(Unit("t", source, "h", "test", [piece(source, each) for each in range(count)]))
    yield opened
    opened.close()


few = st.integers(1, len(PIECES))


@given(st.integers(0, len(PIECES)), few, few, few)
def test_the_log_is_read_in_order_up_to_so_many_entries_or_names(
    catalog: Catalog, after: int, limit: int, chunk: int, names: int
) -> None:
    expected, named = list[int](), 0
    for number, count in list(enumerate(PIECES, 1))[after : after + limit]:
        expected.append(number)
        named += count
        if named >= names:
            break
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outbox, "_CHUNK", chunk)
        patch.setattr(outbox, "_NAMES", names)
        assert [entry.sequence for entry in catalog.log(after, limit)] == expected


def test_one_text_serves_lists_of_every_length() -> None:
    assert FOUND.lean.bound({"wanted": ["a", "b"]})["wanted"] == '["a","b"]'
    assert Lean(select(_er.digest).where(_er.tenant == "t")).bound({}) == {"tenant_1": "t"}
