"""Warehouse files, identifiers, fingerprints and cells: what needs no warehouse."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.warehouse.blocks import Names, Place, Print, Standing, alike, grouped
from ingest.warehouse.layout import Layout
from ingest.warehouse.mapping import Mapping, check_identifier, matched, read_warehouse, table_parts
from ingest.warehouse.port import Column, Sort
from ingest.warehouse.statements import Statements
from ingest.warehouse.values import cell
from retrieval.errors import BadSettings
from retrieval.ports import Held

GOOD = """
name: plant
connection: {kind: snowflake, account: xy1.eu, user: PULL, role: READER, warehouse: WH, database: PLANT, schema: PUBLIC}
mappings:
  alarms: {table: ALARMS, kind: alerts, key: [ALARM_ID], watermark: CHANGED_AT, time: RAISED_AT, timezone: Europe/Madrid}
"""


class Table:
    """A warehouse of one table without rows."""

    dialect = "duckdb"

    def __init__(self, *columns: Column) -> None:
        self._columns = list(columns)

    def identifier(self, name: str, exact: bool) -> str:
        return '"' + name.replace('"', '""') + '"'

    def files(self, pattern: str) -> str:
        return pattern

    def columns(self, statement: str) -> list[Column]:
        return self._columns

    def pages(self, statement: str) -> Any:
        return iter(())

    def close(self) -> None: ...


def layout(sort: Sort = Sort.TIME, **more: Any) -> Layout:
    table = Table(
        Column("ID", Sort.NUMBER), Column("CHANGED", sort), Column("NOTE", Sort.OTHER), Column("RAW", Sort.UNREAD)
    )
    return Layout(Mapping(**{"table": "t", "key": ("id",), "watermark": "changed", **more}), Path(), table)


def read(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "w.yaml"
    path.write_text(text)
    return read_warehouse(path)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)
    assert found.connection.role == "READER"
    assert found.mappings["alarms"].key == ("ALARM_ID",)
    assert found.mappings["alarms"].vectors is False


@pytest.mark.parametrize(
    ("was", "now", "told"),
    [
        ("name: plant", "name: Plant A", "no name"),
        ("account: xy1.eu, ", "", "account"),
        ("user: PULL", "password: p", "password"),
        ("user: PULL", "private_key_file: k.p8", "private_key_file"),
        ("user: PULL", "protocol: http, host: sf.example", "in the clear"),
        ("kind: snowflake", "kind: oracle", "oracle"),
        ("kind: alerts", "kind: series", "series"),
        ("table: ALARMS", "table: 'ALARMS; DROP TABLE X'", "refused"),
        ("table: ALARMS", "table: 'a\"; DROP TABLE X; --'", "refused"),
        ("table: ALARMS", "table: \"read_csv('/etc/passwd')\"", "refused"),
        ("table: ALARMS", "sql: SELECT 1", "sql"),
        ("table: ALARMS", "parquet: '*.parquet'", "duckdb only"),
        ("table: ALARMS, ", "", "name one of"),
        ("table: ALARMS", "table: ALARMS, query: q.sql", "name one of"),
        ("key: [ALARM_ID]", "key: []", "key"),
        ("key: [ALARM_ID]", "key: ['a\"; DROP']", "refused"),
        ("time: RAISED_AT", 'time: "a\\u0000b"', "refused"),
        ("Europe/Madrid", "Europe/Nowhere", "timezone"),
        ("watermark: CHANGED_AT, ", "compare: watermark, ", "needs a watermark"),
        ("mappings:", "more: 1\nmappings:", "more"),
        ("name: plant", "name: [", "w.yaml"),
        ("name: plant", "name: " + "[" * 1000, "recursion"),
    ],
)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, was: str, now: str, told: str) -> None:
    assert was in GOOD
    with pytest.raises(BadSettings, match=r"w\.yaml") as problem:
        read(tmp_path, GOOD.replace(was, now, 1))
    assert told in str(problem.value)


def test_names_of_tables_have_at_most_three_parts() -> None:
    assert table_parts('plant.PUBLIC."Odd name"') == [("plant", False), ("PUBLIC", False), ("Odd name", True)]
    for bad in ("a.b.c.d", "", ".", "a.", "a..b", '""', 'a"b"', "a b", "a-b", "1a"):
        with pytest.raises(ValueError, match="refused"):
            table_parts(bad)


@given(st.text(max_size=300))
def test_no_table_name_that_is_taken_holds_what_ends_an_identifier(text: str) -> None:
    try:
        parts = table_parts(text)
    except ValueError:
        return
    assert all(not set(name) & set("\"'`;\\\0\n") and name.isprintable() for name, _ in parts)


@pytest.mark.parametrize("name", ['a"', "a;", "a'b", "a\x00", "a\nb", "", "x" * 256, "a\\b", "a`"])
def test_hostile_identifiers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="refused"):
        check_identifier(name)


def test_columns_are_matched_whatever_their_case_and_never_guessed() -> None:
    assert matched("changed", ["ID", "CHANGED"]) == "CHANGED"
    assert matched("id", ["ID", "id"]) == "id"
    for wanted, there in (("nope", ["ID"]), ("Id", ["ID", "id"])):
        with pytest.raises(BadSettings, match=wanted):
            matched(wanted, there)


def test_statements_have_no_gap_left_and_what_fills_one_is_not_looked_into() -> None:
    text = Statements("duckdb")
    assert text.get("text", column='"<<relation>>"') == 'CAST("<<relation>>" AS VARCHAR)'
    with pytest.raises(ValueError, match="nothing given for column"):
        text.get("text")


@pytest.mark.parametrize("dialect", ["duckdb", "snowflake"])
def test_dialects_have_the_same_statements(dialect: str) -> None:
    text = Statements(dialect)
    every = dict.fromkeys(
        "relation bucket light full watermark slice within sliced cells column columns size count first last".split(),
        "1",
    )
    for name in ("shape", "census", "slices", "rows", "seconds", "numbers", "hash", "slice", "from", "text"):
        assert "<<" not in text.get(name, **every)


def test_bucket_and_watermark_must_go_together() -> None:
    assert layout().size == 86_400
    assert layout(Sort.NUMBER, bucket=50).size == 50
    for sort, bucket in ((Sort.NUMBER, "day"), (Sort.TIME, 50), (Sort.OTHER, "day")):
        with pytest.raises(BadSettings, match="watermark"):
            layout(sort, bucket=bucket)
    with pytest.raises(BadSettings, match="raw bytes"):
        layout(tell=("RAW",))
    assert layout().left_out == ("RAW",)


@given(st.one_of(st.none(), st.integers(-800_000, 2_000_000)), st.integers(1, 4096), st.data())
def test_a_source_names_its_block(bucket: int | None, of: int, data: st.DataObject) -> None:
    names = Names("plant", "alarms", layout())
    number = data.draw(st.integers(0, of - 1))
    source = names.source(Place(bucket, number, of))
    assert source.startswith(names.prefix)
    assert names.apart(source) == (names.label(bucket), number, of)


@given(
    st.lists(st.integers(-4_000, 4_000), unique=True, max_size=60), st.sampled_from(["minute", "hour", "day", "week"])
)
def test_buckets_have_labels_of_their_own(buckets: list[int], grain: str) -> None:
    names = Names("plant", "alarms", layout(bucket=grain))
    assert len({names.label(bucket) for bucket in [*buckets, None]}) == len(buckets) + 1


PRINTS = st.builds(Print, st.integers(1, 50), st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70))


@given(PRINTS)
def test_fingerprints_are_read_as_they_were_written(one: Print) -> None:
    assert Print.heard(one.told()) == one


@given(st.lists(PRINTS, min_size=1, max_size=6), st.integers(0, 5), st.booleans())
def test_a_bucket_is_the_same_only_if_every_slice_is(parts: list[Print], changed: int, light: bool) -> None:
    names = Names("plant", "alarms", layout())
    held = {names.source(Place(3, n, 8)): Held(part.told(), "r", True) for n, part in enumerate(parts)}
    whole = total(parts)
    standing = Standing(names, held, "r")
    assert standing.same(3, whole, light)
    assert not standing.same(3, whole.plus(Print(0, 1, 1)), light)
    assert standing.same(3, whole.plus(Print(0, 0, 1)), light) == light
    assert not Standing(names, held, "another").same(3, whole, light)
    assert not standing.same(4, whole, light)
    assert len(standing.without([4])) == len(parts) and standing.without([3]) == []
    assert standing.others(3, 16) == list(held) and standing.others(3, 8) == []


def total(parts: Sequence[Print]) -> Print:
    whole = Print()
    for one in parts:
        whole = whole.plus(one)
    return whole


@given(st.integers(0, 5_000_000))
def test_no_block_outgrows_four_slices(rows: int) -> None:
    of = Standing(Names("plant", "alarms", layout()), {}, "r").of(1, rows)
    assert rows / of <= 4_000
    assert of == 1 or rows / of >= 500


def test_slices_stay_until_they_are_outgrown() -> None:
    names = Names("plant", "alarms", layout())
    standing = Standing(names, {names.source(Place(1, n, 4)): Held("1000 0 0", "r", True) for n in range(4)}, "r")
    assert [standing.of(1, rows) for rows in (1, 4_000, 16_000)] == [4, 4, 4]
    assert standing.of(1, 17_000) == 32


@given(
    st.lists(
        st.tuples(st.one_of(st.none(), st.integers()), st.integers(1, 80_000)), max_size=40, unique_by=lambda p: p[0]
    )
)
def test_groups_hold_every_bucket_once_in_order(rows: list[tuple[int | None, int]]) -> None:
    groups = grouped(rows)
    assert [number for group in groups for number in group] == [number for number, _ in rows]
    counts = dict(rows)
    for group in groups:
        assert len(group) == 1 or (None not in group and sum(counts[number] for number in group) <= 50_000)


def test_a_closed_block_is_as_good_as_none() -> None:
    names = Names("plant", "alarms", layout())
    closed = Standing(names, {names.source(Place(1)): Held(Print().told(), "r", True)}, "r")
    assert closed.without([]) == [] and closed.rows == 0
    assert not closed.same(1, Print(1, 1, 1), light=False)


def test_alike_by_key_and_watermark_leaves_the_rest_alone() -> None:
    assert alike(Print(1, 2, 3), Print(1, 2, 4), light=True)
    assert not alike(Print(1, 2, 3), Print(1, 2, 4), light=False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None), (True, True), (7, 7), (2**63 - 1, 2**63 - 1), (2**63, str(2**63)), (0.5, 0.5), (float("nan"), None),
        (float("inf"), None), (Decimal("3.25"), 3.25), (Decimal("7.00"), 7), (Decimal("0.1"), 0.1), (Decimal("NaN"), None),
        (Decimal("0.12345678901234567890"), "0.12345678901234567890"), ("text", "text"), ([1, "a"], '[1,"a"]'), ({"a": None}, '{"a":null}'),
    ],
)  # fmt: skip
def test_cells(value: Any, expected: Any) -> None:
    assert cell(value) == expected
