"""What only a database that several processes share can get wrong: here PostgreSQL, through engines of their own as processes have them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, make_url

from retrieval.catalog import Catalog
from retrieval.catalog.database import Database
from retrieval.errors import StoreBusy, StoreError
from retrieval.ports import Unit
from retrieval.types import CharSpan, Evidence, Filter, Kind, Principal, Provenance

ANN = Principal("t", "ann")


@pytest.fixture
def catalogs(postgres_store: Callable[[], str]) -> Iterator[Callable[[], Catalog]]:
    """Each call opens the same store once more."""
    url, opened = postgres_store(), list[Catalog]()

    def build() -> Catalog:
        opened.append(Catalog(url))
        return opened[-1]

    yield build
    for catalog in opened:
        catalog.close()


def unit(name: str) -> Unit:
    piece = Evidence(
        id=f"ev_{name}",
        tenant="t",
        source=name,
        kind=Kind.PASSAGE,
        locator=CharSpan(0, 5),
        text=f"text of {name}",
        provenance=Provenance("test"),
    )
    return Unit("t", name, "h", "test", [piece])


def test_several_processes_may_make_the_tables_at_once(postgres: Callable[[], str]) -> None:
    url = postgres()
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: Catalog(url), range(4)))
    assert [catalog.sequence() for catalog in opened] == [0] * 4
    for catalog in opened:
        catalog.close()


def test_who_tails_the_log_skips_nothing_that_several_write(catalogs: Callable[[], Catalog]) -> None:
    """Sequences are drawn under the lock that is held until the commit: whatever is seen, everything before it is there."""
    writers, reader, seen, over = [catalogs() for _ in range(3)], catalogs(), list[int](), threading.Event()

    def tail() -> None:
        while not over.is_set() or len(seen) < reader.sequence():
            seen.extend(entry.sequence for entry in reader.log(seen[-1] if seen else 0))

    follower = threading.Thread(target=tail)
    follower.start()
    with ThreadPoolExecutor(3) as pool:
        for _ in pool.map(lambda n: [writers[n].commit(unit(f"{n}-{m}")) for m in range(20)], range(3)):
            pass
    over.set()
    follower.join(30)
    assert seen == list(range(1, 61)) and len(reader.scan(Filter(), ANN)) == 60


def test_what_is_read_together_is_of_one_moment(postgres_store: Callable[[], str]) -> None:
    url = postgres_store()
    catalog, beside = Catalog(url), Database(url)
    with beside.read() as connection:
        before = connection.exec_driver_sql("SELECT count(*) FROM evidence").scalar()
        catalog.commit(unit("a"))
        assert connection.exec_driver_sql("SELECT count(*) FROM evidence").scalar() == before == 0
    assert beside.glance("SELECT count(*) FROM evidence") == 1
    beside.close()
    catalog.close()


def test_a_write_that_waits_too_long_for_another_is_busy(postgres_store: Callable[[], str]) -> None:
    url = postgres_store()
    patient, hasty = Catalog(url), Catalog(url, busy_ms=100)
    with patient._writing(), pytest.raises(StoreBusy):
        hasty.commit(unit("a"))
    assert hasty.commit(unit("a")).sequence == 1
    for catalog in (patient, hasty):
        catalog.close()


def test_connections_that_were_cut_are_made_anew(postgres_store: Callable[[], str]) -> None:
    url = postgres_store()
    catalog, beside = Catalog(url), create_engine(url, isolation_level="AUTOCOMMIT")
    catalog.commit(unit("a"))
    with beside.connect() as connection:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        connection.exec_driver_sql(cut)
    assert catalog.sequence() == 1 and catalog.commit(unit("b")).sequence == 2
    beside.dispose()
    catalog.close()


@pytest.mark.parametrize("change", [{"port": 1}, {"database": "not_there"}])
def test_a_database_that_cannot_be_reached_is_told_without_its_password(
    postgres_store: Callable[[], str], change: dict[str, object]
) -> None:
    url = make_url(postgres_store()).set(password="sk-secret", **change)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="cannot be used") as caught:
        Catalog(url.render_as_string(hide_password=False))
    assert "sk-secret" not in str(caught.value)
