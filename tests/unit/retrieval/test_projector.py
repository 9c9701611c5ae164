"""The projector over a real catalog and a projection in memory."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from retrieval.catalog import Catalog
from retrieval.errors import GraphUnavailable, ProjectionError, StoreError
from retrieval.ports import LogEntry, LogReader, Unit
from retrieval.projector import Projector
from retrieval.reconciling import Report
from retrieval.types import CharSpan, Evidence, Kind, Provenance


class Rows:
    """Remembers the rows of the evidence it was told of, by id."""

    def __init__(self, name: str = "rows") -> None:
        self.name = name
        self.held: dict[str, set[int]] = {}
        self.batches: list[int] = []
        self.error: Exception | None = None
        self._applied = 0

    def applied(self) -> int:
        return self._applied

    def apply(self, entries: Sequence[LogEntry], log: LogReader) -> None:
        if self.error is not None:
            raise self.error
        ids = [id_ for entry in entries for id_ in (*entry.evidence, *entry.closed)]
        self.held.update({id_: set() for id_ in ids})
        for row, evidence in log.projected(ids):
            self.held[evidence.id].add(row)
        self.batches.append(len(entries))
        self._applied = entries[-1].sequence

    def rows(self) -> set[int]:
        return {row for rows in self.held.values() for row in rows}

    def reset(self) -> None:
        self.held, self._applied = {}, 0

    def close(self) -> None: ...


class Uncounted:
    """A projection that cannot say what it holds."""

    name = "uncounted"

    def __init__(self) -> None:
        self._applied = 0

    def applied(self) -> int:
        return self._applied

    def apply(self, entries: Sequence[LogEntry], log: LogReader) -> None:
        self._applied = entries[-1].sequence

    def reset(self) -> None:
        self._applied = 0

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, store_at: Callable[[Path], Path]) -> Path:
    path = store_at(tmp_path_factory.mktemp("filled") / "catalog.db")
    opened = Catalog(path)
    for number in range(7):
        add(opened, f"s{number}")
    opened.close()
    return path


@pytest.fixture
def catalog(filled: Path, tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(shutil.copy(filled, tmp_path))
    yield opened
    opened.close()


def add(catalog: Catalog, source: str, closes: bool = True, content: str = "h") -> None:
    evidence = Evidence(
        id=f"ev_{source}_{content}",
        tenant="t",
        source=source,
        kind=Kind.PASSAGE,
        locator=CharSpan(0, 1),
        text="x",
        provenance=Provenance("test"),
    )
    catalog.commit(Unit("t", source, content, "test", [evidence], closes=closes))


def projector(catalog: Catalog, *projections: Rows | Uncounted, batch: int = 3) -> Projector:
    return Projector(catalog, projections, clock=lambda: 1234, batch=batch)


def test_catches_up_in_batches_and_tells_how_far(catalog: Catalog) -> None:
    rows, told = Rows(), []
    parts = projector(catalog, rows)
    assert parts.lag() == {"rows": 7}
    assert parts.catch_up(lambda *seen: told.append(seen)) == {}
    assert rows.batches == [3, 3, 1]
    assert told == [("rows", 3, 7), ("rows", 6, 7), ("rows", 7, 7)]
    assert rows.rows() == catalog.row_numbers()
    assert parts.lag() == {"rows": 0}


def test_nothing_new_applies_nothing(catalog: Catalog) -> None:
    rows = Rows()
    parts = projector(catalog, rows)
    parts.catch_up()
    parts.catch_up()
    assert rows.batches == [3, 3, 1]


def test_only_the_new_is_applied(catalog: Catalog) -> None:
    rows = Rows()
    parts = projector(catalog, rows)
    parts.catch_up()
    add(catalog, "s0", content="changed")
    parts.catch_up()
    assert rows.batches[-1] == 1
    assert rows.rows() == catalog.row_numbers()


def test_an_abandoned_revision_leaves_the_projection(catalog: Catalog) -> None:
    rows = Rows()
    parts = projector(catalog, rows)
    add(catalog, "long", closes=False)
    parts.catch_up()
    assert len(rows.rows()) == 8
    catalog.abandon("t", "long")
    parts.catch_up()
    assert rows.rows() == catalog.row_numbers()
    assert len(rows.rows()) == 7


@pytest.mark.parametrize("error", [ProjectionError("bad page"), GraphUnavailable("no answer")])
def test_a_broken_projection_does_not_stop_the_others(catalog: Catalog, error: Exception) -> None:
    broken, sound = Rows("broken"), Rows("sound")
    broken.error = error
    parts = projector(catalog, broken, sound)
    failures = parts.catch_up()
    assert failures["broken"].reason == str(error)
    assert failures["broken"].since == 1234
    assert sound.applied() == 7
    assert parts.lag() == {"broken": 7, "sound": 0}
    broken.error = None
    assert parts.catch_up() == {}
    assert parts.failures == {}
    assert broken.rows() == catalog.row_numbers()


@pytest.mark.parametrize("error", [StoreError("log gone"), KeyError("bug")])
def test_other_errors_are_raised(catalog: Catalog, error: Exception) -> None:
    rows = Rows()
    rows.error = error
    with pytest.raises(type(error)):
        projector(catalog, rows).catch_up()


def test_a_projection_that_stands_still_is_broken_not_endless(catalog: Catalog) -> None:
    class Still(Rows):
        def apply(self, entries: Sequence[LogEntry], log: LogReader) -> None: ...

    assert "advance" in projector(catalog, Still("still")).catch_up()["still"].reason


def test_reindex_rebuilds_from_nothing(catalog: Catalog) -> None:
    rows = Rows()
    parts = projector(catalog, rows, Uncounted())
    parts.catch_up()
    rows.held = {"ghost": {99}}
    assert parts.reindex() == {"rows": 7, "uncounted": 7}
    assert rows.rows() == catalog.row_numbers()


def test_a_projection_ahead_of_the_log_is_rebuilt(catalog: Catalog) -> None:
    rows = Rows()
    rows._applied = 50
    rows.held = {"ghost": {99}}
    assert projector(catalog, rows).catch_up() == {}
    assert rows.rows() == catalog.row_numbers()


def test_reconcile_finds_and_repairs_what_differs(catalog: Catalog) -> None:
    rows = Rows()
    parts = projector(catalog, rows, Uncounted())
    assert parts.reconcile() == {"rows": Report(7, 0, 0, 0, 0)}
    lost = rows.held.pop("ev_s3_h")
    rows.held["ghost"] = {98, 99}
    assert parts.reconcile() == {"rows": Report(7, 1, 2, 0, 3)}
    assert lost <= rows.rows()
    assert parts.reconcile() == {"rows": Report(7, 0, 0, 0, 0)}


def test_reconcile_does_not_call_repaired_what_is_not(catalog: Catalog) -> None:
    class Forgetful(Rows):
        def rows(self) -> set[int]:
            return super().rows() - {1}

    assert projector(catalog, Forgetful()).reconcile() == {"rows": Report(7, 1, 0, 0, 0)}


def test_one_that_fails_is_left_to_who_keeps_it(catalog: Catalog) -> None:
    broken, sound = Rows("broken"), Rows("sound")
    broken.error = GraphUnavailable("no answer")
    parts = projector(catalog, broken, sound)
    assert parts.catch_up(kept=True)["broken"].kind == "failed"
    broken.error = None
    assert parts.catch_up(kept=True)["broken"].reason == "no answer", "whoever searches tries no more"
    assert broken.applied() == 0 and sound.applied() == 7
    assert parts.catch_up() == {}
    assert broken.applied() == 7


def test_with_patience_it_goes_on_where_it_stopped(catalog: Catalog) -> None:
    rows, reached = Rows(), list[int]()
    parts = projector(catalog, rows, batch=2)
    while failures := parts.catch_up(patience_s=0.0):
        assert failures["rows"].kind == "behind" and f"{rows.applied()} of 7" in failures["rows"].reason
        reached.append(rows.applied())
    assert reached == [2, 4, 6] and rows.applied() == 7


class Asked:
    """A log that says when its end was asked for by another thread than the one that made it."""

    def __init__(self, log: Catalog) -> None:
        self._log, self._mine = log, threading.get_ident()
        self.by_another = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def sequence(self) -> int:
        found = self._log.sequence()
        if threading.get_ident() != self._mine:
            self.by_another.set()
        return found


def test_who_waited_for_a_turn_leaves_to_others_what_came_meanwhile(catalog: Catalog) -> None:
    rows, log = Rows(), Asked(catalog)
    projector = Projector(log, [rows], catalog.sequence)
    known = catalog.sequence()
    with projector.holding("rows"):
        waiting = threading.Thread(target=projector.catch_up)
        waiting.start()
        assert log.by_another.wait(10)
        projector.catch_up()
        add(catalog, "late")
    waiting.join(10)
    assert not waiting.is_alive()
    assert rows.applied() == known < catalog.sequence()
    assert projector.catch_up() == {}
    assert rows.applied() == catalog.sequence()
