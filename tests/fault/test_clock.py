"""Clocks jump: the machine's by an hour, a zone's twice a year, a camera's whenever its network is back, and 2038 comes.

Nothing is lost, what was known when stays in order, and a window finds what happened in it by the clock that was stated.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.jobs.job import Cause, State
from app.jobs.store import LEASE_US, JobStore
from ingest.ports import SourcePolicy
from ingest.timestamps import Clock
from retrieval.adapters.faiss_vectors import FaissVectors
from retrieval.adapters.tantivy_words import TantivyWords
from retrieval.catalog import Catalog
from retrieval.catalog.database import Database
from retrieval.errors import LeaseLost
from retrieval.fakes import HashTextEncoder
from retrieval.ports import Unit
from retrieval.projector import Projector
from retrieval.times import to_micros
from retrieval.types import Embedding, Evidence, Filter, FrameAt, Interval, Kind, Principal, Provenance

ME = Principal("t")
HOUR = 3_600_000_000
NOON = to_micros(datetime(2026, 10, 25, 12, tzinfo=UTC))
TEXT = HashTextEncoder(16)


class Jumping:
    """A machine's clock that somebody sets."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        self.now += 1
        return self.now


class Plant:
    """A store with its vectors and words, under one clock."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.clock = Jumping()
        self.catalog = Catalog(store, self.clock)
        self.vectors, self.words = FaissVectors(gpu=False), TantivyWords(folder / "words")
        self.projector = Projector(self.catalog, (self.vectors, self.words), self.clock)

    def take(self, source: str, text: str, valid: Interval | None = None) -> int:
        """A source's next reading; the time it is recorded at."""
        piece = Evidence(
            id=f"ev_{source}_{text}",
            tenant="t",
            source=source,
            kind=Kind.FRAME,
            locator=FrameAt(0),
            text=f"seen {text}",
            provenance=Provenance("test"),
            valid=valid,
        )
        vector = Embedding(piece.id, TEXT.space, TEXT.encode([piece.text])[0])
        self.catalog.commit(Unit("t", source, text, "test", [piece], [vector]))
        self.projector.catch_up()
        return self.catalog.get([piece.id], ME)[piece.id].recorded_at

    def known(self, **filter_: Any) -> list[set[str]]:
        """What the catalog, the words and the vectors find under a filter."""
        given_ = Filter(**filter_)
        rows = [
            self.words.search("seen", 100, given_, ME).rows,
            self.vectors.search(TEXT.space, TEXT.encode(["seen"])[0], 100, given_, ME).rows,
            self.vectors.by_time(100, given_, ME).rows,
        ]
        found = [set(self.catalog.shown(some.tolist(), ME, given_.as_of).values()) for some in rows]
        return [{piece.id for piece in self.catalog.scan(given_, ME)}, *found]

    def close(self) -> None:
        for part in (self.vectors, self.words, self.catalog):
            part.close()


@pytest.fixture
def plants(tmp_path: Path, store_at: Callable[[Path], Path]) -> Iterator[Callable[[], Plant]]:
    made: list[Plant] = []

    def build() -> Plant:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(Plant(folder, store_at(folder / "catalog.db")))
        return made[-1]

    yield build
    for plant in made:
        plant.close()


JUMPS = st.lists(st.sampled_from([0, 1, -HOUR, HOUR, -HOUR // 2, 12 * HOUR, -12 * HOUR]), min_size=2, max_size=6)


def test_what_was_known_when_stays_in_order_however_the_clock_jumps(plants: Callable[[], Plant], full: bool) -> None:
    @settings(max_examples=60 if full else 8, deadline=None, print_blob=True)
    @given(jumps=JUMPS)
    def check(jumps: list[int]) -> None:
        plant = plants()
        times, held = list[int](), list[set[str]]()
        for number, jump in enumerate(jumps):
            plant.clock.now += jump
            # two cameras in turn, each reading superseding the one before
            source = f"CAM-{number % 2}"
            times.append(plant.take(source, str(number)))
            before = {id_ for id_ in (held[-1] if held else set()) if not id_.startswith(f"ev_{source}_")}
            held.append(before | {f"ev_{source}_{number}"})
        assert all(earlier < later for earlier, later in pairwise(times))
        for at, expected in zip(times, held, strict=True):
            assert plant.known(as_of=at) == [expected] * 4
        assert plant.known() == [held[-1]] * 4 and plant.known(as_of=times[0] - 1) == [set()] * 4

    check()


def test_windows_go_by_the_clock_that_was_stated(plants: Callable[[], Plant]) -> None:
    """A camera that was cut off delivers late, another's clock is an hour ahead, and a plan says what comes after 2038."""
    plant, stated = plants(), {}
    for name, at in {
        "late": NOON - 90 * 24 * HOUR,
        "ahead": NOON + HOUR,
        "before 1970": to_micros(datetime(1969, 12, 31, 23, tzinfo=UTC)),
        "the last second of 32 bits": to_micros(datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC)),
        "the one after": to_micros(datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC)),
        "far": to_micros(datetime(2199, 1, 1, tzinfo=UTC)),
    }.items():
        plant.take(name, "x", Interval(at, at + 1_000_000))
        stated[f"ev_{name}_x"] = at
    plant.take("undated", "x")
    for id_, at in stated.items():
        assert plant.known(window=Interval(at, at + 1)) == [{id_}] * 4
    assert plant.known() == [{*stated, "ev_undated_x"}] * 4
    assert [piece.id for piece in plant.catalog.scan(Filter(), ME)][:-1] == sorted(stated, key=lambda id_: stated[id_])


@pytest.mark.parametrize(
    ("cell", "utc", "said"),
    [
        ("2026-10-25 01:59", "2026-10-24T23:59:00+00:00", False),
        # repeated: read as the first of the two
        ("2026-10-25 02:30", "2026-10-25T00:30:00+00:00", True),
        ("2026-10-25 03:00", "2026-10-25T02:00:00+00:00", False),
        ("2026-10-25 02:30+01:00", "2026-10-25T01:30:00+00:00", False),
        # skipped: read by the offset before the change
        ("2027-03-28 02:30", "2027-03-28T01:30:00+00:00", True),
        ("2038-07-01 12:00", "2038-07-01T10:00:00+00:00", False),
    ],
)
def test_a_zones_own_jumps_are_read_one_way_and_said(cell: str, utc: str, said: bool) -> None:
    clock = Clock(SourcePolicy(timezone="Europe/Madrid"))
    assert clock.read(cell).t0 == to_micros(datetime.fromisoformat(utc))
    assert any("clock change" in note for note in clock.notes()) == said


def test_a_day_of_25_hours_has_25_hours(plants: Callable[[], Plant]) -> None:
    """Evidence of each of its hours is in the day, and in no other."""
    plant, day = plants(), Clock(SourcePolicy(timezone="Europe/Madrid")).read("2026-10-25")
    assert day.seconds == 25 * 3600
    assert day.t0 == to_micros(datetime(2026, 10, 25, tzinfo=ZoneInfo("Europe/Madrid")))
    ids = set()
    for hour in range(-1, 26):
        plant.take(f"h{hour}", "x", Interval(day.t0 + hour * HOUR, day.t0 + hour * HOUR))
        ids.add(f"ev_h{hour}_x")
    assert plant.known(window=day) == [ids - {"ev_h-1_x", "ev_h25_x"}] * 4


def test_a_worker_whose_clock_jumps_loses_its_job_to_one_other_only(
    tmp_path: Path, store_at: Callable[[Path], Path]
) -> None:
    """An hour forward ends leases early: whoever held one is fenced off, and the job is ended once."""
    clock, path = Jumping(), store_at(tmp_path / "catalog.db")
    store = JobStore(Database(path), clock)
    store.add([Path("/site")], ME)
    first = store.take("t", "first")
    assert first is not None and store.take("t", "second") is None
    clock.now += HOUR
    second = store.take("t", "second")
    assert second is not None and (second.job, second.attempt) == (first.job, 2)
    for refused in (lambda: store.beat(first), lambda: store.end(first, State.DONE, Cause("", ""))):
        with pytest.raises(LeaseLost):
            refused()
    clock.now -= HOUR
    store.beat(second)
    store.end(second, State.DONE, Cause("", ""))
    assert [job.state for job in store.listed("t", 9)] == [State.DONE]
    store.close()


def test_a_clock_that_goes_back_holds_a_dead_workers_job_no_longer_than_that(
    tmp_path: Path, store_at: Callable[[Path], Path]
) -> None:
    clock, path = Jumping(), store_at(tmp_path / "catalog.db")
    store = JobStore(Database(path), clock)
    store.add([Path("/site")], ME)
    assert store.take("t", "dies") is not None
    clock.now -= HOUR
    assert store.take("t", "next") is None
    clock.now += HOUR + LEASE_US
    assert store.take("t", "next") is not None
    store.close()


def test_commits_of_threads_stay_in_order_while_the_clock_is_set(plants: Callable[[], Plant]) -> None:
    plant, over = plants(), threading.Event()

    def set_it() -> None:
        step = 0
        while not over.wait(0.001):
            plant.clock.now += (-HOUR, HOUR, 3 * HOUR)[step % 3]
            step += 1

    setter = threading.Thread(target=set_it)
    setter.start()
    try:
        for number in range(30):
            plant.catalog.commit(Unit("t", f"s{number}", "h", "test"))
    finally:
        over.set()
        setter.join(10)
    times = [plant.catalog.census.recorded_at(entry.sequence) for entry in plant.catalog.log(0)]
    assert len(times) == 30 and all(a is not None and b is not None and a < b for a, b in pairwise(times))
