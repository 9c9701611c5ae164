"""Pulling from a real DuckDB file into a real catalog: whatever happens to the table and to the pull, what is held ends as the table is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.masking import BatchMask, PatternMasker
from ingest.warehouse import blocks, pull
from ingest.warehouse.duckdb_warehouse import DuckdbWarehouse
from ingest.warehouse.mapping import Duckdb, Mapping, WarehouseFile
from ingest.warehouse.pull import Parts, Pulled, Puller
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog import Catalog
from retrieval.errors import BadSettings, UpstreamError
from retrieval.fakes import HashTextEncoder
from retrieval.ports import TextEncoder
from retrieval.types import Filter, Principal, RowKey

ANN = Principal("t", "ann")
MOST = 100_000
ORDERS = Mapping(table="orders", kind="work_orders", key=("id",), watermark="changed", time="opened", timezone="UTC")


class Cut(Exception):
    """The process ends here."""


class Cutting:
    """A part whose n-th call of a method ends the process, before it did its work or right after."""

    def __init__(self, inner: Any, method: str, at: int, after: bool = False) -> None:
        self._inner, self._method, self._left, self._after = inner, method, at, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._counted(found) if name == self._method else found

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left < 0 and not self._after:
                raise Cut
            result = call(*given, **named)
            if self._left < 0:
                raise Cut
            return result

        return counted


class Plant(NamedTuple):
    """A table, and the catalog it is pulled into."""

    folder: Path
    catalog: Catalog
    encoder: TextEncoder | None = None
    mask: BatchMask | None = None

    def sql(self, *statements: str) -> None:
        with duckdb.connect(str(self.folder / "plant.duckdb")) as connection:
            for statement in statements:
                connection.execute(statement)

    def pull(self, mapping: Mapping = ORDERS, catalog: Any = None, cut: int | None = None, **how: Any) -> Pulled:
        given = Duckdb(database="plant.duckdb")
        file = WarehouseFile(name="plant", connection=given, mappings={"orders": mapping})
        blobs = FolderBlobs(self.folder / "blobs")
        puller = Puller(Parts(catalog or self.catalog, blobs, self.encoder, "t", self.mask), file, self.folder)
        warehouse: Any = DuckdbWarehouse(given, self.folder)
        try:
            return puller.pull("orders", warehouse if cut is None else Cutting(warehouse, "pages", cut), **how)
        finally:
            warehouse.close()

    def held(self, principal: Principal = ANN) -> list[tuple[str, Any]]:
        """(key, note) of all that stands, sorted."""
        found = self.catalog.scan(Filter(), principal, MOST)
        keyed = [(e.locator.key, e.data["fields"].get("note")) for e in found if isinstance(e.locator, RowKey)]
        assert len(keyed) == len(found)
        return sorted(keyed, key=str)

    def table(self) -> list[tuple[str, Any]]:
        with duckdb.connect(str(self.folder / "plant.duckdb")) as connection:
            return sorted(connection.execute("SELECT id, note FROM orders").fetchall(), key=str)


EMPTY = "CREATE TABLE orders (id VARCHAR, asset VARCHAR, opened TIMESTAMP, changed TIMESTAMP, note VARCHAR)"


@pytest.fixture
def plant(tmp_path: Path, store_at: Callable[[Path], Path]) -> Iterator[Plant]:
    catalog = Catalog(store_at(tmp_path / "catalog.db"))
    made = Plant(tmp_path, catalog)
    made.sql(EMPTY)
    yield made
    catalog.close()


def order(n: int, changed: str | None = "2026-03-04 02:00", note: str = "bearing") -> str:
    mark = "NULL" if changed is None else f"'{changed}'"
    return f"INSERT INTO orders VALUES ('WO-{n}', 'P-{100 + n}', '2026-03-04 02:00', {mark}, '{note}')"


def test_rows_become_evidence_that_can_be_played_back(plant: Plant) -> None:
    plant.sql(order(1), order(2, "2026-03-05 10:00", "seal"))
    done = plant.pull(mapping=msgspec.structs.replace(ORDERS, assets=("asset",), timezone="Europe/Madrid"))
    assert (done.rows, done.read, done.added, done.closed, done.dead) == (2, 2, 2, 0, 0)
    assert done.through == "2026-03-05 10:00:00"
    first, second = sorted(plant.catalog.scan(Filter(), ANN), key=lambda e: e.source)
    assert (first.source, second.source) == (
        "warehouse:///plant/orders@2026-03-04",
        "warehouse:///plant/orders@2026-03-05",
    )
    assert first.locator == RowKey("orders", "WO-1")
    assert first.data["fields"]["opened"] == "2026-03-04T01:00:00Z"
    assert first.valid is not None and first.valid.t0 == 1_772_586_000_000_000
    assert [m.entity for m in first.entities] == ["P-101"]
    assert {entity.id for entity in plant.catalog.entities(ANN)} == {"P-101", "P-102"}
    assert plant.catalog.coverage(ANN, [first.source])[0].able == {"work order": 0.0}


def test_only_what_differs_is_read(plant: Plant) -> None:
    plant.sql(*(order(n, f"2026-03-{1 + n % 9:02} 10:00") for n in range(30)))
    plant.pull()
    again = plant.pull()
    assert (again.read, again.differed, again.blocks) == (0, 0, 9)
    plant.sql(order(99, "2026-03-09 11:00"))
    assert plant.pull().differed == 1


def test_a_late_row_behind_the_watermark_is_picked_up(plant: Plant) -> None:
    plant.sql(order(1, "2026-03-09 10:00"))
    plant.pull()
    plant.sql(order(2, "2026-03-01 10:00", "late"))
    assert plant.pull().added == 1
    assert plant.held() == plant.table()


def test_changed_and_deleted_rows_are_closed_and_stay_known_as_they_were(plant: Plant) -> None:
    plant.sql(order(1), order(2), order(3, "2026-03-01 10:00"))
    plant.pull()
    before = plant.catalog.scan(Filter(), ANN)
    known_at = max(e.recorded_at for e in before)
    plant.sql(
        "UPDATE orders SET note = 'seal', changed = '2026-03-07' WHERE id = 'WO-1'",  # moves to another block
        "DELETE FROM orders WHERE id = 'WO-2'",
        "UPDATE orders SET note = 'edited in silence' WHERE id = 'WO-3'",
    )
    done = plant.pull()
    assert (done.added, done.closed) == (2, 3)
    assert plant.held() == plant.table()
    then = plant.catalog.scan(Filter(as_of=known_at), ANN)
    assert {e.id for e in then} == {e.id for e in before}


def test_rows_without_a_watermark_are_read_in_full(plant: Plant) -> None:
    plant.sql(order(1), order(2, None, "unmarked"))
    plant.pull()
    assert plant.held() == plant.table()
    plant.sql("UPDATE orders SET note = 'still unmarked' WHERE id = 'WO-2'", order(3, None))
    assert plant.pull().differed == 1
    assert plant.held() == plant.table()


def test_without_a_watermark_column_the_table_is_compared_by_key(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SLICE", 10)
    plant.sql(*(order(n) for n in range(200)))
    mapping = msgspec.structs.replace(ORDERS, watermark="")
    assert plant.pull(mapping).differed > 8
    plant.sql("UPDATE orders SET note = 'other' WHERE id = 'WO-7'")
    assert plant.pull(mapping).differed == 1
    assert plant.held() == plant.table()


def test_a_bucket_is_cut_anew_when_it_outgrows_its_slices(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "SLICE", 4)
    sources = set[str]()
    for first, last in ((0, 10), (10, 40), (40, 400)):
        plant.sql(
            f"INSERT INTO orders SELECT 'WO-' || i, 'P-1', NULL, TIMESTAMP '2026-03-04', 'x' FROM range({first}, {last}) t(i)"
        )
        plant.pull()
        assert plant.held() == plant.table()
        sources = {e.source.partition("?")[2] for e in plant.catalog.scan(Filter(), ANN, MOST)}
    assert {source.partition("of")[2] for source in sources} == {"128"}
    plant.sql("DELETE FROM orders WHERE id <> 'WO-7'")
    plant.pull()
    assert plant.held() == [("WO-7", "x")]


def test_compared_by_watermark_a_silent_edit_waits_for_the_full_pull(plant: Plant) -> None:
    plant.sql(order(1), order(2))
    mapping = msgspec.structs.replace(ORDERS, compare="watermark")
    plant.pull(mapping)
    plant.sql("UPDATE orders SET note = 'edited in silence' WHERE id = 'WO-1'")
    assert plant.pull(mapping).differed == 0
    assert plant.pull(mapping, thorough=True).differed == 1
    assert plant.held() == plant.table()
    assert plant.pull(mapping).differed == plant.pull(mapping, thorough=True).differed == 0


def test_numbers_and_dates_are_watermarks_too_and_words_are_none(plant: Plant) -> None:
    plant.sql(
        "CREATE TABLE t AS SELECT i AS id, i * 7 AS seq, DATE '2026-01-01' + CAST(i AS INTEGER) AS day FROM range(50) r(i)"
    )
    numbered = Mapping(table="t", key=("id",), watermark="seq", bucket=100)
    assert plant.pull(numbered).blocks == 4
    dated = Mapping(table="t", key=("id",), watermark="day", bucket="week")
    assert plant.pull(dated).added == 50
    assert len(plant.held()) == 50
    plant.sql("INSERT INTO t VALUES (-1, -5, '1969-12-30')")
    assert plant.pull(numbered).added == 51
    for wrong in (
        Mapping(table="orders", key=("id",), watermark="note"),
        Mapping(table="t", key=("id",), watermark="seq"),
    ):
        with pytest.raises(BadSettings, match=r"watermark|bucket"):
            plant.pull(wrong)


def test_a_bad_row_is_remembered_with_its_cause_and_stops_nothing(plant: Plant) -> None:
    plant.sql(
        "ALTER TABLE orders ALTER opened TYPE VARCHAR",
        order(1), order(2), order(1, note="twice"), "INSERT INTO orders VALUES (NULL, '', '', '2026-03-04', 'nameless')",
        "INSERT INTO orders VALUES ('WO-9', '', 'soon', '2026-03-04', 'unreadable')",
        "INSERT INTO orders VALUES ('WO-8', '', '2026-03-04 02:00', '2026-03-04', 'nul' || chr(0))",
    )  # fmt: skip
    alerts = msgspec.structs.replace(ORDERS, kind="alerts")
    done = plant.pull(alerts)
    assert (done.read, done.added, done.dead, done.refused) == (6, 2, 4, 4)
    letters = plant.catalog.rejections(ANN)
    assert sorted(letter.code for letter in letters) == ["broken_row", "duplicate_key", "no_key", "unstorable"]
    body = FolderBlobs(plant.folder / "blobs").get("t", letters[0].reason.rpartition(" ")[2])
    assert b"2026-03-04" in body
    assert plant.pull(alerts).differed == 0
    # mended or gone, its letter is gone
    plant.sql("UPDATE orders SET opened = '2026-03-04 03:00' WHERE id = 'WO-9'", "DELETE FROM orders WHERE id IS NULL")
    assert plant.pull(alerts).refused == 2
    assert [letter.code for letter in plant.catalog.rejections(ANN)].count("broken_row") == 0


def test_what_is_masked_is_not_kept_as_it_was(plant: Plant) -> None:
    plant.sql(
        order(1, note="call ann@plant.example"),
        "INSERT INTO orders VALUES (NULL, '', NULL, '2026-03-04', 'ann@plant.example')",
    )
    plant._replace(mask=BatchMask(PatternMasker())).pull()
    kept = [e.text + str(e.data) for e in plant.catalog.scan(Filter(), ANN)] + [
        r.reason for r in plant.catalog.rejections(ANN)
    ]
    assert len(kept) == 2 and not any("ann@" in text for text in kept)
    assert not (plant.folder / "blobs").exists()


def test_labels_hide_and_another_mapping_is_another_reading(plant: Plant) -> None:
    plant.sql(order(1))
    plant.pull()
    plant.pull(msgspec.structs.replace(ORDERS, labels=("security",)))
    assert plant.held() == []
    assert len(plant.held(Principal("t", "guard", labels=("security",)))) == 1


def test_vectors_are_made_where_asked_for_and_once(plant: Plant) -> None:
    class Counting(HashTextEncoder):
        encoded = 0

        def encode(self, texts: Sequence[str]) -> Any:
            self.encoded += len(texts)
            return super().encode(texts)

    encoder = Counting()
    plant = plant._replace(encoder=encoder)
    plant.sql(order(1), order(2))
    plant.pull()
    assert encoder.encoded == 0
    with_vectors = msgspec.structs.replace(ORDERS, vectors=True)
    plant.pull(with_vectors)
    ids = [e.id for e in plant.catalog.scan(Filter(), ANN)]
    assert (encoder.encoded, len(list(plant.catalog.embeddings(ids)))) == (2, 2)
    plant.sql(order(3))
    plant.pull(with_vectors)
    assert encoder.encoded == 3


def test_a_table_that_is_nearly_gone_closes_nothing_unless_told(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pull, "_WORTH_GUARDING", 10)
    plant.sql(*(order(n) for n in range(20)))
    plant.pull()
    plant.sql("DELETE FROM orders")
    with pytest.raises(UpstreamError, match="--allow-loss"):
        plant.pull()
    assert len(plant.held()) == 20
    assert plant.pull(allow_loss=True).closed == 20
    assert plant.held() == []


def test_hostile_names_are_refused_and_odd_ones_are_names(plant: Plant) -> None:
    plant.sql('CREATE TABLE "odd; name" AS SELECT 1 AS "a""b", 2 AS "x; DROP TABLE orders"')
    odd = Mapping(table='"odd; name"', key=("id",))
    for table in (
        "orders; DROP TABLE orders",
        'a"; DROP TABLE orders; --',
        "orders--",
        "read_csv('/etc/passwd')",
        "a.b.c.d",
        "",
    ):
        with pytest.raises((BadSettings, ValueError)):
            plant.pull(msgspec.structs.replace(ORDERS, table=table))
    for column in ('id"; DROP TABLE orders; --', "id FROM orders; --", "1", "*"):
        with pytest.raises(BadSettings, match="no such column"):
            plant.pull(msgspec.structs.replace(ORDERS, key=(column,)))
    with pytest.raises((BadSettings, ValueError)):
        plant.pull(odd)
    plant.sql('CREATE TABLE "odd name" AS SELECT 1 AS id, 5 AS "a""b", 6 AS "x; DROP TABLE orders"')
    plant.pull(Mapping(table='"odd name"', key=("id",)))
    (row,) = plant.catalog.scan(Filter(), ANN)
    assert row.data["fields"] == {"id": 1, 'a"b': 5, "x; DROP TABLE orders": 6}
    assert plant.table() == []


def test_a_query_of_the_operator_may_read_its_own_database_only(plant: Plant) -> None:
    plant.sql(order(1), order(2, note="seal"))
    (plant.folder / "q.sql").write_text("SELECT * FROM orders WHERE note = 'seal';\n")
    asked = msgspec.structs.replace(ORDERS, table="", query="q.sql")
    assert plant.pull(asked).rows == 1
    secret = plant.folder.parent / "secret.csv"
    secret.write_text("id,note\n1,secret\n")
    for text in (
        f"SELECT * FROM read_csv('{secret}')",
        "SELECT 1; SELECT 2",
        "DELETE FROM orders",
        "COPY orders TO 'x'",
    ):
        (plant.folder / "q.sql").write_text(text)
        with pytest.raises(BadSettings):
            plant.pull(msgspec.structs.replace(asked, watermark="", time=""))


def test_parquet_files_are_a_table(plant: Plant) -> None:
    plant.sql(order(1), order(2), f"COPY orders TO '{plant.folder}/one.parquet'", "DELETE FROM orders", order(3))
    plant.sql(f"COPY orders TO '{plant.folder}/two.parquet'")
    assert plant.pull(msgspec.structs.replace(ORDERS, table="", parquet="*.parquet")).rows == 3


# --- any course of events -------------------------------------------------------------------------------------------

KEYS, DAYS = st.integers(0, 11), st.integers(1, 3)
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, DAYS, st.integers(0, 99)),
    st.tuples(st.just("unmark"), KEYS, st.integers(0, 99)),
    st.tuples(st.just("edit"), KEYS, st.integers(0, 99)),
    st.tuples(st.just("delete"), KEYS),
    st.tuples(st.just("bulk"), st.sampled_from([12, 35, 140]), DAYS),
    st.tuples(st.just("pull")),
    st.tuples(st.just("cut"), st.integers(0, 4), st.sampled_from(["reading", "before", "after"])),
)


def statements(step: tuple[Any, ...]) -> list[str]:
    match step:
        case "put", key, day, n:
            return [f"DELETE FROM orders WHERE id = 'WO-{key}'", order(key, f"2026-03-{day:02} 10:00", f"note {n}")]
        case "unmark", key, n:
            return [f"UPDATE orders SET changed = NULL, note = 'note {n}' WHERE id = 'WO-{key}'"]
        case "edit", key, n:
            return [f"UPDATE orders SET note = 'edit {n}' WHERE id = 'WO-{key}'"]
        case "delete", key:
            return [f"DELETE FROM orders WHERE id = 'WO-{key}'"]
        case "bulk", upto, day:
            there = "DELETE FROM orders WHERE CAST(id[4:] AS INTEGER) >= 12"
            every = f"SELECT 'WO-' || i, 'P-1', TIMESTAMP '2026-03-04', TIMESTAMP '2026-03-{day:02}', 'bulk' FROM range(12, {upto}) t(i)"
            return [there, f"INSERT INTO orders {every}"]
    return []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, max_size=10))
@example(
    steps=[
        ("put", 1, 1, 1),
        ("pull",),
        ("bulk", 35, 1),
        ("cut", 1, "before"),
        ("edit", 1, 2),
        ("bulk", 140, 1),
        ("pull",),
    ]
)
@example(steps=[("bulk", 140, 1), ("put", 1, 2, 1), ("pull",), ("put", 1, 3, 2), ("cut", 0, "after"), ("bulk", 12, 1)])
def test_any_course_of_changes_and_cuts_ends_as_the_table_is(
    tmp_path_factory: pytest.TempPathFactory, store_at: Callable[[Path], Path], steps: list[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("course")
    catalog = Catalog(store_at(folder / "catalog.db"))
    plant = Plant(folder, catalog)
    plant.sql(EMPTY)
    small = pytest.MonkeyPatch()
    # buckets are cut, and transactions end, after a handful of rows
    small.setattr(blocks, "SLICE", 4)
    small.setattr(pull, "_TOGETHER", 6)
    try:
        for step in steps:
            taken(plant, step)
        plant.pull()
        assert plant.held() == plant.table()
        assert plant.pull().differed == 0
    finally:
        small.undo()
        catalog.close()
        shutil.rmtree(folder)


def taken(plant: Plant, step: tuple[Any, ...]) -> None:
    if step[0] == "pull":
        plant.pull()
        assert plant.held() == plant.table()
    elif step[0] == "cut":
        _, at, where = step
        try:
            if where == "reading":
                plant.pull(cut=at)
            else:
                plant.pull(catalog=Cutting(plant.catalog, "commit_all", at, after=where == "after"))
        except Cut:
            pass
    else:
        plant.sql(*statements(step))
