"""Odd rows of a real DuckDB file: none stops the others, and none becomes one with another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingest.masking import BatchMask, PatternMasker
from ingest.warehouse.duckdb_warehouse import DuckdbWarehouse
from ingest.warehouse.mapping import Duckdb, Mapping, WarehouseFile
from ingest.warehouse.pull import Parts, Pulled, Puller
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog import Catalog
from retrieval.types import Filter, Principal, RowKey

ANN = Principal("t", "ann")
Pull = Callable[..., Pulled]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(tmp_path / "catalog.db")
    yield opened
    opened.close()


@pytest.fixture
def pull(catalog: Catalog, tmp_path: Path) -> Pull:
    """Make a table by statements and pull it."""

    def pulled(*statements: str, mask: BatchMask | None = None, **mapping: Any) -> Pulled:
        given = Duckdb(database="plant.duckdb")
        with duckdb.connect(str(tmp_path / "plant.duckdb")) as connection:
            for statement in statements:
                connection.execute(statement)
        known = Mapping(**{"table": "rows", "key": ("id",), **mapping})
        file = WarehouseFile(name="plant", connection=given, mappings={"rows": known})
        warehouse = DuckdbWarehouse(given, tmp_path)
        try:
            parts = Parts(catalog, FolderBlobs(tmp_path / "blobs"), None, "t", mask)
            return Puller(parts, file, tmp_path).pull("rows", warehouse)
        finally:
            warehouse.close()

    return pulled


def keys(catalog: Catalog) -> list[str]:
    return sorted(e.locator.key for e in catalog.scan(Filter(), ANN) if isinstance(e.locator, RowKey))


def test_keys_of_several_parts_never_read_alike(pull: Pull, catalog: Catalog) -> None:
    done = pull(
        "CREATE TABLE rows (a VARCHAR, b VARCHAR)", "INSERT INTO rows VALUES ('x/y', 'z'), ('x', 'y/z'), ('x%2Fy', 'z')",
        key=("a", "b"),
    )  # fmt: skip
    assert (done.added, done.dead) == (3, 0)
    assert keys(catalog) == ["x%252Fy/z", "x%2Fy/z", "x/y%2Fz"]


def test_rows_whose_keys_are_masked_stay_apart(pull: Pull, catalog: Catalog) -> None:
    make = (
        "CREATE TABLE rows (id VARCHAR, note VARCHAR)",
        "INSERT INTO rows VALUES ('ann@plant.example', 'hot'), ('bob@plant.example', 'hot'), ('P-1', 'hot')",
    )
    done = pull(*make, mask=BatchMask(PatternMasker()))
    assert (done.added, done.dead) == (3, 0)
    plain, *hidden = keys(catalog)
    assert plain == "P-1" and all(key.startswith("masked-") for key in hidden) and len(set(hidden)) == 2
    assert "plant.example" not in str(catalog.scan(Filter(), ANN))
    assert pull(mask=BatchMask(PatternMasker())).read == 0


@pytest.mark.parametrize(
    ("kind", "bad", "good", "bucket"),
    [
        ("DOUBLE", "'inf'::DOUBLE", "7", 10),
        ("DOUBLE", "'nan'::DOUBLE", "7", 10),
        ("HUGEINT", "170141183460469231731687303715884105727", "7", 10),
        ("DATE", "DATE '5000000-01-01'", "DATE '2026-03-04'", "day"),
        ("TIMESTAMP_S", "TIMESTAMP_S '290000-01-01'", "TIMESTAMP_S '2026-03-04'", "day"),
    ],
)
def test_a_watermark_that_no_block_holds_stops_nothing(
    pull: Pull, catalog: Catalog, kind: str, bad: str, good: str, bucket: Any
) -> None:
    make = (f"CREATE TABLE rows (id INT, mark {kind})", f"INSERT INTO rows VALUES (1, {good}), (2, {bad}), (3, NULL)")
    done = pull(*make, watermark="mark", bucket=bucket)
    assert (done.rows, done.read, done.added) == (3, 3, 3)
    assert {e.source.rpartition("@")[2] for e in catalog.scan(Filter(), ANN)} == {
        "0" if bucket == 10 else "2026-03-04",
        "none",
    }
    assert pull(watermark="mark", bucket=bucket).read == 0


def test_a_span_that_python_has_no_number_for_stops_nothing(pull: Pull, catalog: Catalog) -> None:
    done = pull(
        "CREATE TABLE rows (id INT, took INTERVAL)",
        "INSERT INTO rows VALUES (1, to_days(2147483647)), (2, to_hours(3))",
    )
    assert (done.added, done.dead) == (2, 0)
    assert any("03:00:00" in e.text for e in catalog.scan(Filter(), ANN))
