"""What every Warehouse does. DuckDB is tried here; Snowflake's connector against a server of its protocol where both are installed
(`make test-snowflake`)."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from eval.bench.warehouse_server import fake_snowflake
from ingest.warehouse.blocks import Print
from ingest.warehouse.layout import Layout, Span
from ingest.warehouse.mapping import Duckdb, Mapping, Snowflake
from ingest.warehouse.port import PAGE, Sort, Warehouse
from ingest.warehouse.snowflake_warehouse import KeyPair, SnowflakeWarehouse
from ingest.warehouse.values import cell
from retrieval.errors import BadSettings

WIDE = """CREATE TABLE {name} (ID INTEGER, NAME VARCHAR, N DECIMAL(10, 2), X DOUBLE, B BOOLEAN, D DATE, T TIMESTAMP, "odd name" VARCHAR)"""
ROWS = (
    "(1, 'seal', 3.25, 0.5, TRUE, '2026-03-04', '2026-03-04 02:41:00.123456', 'x')",
    "(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    "(3, 'Dichtung ä', -7, -0.25, FALSE, '1969-12-31', '1969-12-31 23:59:59', 'y')",
)


class Place(NamedTuple):
    """A warehouse: how tables get into it, and how it is opened."""

    execute: Callable[[Sequence[str]], None]
    open: Callable[[], Warehouse]


@pytest.fixture(scope="module", params=["duckdb", "snowflake"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("warehouse")
    if request.param == "duckdb":
        yield _duckdb(folder)
    elif importlib.util.find_spec("snowflake") is None or importlib.util.find_spec("fakesnow") is None:
        pytest.skip(
            "the Snowflake connector and fakesnow are not installed here; `make test-snowflake` has an environment"
        )
    else:
        with fake_snowflake(folder) as server:
            given = Snowflake(**{key: value for key, value in server.connection.items() if key != "kind"})
            access = KeyPair("", server.key, server.passphrase)
            yield Place(server.execute, lambda: SnowflakeWarehouse(given, access))


def _duckdb(folder: Path) -> Place:
    import duckdb

    from ingest.warehouse.duckdb_warehouse import DuckdbWarehouse

    def execute(statements: Sequence[str]) -> None:
        with duckdb.connect(str(folder / "plant.duckdb")) as connection:
            for statement in statements:
                connection.execute(statement)

    return Place(execute, lambda: DuckdbWarehouse(Duckdb(database="plant.duckdb"), folder))


@pytest.fixture(scope="module")
def warehouse(place: Place) -> Iterator[Warehouse]:
    place.execute([WIDE.format(name="WIDE"), *(f"INSERT INTO WIDE VALUES {row}" for row in ROWS)])
    place.execute(["CREATE TABLE LONG_ONE AS SELECT ID * 3000 AS ID FROM WIDE"])
    for _ in range(7):
        place.execute(["INSERT INTO LONG_ONE SELECT ID + (SELECT MAX(ID) FROM LONG_ONE) FROM LONG_ONE"])
    for n in range(4):
        place.execute([f"INSERT INTO LONG_ONE SELECT ID + {10_000_000 * (n + 1)} FROM LONG_ONE"])
    with closing(place.open()) as opened:
        yield opened


def layout(warehouse: Warehouse, table: str = "wide", **more: Any) -> Layout:
    return Layout(Mapping(table=table, key=("id",), **more), Path(), warehouse)


def rows(warehouse: Warehouse, statement: str) -> list[Sequence[Any]]:
    return [row for page in warehouse.pages(statement) for row in page]


def test_columns_are_known_by_name_and_sort(warehouse: Warehouse) -> None:
    found = {column.name.upper(): column.sort for column in layout(warehouse).columns}
    assert found == {
        "ID": Sort.NUMBER, "NAME": Sort.OTHER, "N": Sort.NUMBER, "X": Sort.NUMBER, "B": Sort.OTHER, "D": Sort.DATE,
        "T": Sort.TIME, "ODD NAME": Sort.OTHER,
    }  # fmt: skip


def test_cells_are_the_same_whatever_the_driver_makes_of_them(warehouse: Warehouse) -> None:
    read = rows(warehouse, layout(warehouse).rows(Span((0,))))
    told = sorted(([cell(value) for value in row[4:]] for row in read), key=lambda cells: cells[0])
    assert told[0][:6] == [1, "seal", 3.25, 0.5, True, "2026-03-04"]
    assert str(told[0][6]).startswith("2026-03-04 02:41:00.123456")
    assert told[1] == [2, None, None, None, None, None, None, None]
    assert told[2][:6] == [3, "Dichtung ä", -7, -0.25, False, "1969-12-31"]


@pytest.mark.parametrize(("watermark", "bucket"), [("T", "day"), ("D", "week"), ("ID", 2), ("", "day")])
def test_fingerprints_are_sums_of_those_of_the_rows(warehouse: Warehouse, watermark: str, bucket: Any) -> None:
    made = layout(warehouse, watermark=watermark, bucket=bucket)
    census = {row[0]: Print(*map(int, row[1:4])) for row in rows(warehouse, made.census())}
    assert sum(one.rows for one in census.values()) == 3
    for number, counted in census.items():
        span = Span((None if number is None else int(number),), 4)
        slices = [Print(*map(int, row[1:4])) for row in rows(warehouse, made.slices(span))]
        read = [Print(1, int(row[2]), int(row[3])) for row in rows(warehouse, made.rows(span))]
        assert total(slices) == total(read) == counted


def total(prints: Sequence[Print]) -> Print:
    whole = Print()
    for one in prints:
        whole = whole.plus(one)
    return whole


def test_the_day_before_1970_is_a_bucket_of_its_own(warehouse: Warehouse) -> None:
    buckets = {row[0] for row in rows(warehouse, layout(warehouse, watermark="T").census())}
    assert {None if number is None else int(number) for number in buckets} == {None, -1, 20516}
    assert len(rows(warehouse, layout(warehouse, watermark="T").rows(Span((-1, 20516))))) == 2
    assert len(rows(warehouse, layout(warehouse, watermark="T").rows(Span((None,))))) == 1


def test_pages_are_bounded_and_blocks_come_in_one_piece(warehouse: Warehouse) -> None:
    made = layout(warehouse, "long_one", watermark="id", bucket=1_000_000)
    (whole,) = {sum(int(row[1]) for row in rows(warehouse, made.census()))}
    buckets = tuple(sorted({int(row[0]) for row in rows(warehouse, made.census())}))
    pages = list(warehouse.pages(made.rows(Span(buckets))))
    assert sum(map(len, pages)) == whole > 4 * PAGE
    assert max(map(len, pages)) <= PAGE
    order = [int(row[0]) for page in pages for row in page]
    assert order == sorted(order, reverse=True)


def test_slices_part_a_bucket(warehouse: Warehouse) -> None:
    made = layout(warehouse, "long_one")
    counts = {int(row[0]): int(row[1]) for row in rows(warehouse, made.slices(Span((0,), 8)))}
    assert set(counts) == set(range(8))
    read = rows(warehouse, made.rows(Span((0,), 8, (2, 5))))
    assert {int(row[1]) for row in read} == {2, 5}
    assert len(read) == counts[2] + counts[5]


@pytest.mark.parametrize("name", ['a"b', "x; DROP TABLE wide; --", "Ünïcode", "select"])
def test_any_name_of_a_column_is_quoted(place: Place, warehouse: Warehouse, name: str) -> None:
    quoted = warehouse.identifier(name, True)
    assert rows(warehouse, f"SELECT {quoted} FROM (SELECT 5 AS {quoted}) AS q") == [(5,)]
    assert len(rows(warehouse, layout(warehouse).census())) == 1


def test_what_is_not_there_is_for_the_operator_to_mend(warehouse: Warehouse) -> None:
    with pytest.raises(BadSettings, match="no such column"):
        layout(warehouse, watermark="nope")
    # last of all: what a warehouse has refused once is not asked again, every mapping opens a connection of its own
    with pytest.raises(BadSettings, match=r"(?i)nope"):
        layout(warehouse, "nope")
