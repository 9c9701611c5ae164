"""Opening, upgrading and refusing a store, and how it is kept on disk."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

import retrieval.catalog
from retrieval.catalog import Catalog, system_clock
from retrieval.catalog.migrate import HEAD, VERSION_TABLE
from retrieval.catalog.tables import metadata
from retrieval.errors import StoreBusy, StoreError, StoreTooNew
from retrieval.ports import Unit
from retrieval.types import (
    CharSpan,
    Coverage,
    Evidence,
    Kind,
    Layer,
    Mention,
    Principal,
    Provenance,
    Relation,
)

MIGRATIONS = Path(retrieval.catalog.__file__).parent / "migrations"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "deep" / "catalog.db"
    Catalog(path).close()
    return path


@contextmanager
def downgraded(path: Path, revision: str) -> Iterator[Connection]:
    """The store as an earlier version had it."""
    with create_engine(f"sqlite:///{path}").begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.downgrade(config, revision)
        yield connection


def test_migrations_make_the_tables_the_code_knows(made: Path) -> None:
    with create_engine(f"sqlite:///{made}").connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_the_tables_are_postgresql_too() -> None:
    statements = [str(CreateTable(table).compile(dialect=postgresql.dialect())) for table in metadata.sorted_tables]
    assert "row BIGSERIAL NOT NULL" in next(text for text in statements if "CREATE TABLE evidence" in text)
    for table in metadata.sorted_tables:
        for index in table.indexes:
            name = str(index.name)
            assert len(name) <= 63
            assert name in str(CreateIndex(index).compile(dialect=postgresql.dialect()))


def test_a_commit_is_on_disk_when_acknowledged(made: Path) -> None:
    catalog = Catalog(made)
    with catalog._db.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    catalog.close()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_only_the_owner_may_read_the_keys(made: Path) -> None:
    assert stat.S_IMODE(made.stat().st_mode) == 0o600


def test_a_store_of_a_newer_watchfloor_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    Catalog(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    before = path.read_bytes()
    with pytest.raises(StoreTooNew):
        Catalog(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database at all " * 300, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_file_is_said_plainly(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "catalog.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"catalog\.db"):
        Catalog(path)
    assert path.read_bytes() == content


def test_a_foreign_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE theirs (a)")
    with pytest.raises(StoreError, match="not Watchfloor's"):
        Catalog(path)
    with sqlite3.connect(path) as raw:
        assert [name for (name,) in raw.execute("SELECT name FROM sqlite_master")] == ["theirs"]


@pytest.mark.parametrize("where", ["/proc/nowhere/catalog.db", "file/below/catalog.db", "."])
def test_a_place_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    with pytest.raises(StoreError, match="cannot"):
        Catalog(where)


def test_a_malformed_url_does_not_leak_its_password() -> None:
    with pytest.raises(StoreError) as caught:
        Catalog("postgresql://user:secret@host:port/db")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["nosuchbase://host/db", "oracle://host/db"])
def test_a_database_without_a_driver_is_said(url: str) -> None:
    with pytest.raises(StoreError, match="driver"):
        Catalog(url)


def test_damaged_pages_are_found(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    catalog = Catalog(path)
    for number in range(50):
        catalog.set_meta("t", f"key {number}", "value " * 100)
    assert catalog.sound()
    catalog.close()
    data = bytearray(path.read_bytes())
    data[len(data) - 8000 : len(data) - 100] = b"\xff" * 7900
    path.write_bytes(data)
    reopened = Catalog(path)
    assert not reopened.sound()
    reopened.close()


def test_a_store_another_process_writes_is_busy(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    catalog = Catalog(path, busy_ms=50)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        catalog.set_meta("t", "a", "1")
    assert catalog.meta("t", "a") is None
    other.execute("ROLLBACK")
    other.close()
    catalog.set_meta("t", "a", "1")
    assert catalog.meta("t", "a") == "1"
    catalog.close()


def test_in_memory_it_is_the_same_store_in_every_call() -> None:
    catalog = Catalog(":memory:")
    catalog.set_meta("t", "a", "1")
    assert catalog.meta("t", "a") == "1"
    assert catalog.sources(Principal("t")) == []
    catalog.close()


def test_the_system_clock_counts_microseconds() -> None:
    assert 1.7e15 < system_clock() < 5e15


def test_rejections_of_an_older_store_are_kept_and_counted_on(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    Catalog(path).close()
    with downgraded(path, "0002") as connection:
        connection.execute(
            text("INSERT INTO rejections VALUES ('t', 'file:///bad.pdf', 'encrypted', 'needs a password', 5)")
        )
    catalog = Catalog(path)
    try:
        (kept,) = catalog.rejections(Principal("t"))
        assert (kept.code, kept.recorded_at, kept.tried, kept.tries) == ("encrypted", 5, "", 1)
        for tries in (1, 2):
            catalog.record_rejection("t", "file:///bad.pdf", "encrypted", "needs a password", "a digest")
            assert catalog.rejections(Principal("t"))[0].tries == tries
    finally:
        catalog.close()


def test_a_window_is_told_from_others_by_the_index_alone(made: Path) -> None:
    columns = "SELECT name FROM pragma_index_info('ix_evidence_valid') ORDER BY seqno"
    with create_engine(f"sqlite:///{made}").connect() as connection:
        assert [name for (name,) in connection.execute(text(columns))] == ["tenant", "valid_t0", "valid_t1", "kind"]


def test_what_hangs_on_a_piece_lies_in_the_order_of_its_key(made: Path) -> None:
    """As the tables say, which the statements of migrations repeat."""
    wanted = {table.name for table in metadata.tables.values() if not table.dialect_options["sqlite"]["with_rowid"]}
    with create_engine(f"sqlite:///{made}").connect() as connection:
        found = connection.execute(text("SELECT name FROM pragma_table_list WHERE wr AND schema = 'main'"))
        assert {name for (name,) in found} == wanted == {"labels", "mentions", "withheld"}


def test_an_older_store_keeps_labels_and_mentions_and_gives_no_number_twice(tmp_path: Path) -> None:
    path, asker = tmp_path / "catalog.db", Principal("t", labels=("hr",))
    hung = tuple(Mention(entity, Relation.MENTIONS) for entity in ("P-2", "P-1"))
    told = Evidence(
        id="ev_1",
        tenant="t",
        source="s",
        kind=Kind.ALERT,
        locator=CharSpan(0, 4),
        text="seal",
        provenance=Provenance("test"),
        labels=("security", "hr"),
        entities=hung,
    )
    covered = Coverage(source="s", subject="P-1", tenant="t", layer=Layer.EXAMINED)
    catalog = Catalog(path)
    catalog.commit(Unit("t", "s", "1", "test", [told], coverage=[covered]))
    before = catalog.get([told.id], asker)
    catalog.close()
    assert before[told.id].labels == ("hr", "security")
    with downgraded(path, "0009") as connection:
        connection.execute(text("DELETE FROM coverage"))
    catalog = Catalog(path)
    assert catalog.get([told.id], asker) == before
    catalog.commit(Unit("t", "s", "2", "test", [told], coverage=[covered]))
    catalog.close()
    with create_engine(f"sqlite:///{path}").connect() as connection:
        assert connection.execute(text('SELECT "row" FROM coverage')).scalars().all() == [2]


@pytest.mark.parametrize("had_it", [False, True])
def test_what_an_earlier_version_wrote_down_of_labels_goes_on_judging(tmp_path: Path, had_it: bool) -> None:
    """One list of labels a record then, several now."""
    path = tmp_path / "catalog.db"
    catalog = Catalog(path, count(1_000, 10).__next__)
    covered = Coverage(source="s", subject="P-1", tenant="t", layer=Layer.EXAMINED)
    for content, told in (("1", [covered]), ("2", [])):
        catalog.commit(Unit("t", "s", content, "test", coverage=told))
    catalog.close()
    with downgraded(path, "0010") as connection:
        connection.execute(text("""UPDATE coverage SET under = '["hr"]'"""))
        if had_it:
            # of a version in between
            connection.execute(text("ALTER TABLE withheld ADD COLUMN same BOOLEAN NOT NULL DEFAULT 0"))
            connection.execute(text("""UPDATE coverage SET under = '[["hr"]]'"""))
    catalog = Catalog(path)
    shown = [catalog.coverage(Principal("t", labels=held), [], as_of=1_005) for held in ((), ("hr",))]
    catalog.close()
    assert [len(each) for each in shown] == [0, 1]


def test_lists_of_every_length_are_read_by_one_text(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection keeps the program of each text it has met, and as many values as that has places."""
    catalog, texts = Catalog(made), list[str]()
    runs = catalog._db._at_once

    def noted(text: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        texts.append(text)
        return runs(text, values)

    monkeypatch.setattr(catalog._db, "_at_once", noted)
    try:
        for length in (1, 2, 30, 400):
            ids = [f"ev_{number}" for number in range(length)]
            assert (catalog.projected(ids), list(catalog.embeddings(ids))) == ([], [])
    finally:
        catalog.close()
    assert len(texts) > len(set(texts)) == 2
