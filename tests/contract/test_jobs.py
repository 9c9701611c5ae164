"""The jobs of a catalog, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.jobs.job import Cause, Claim, State
from app.jobs.store import FEW, LEASE_US, MOST_FUTILE, MOST_KEPT, JobStore
from app.ports import SourceReport
from retrieval.catalog import Catalog
from retrieval.catalog.database import Database
from retrieval.catalog.tables import job_sources, jobs, metadata
from retrieval.errors import JobConflict, JobNotFound, LeaseLost
from retrieval.types import Principal

ANN, BOB = Principal("acme", "ann"), Principal("other", "bob")
PATHS = [Path("/site/a"), Path("/site/ü b")]
NO_CAUSE = Cause("", "")


class Shelf(JobStore):
    """A store with a clock that tests set."""

    now = 1_000_000

    def __init__(self, database: Database) -> None:
        super().__init__(database, lambda: self.now)

    def lapse(self) -> None:
        self.now += LEASE_US


@pytest.fixture(params=["sqlite", "postgres"])
def shelf(request: pytest.FixtureRequest, store_at: Callable[[Path], Path], tmp_path: Path) -> Iterator[Shelf]:
    if request.param == "sqlite":
        where = str(store_at(tmp_path / "catalog.db"))
    else:
        where = request.getfixturevalue("postgres")()
        Catalog(where).close()
    made = Shelf(Database(where))
    yield made
    made.close()


def report(name: str, status: str = "ingested", code: str | None = None) -> SourceReport:
    return SourceReport(source=f"file:///site/{name}", status=status, evidence=1, sequence=3, code=code, reason=code)


def taken(shelf: Shelf, worker: str = "w") -> Claim:
    claim = shelf.take("acme", worker)
    assert claim is not None
    return claim


def test_jobs_are_worked_in_the_order_they_came(shelf: Shelf) -> None:
    ids = []
    for _ in range(3):
        shelf.now += 1
        ids.append(shelf.add(PATHS, ANN).id)
    claims = [taken(shelf, f"w{n}") for n in range(3)]
    assert [claim.job for claim in claims] == ids and shelf.take("acme", "w") is None
    assert claims[0].paths == tuple(PATHS) and claims[0].principal == ANN and claims[0].attempt == 1
    shelf.end(claims[1], State.DONE, NO_CAUSE)
    assert [job.state for job in shelf.listed("acme", 9)] == [State.RUNNING, State.DONE, State.RUNNING]
    assert [job.id for job in shelf.listed("acme", 2)] == [ids[2], ids[0]], "what is worked on before what has ended"
    assert shelf.standing("acme") == {State.RUNNING: 2, State.DONE: 1}


def test_a_silent_workers_job_is_taken_up_and_it_can_write_nothing_any_more(shelf: Shelf) -> None:
    job = shelf.add(PATHS, ANN).id
    first = taken(shelf, "first")
    shelf.now += LEASE_US - 1
    assert shelf.take("acme", "second") is None and not shelf.waiting("acme")
    assert shelf.standing("acme") == {State.RUNNING: 1}
    shelf.now += 1
    assert shelf.standing("acme") == {State.QUEUED: 1}
    second = taken(shelf, "second")
    assert (second.job, second.attempt) == (job, 2)
    for late in (
        lambda: shelf.beat(first),
        lambda: shelf.told(first, (1, 2, ""), [report("a")]),
        lambda: shelf.end(first, State.DONE, NO_CAUSE),
        lambda: shelf.release(first),
    ):
        with pytest.raises(LeaseLost):
            late()
    held = shelf.one("acme", job)
    assert (held.state, held.attempts, held.done, held.sources) == (State.RUNNING, 2, 0, ())


def test_whoever_has_the_turn_does_not_wait_for_the_dead(shelf: Shelf) -> None:
    job = shelf.add(PATHS, ANN).id
    first = taken(shelf)
    assert not shelf.waiting("acme")
    shelf._alone = True
    assert shelf.waiting("acme")
    second = taken(shelf, "second")
    assert (second.job, second.attempt) == (job, 2)
    with pytest.raises(LeaseLost):
        shelf.beat(first)


def test_the_same_worker_does_not_hold_what_it_took_before(shelf: Shelf) -> None:
    shelf.add(PATHS, ANN)
    first = taken(shelf)
    shelf.lapse()
    taken(shelf)
    with pytest.raises(LeaseLost):
        shelf.beat(first)


def test_a_beat_keeps_the_claim(shelf: Shelf) -> None:
    shelf.add(PATHS, ANN)
    claim = taken(shelf)
    for _ in range(5):
        shelf.now += LEASE_US // 2
        assert shelf.beat(claim) == (False, shelf.now + LEASE_US)
        assert shelf.take("acme", "another") is None


def test_what_ends_every_worker_is_given_up_with_its_cause(shelf: Shelf) -> None:
    job = shelf.add(PATHS, ANN).id
    for _ in range(MOST_FUTILE):
        shelf.told(taken(shelf), (0, 9, "file:///site/bad.mp4"), [])
        shelf.lapse()
    assert shelf.take("acme", "w") is None
    found = shelf.one("acme", job)
    assert (found.state, found.code, found.attempts) == (State.FAILED, "given_up", MOST_FUTILE)
    assert "bad.mp4" in found.reason and f"{MOST_FUTILE} times" in found.reason and found.ended_at == shelf.now
    assert shelf.resume("acme", job).state is State.QUEUED and taken(shelf).attempt == MOST_FUTILE + 1


def test_a_job_that_gets_on_is_never_given_up(shelf: Shelf) -> None:
    shelf.add(PATHS, ANN)
    for n in range(3 * MOST_FUTILE):
        claim = taken(shelf)
        again = [report(str(k), "unchanged") for k in range(n)]
        shelf.told(claim, (n + 1, 99, ""), [*again, report(str(n))])
        shelf.lapse()
    shelf.told(taken(shelf), (1, 99, ""), [report("0", "unchanged")])
    (job,) = shelf.listed("acme", 1)
    assert job.counts == {"ingested": 3 * MOST_FUTILE}


def test_what_is_known_already_is_no_progress(shelf: Shelf) -> None:
    shelf.add(PATHS, ANN)
    for _ in range(MOST_FUTILE):
        shelf.told(taken(shelf), (2, 9, "x"), [report("a", "unchanged"), report("b", "rejected", "broken")])
        shelf.lapse()
    # the first time it was news that b cannot be read
    shelf.told(taken(shelf), (2, 9, "x"), [report("a", "unchanged"), report("b", "rejected", "broken")])
    shelf.lapse()
    assert shelf.take("acme", "w") is None


def test_what_became_of_sources_is_kept_over_attempts(shelf: Shelf) -> None:
    job = shelf.add(PATHS, ANN).id
    first = taken(shelf)
    shelf.told(first, (1, 4, ""), [report("a")])
    shelf.told(first, (3, 4, "file:///site/d"), [report("b", "rejected", "broken"), report("c", "unchanged")])
    assert shelf.one("acme", job).source == "file:///site/d"
    shelf.lapse()
    second = taken(shelf)
    shelf.told(second, (3, 4, ""), [report("a", "unchanged"), report("b"), report("c", "unchanged")])
    shelf.told(second, (4, 4, ""), [report("d")])
    shelf.end(second, State.DONE, NO_CAUSE)
    found = shelf.one("acme", job)
    assert [(s.source[-1], s.status) for s in found.sources] == [
        ("a", "ingested"), ("b", "ingested"), ("c", "unchanged"), ("d", "ingested")
    ]  # fmt: skip
    assert found.counts == {"ingested": 3, "unchanged": 1} and (found.done, found.total) == (4, 4)
    assert found.sources[1].code is None and found.source == ""


def test_cancelling(shelf: Shelf) -> None:
    waits, runs, dead, ended = (shelf.add(PATHS, ANN).id for _ in range(4))
    claims = {claim.job: claim for claim in (taken(shelf, str(n)) for n in range(4))}
    shelf.release(claims[waits])
    shelf.end(claims[ended], State.FAILED, Cause("broken", "it broke"))
    assert shelf.cancel("acme", waits).state is State.CANCELLED
    assert shelf.cancel("acme", waits).state is State.CANCELLED
    assert shelf.cancel("acme", runs).state is State.CANCELLING and shelf.beat(claims[runs])[0]
    with pytest.raises(JobConflict, match="failed"):
        shelf.cancel("acme", ended)
    shelf.lapse()
    assert shelf.cancel("acme", dead).state is State.CANCELLED
    # its worker died before it heard
    assert shelf.take("acme", "w") is None and shelf.one("acme", runs).state is State.CANCELLED
    with pytest.raises(LeaseLost):
        shelf.beat(claims[runs])


def test_resuming(shelf: Shelf) -> None:
    job = shelf.add(PATHS, ANN).id
    with pytest.raises(JobConflict, match="queued"):
        shelf.resume("acme", job)
    claim = taken(shelf)
    shelf.end(claim, State.FAILED, Cause("upstream", "gone"))
    failed = shelf.one("acme", job)
    assert (failed.code, failed.reason, failed.ended_at) == ("upstream", "gone", shelf.now)
    again = shelf.resume("acme", job)
    assert (again.state, again.code, again.reason, again.ended_at) == (State.QUEUED, "", "", None)
    second = taken(shelf)
    with pytest.raises(JobConflict, match="running"):
        shelf.resume("acme", job)
    shelf.end(second, State.DONE, NO_CAUSE)
    with pytest.raises(JobConflict, match="done"):
        shelf.resume("acme", job)


def test_a_job_whose_cancelling_nobody_heard_of_can_be_resumed(shelf: Shelf) -> None:
    job = shelf.add(PATHS, ANN).id
    taken(shelf, "dies")
    assert shelf.cancel("acme", job).state == State.CANCELLING
    with pytest.raises(JobConflict, match="resume it once it is cancelled"):
        shelf.resume("acme", job)
    shelf.now += LEASE_US
    assert shelf.resume("acme", job).state == State.QUEUED
    assert taken(shelf, "lives").job == job
    assert shelf.one("acme", job).state == State.RUNNING


def test_what_was_stopped_with_its_process_waits_again(shelf: Shelf) -> None:
    job = shelf.add(PATHS, ANN).id
    for n in range(2 * MOST_FUTILE):
        claim = taken(shelf)
        assert claim.attempt == n + 1
        shelf.release(claim)
    assert shelf.one("acme", job).state is State.QUEUED


def test_the_oldest_that_have_ended_make_room(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.jobs.store.MOST_KEPT", 2)
    waits, other = shelf.add(PATHS, ANN).id, shelf.add(PATHS, BOB).id
    ids = []
    for _ in range(4):
        shelf.now += 1
        claim = shelf.begin(PATHS, ANN, "w")
        shelf.told(claim, (1, 1, ""), [report("a")])
        shelf.end(claim, State.DONE, NO_CAUSE)
        ids.append(claim.job)
    shelf.now += 1
    newest = shelf.add(PATHS, ANN).id
    assert [job.id for job in shelf.listed("acme", 99)] == [newest, ids[3], ids[2], waits]
    assert shelf.one("other", other).state is State.QUEUED and shelf.one("acme", ids[2]).counts == {"ingested": 1}
    with pytest.raises(JobNotFound):
        shelf.one("acme", ids[0])


def test_an_ingest_that_somebody_waits_for_is_begun_at_once(shelf: Shelf) -> None:
    shelf.add(PATHS, ANN)
    claim = shelf.begin([Path("/now")], ANN, "me")
    assert claim.paths == (Path("/now"),) and claim.attempt == 1
    assert taken(shelf).job != claim.job and shelf.unfinished("acme")


def test_another_tenants_jobs_are_not_there(shelf: Shelf) -> None:
    job = shelf.add(PATHS, BOB).id
    for ask in (shelf.one, shelf.cancel, shelf.resume):
        with pytest.raises(JobNotFound):
            ask("acme", job)
    assert shelf.listed("acme", 9) == [] and shelf.take("acme", "w") is None and shelf.standing("acme") == {}
    assert not shelf.waiting("acme") and not shelf.unfinished("acme")
    assert shelf.one("other", job).state is State.QUEUED


def test_each_job_is_taken_once_however_many_ask(shelf: Shelf) -> None:
    ids = {shelf.add(PATHS, ANN).id for _ in range(24)}
    ready = threading.Barrier(6)

    def work(worker: int) -> list[str]:
        ready.wait()
        found = []
        while (claim := shelf.take("acme", str(worker))) is not None:
            found.append(claim.job)
        return found

    with ThreadPoolExecutor(6) as pool:
        shares = list(pool.map(work, range(6)))
    assert sorted(job for share in shares for job in share) == sorted(ids)


class Holding(RuleBasedStateMachine):
    """Whatever happens in whatever order: one holder a job, one end a taking, and what has ended is left alone."""

    def __init__(self) -> None:
        super().__init__()
        database = Database(":memory:")
        with database.write() as connection:
            metadata.create_all(connection, tables=[jobs, job_sources])
        self.shelf = Shelf(database)
        self.holders: dict[str, Claim] = {}
        self.past: list[Claim] = []

    def teardown(self) -> None:
        self.shelf.close()

    def give_up(self, job: str) -> None:
        self.past.append(self.holders.pop(job))

    def job(self, n: int) -> str:
        found = self.shelf.listed("acme", 99)
        return found[n % len(found)].id if found else self.shelf.add(PATHS, ANN).id

    @rule()
    def add(self) -> None:
        self.shelf.now += 1
        self.shelf.add(PATHS, ANN)

    @rule()
    def lapse(self) -> None:
        self.shelf.lapse()

    @rule(worker=st.sampled_from("ab"))
    def take(self, worker: str) -> None:
        claim = self.shelf.take("acme", worker)
        if claim is not None:
            if claim.job in self.holders:
                self.give_up(claim.job)
            self.holders[claim.job] = claim

    @rule(n=st.integers(0, 9), moving=st.sampled_from(["cancel", "resume"]))
    def move(self, n: int, moving: str) -> None:
        job = self.job(n)
        try:
            moved = getattr(self.shelf, moving)("acme", job)
        except JobConflict:
            return
        # what is resumed had ended, by a `take` that found it lapsed and told to stop too
        if (moving == "resume" or moved.state is State.CANCELLED) and job in self.holders:
            self.give_up(job)

    @precondition(lambda self: self.holders)
    @rule(n=st.integers(0, 9), doing=st.sampled_from(["beat", "told", "end", "release"]))
    def hold(self, n: int, doing: str) -> None:
        claim = sorted(self.holders.values())[n % len(self.holders)]
        more = {"told": ((1, 2, ""), [report("a")]), "end": (State.DONE, NO_CAUSE)}.get(doing, ())
        try:
            getattr(self.shelf, doing)(claim, *more)
        except LeaseLost:
            # a later `take` found it lapsed once too often, or told to stop
            assert self.shelf.one("acme", claim.job).state in (State.FAILED, State.CANCELLED)
            doing = "lost"
        if doing not in ("beat", "told"):
            self.give_up(claim.job)

    @precondition(lambda self: self.past)
    @rule(n=st.integers(0, 99), doing=st.sampled_from(["beat", "told", "end", "release"]))
    def come_late(self, n: int, doing: str) -> None:
        more = {"told": ((1, 2, ""), [report("a")]), "end": (State.DONE, NO_CAUSE)}.get(doing, ())
        with pytest.raises(LeaseLost):
            getattr(self.shelf, doing)(self.past[n % len(self.past)], *more)

    @invariant()
    def held(self) -> None:
        found = self.shelf.listed("acme", 99)
        assert {j.id for j in found if j.state in (State.RUNNING, State.CANCELLING)} <= self.holders.keys()
        assert all((j.ended_at is not None) == (j.state in ENDED) for j in found)


ENDED = (State.DONE, State.FAILED, State.CANCELLED)
TestHolding = Holding.TestCase


def test_a_followers_job_is_nobody_elses(shelf: Shelf) -> None:
    claim = shelf.begin(["s3://plant/a.csv"], ANN, "w", by="follow-1")
    assert shelf.one("acme", claim.job).by == "follow-1" and shelf.one("acme", claim.job).paths == ("s3://plant/a.csv",)
    for refused in (shelf.cancel, shelf.resume):
        with pytest.raises(JobConflict, match="follower"):
            refused("acme", claim.job)
    shelf.lapse()
    assert shelf.take("acme", "second") is None and not shelf.waiting("acme") and not shelf.unfinished("acme")


def test_a_followers_job_that_ended_with_it_is_told_and_ends_once_it_is_back(shelf: Shelf) -> None:
    died = shelf.begin(["a"], ANN, "w", by="follow-1").job
    beside = shelf.begin(["b"], ANN, "v", by="follow-2").job
    assert shelf.standing("acme") == {State.RUNNING: 2}
    shelf.lapse()
    assert shelf.standing("acme") == {State.FAILED: 2} and shelf.one("acme", died).code == "interrupted"
    going_on = shelf.begin(["a"], ANN, "w", by="follow-1")
    shelf.end(going_on, State.DONE, NO_CAUSE)
    assert [job.state for job in shelf.listed("acme", 9) if job.id != beside] in (
        [State.DONE, State.FAILED], [State.FAILED, State.DONE]
    )  # fmt: skip
    shelf.now += 1
    assert shelf.one("acme", died).ended_at is not None and shelf.one("acme", beside).ended_at is None


def test_what_followers_took_in_does_not_crowd_out_what_was_asked_for(shelf: Shelf) -> None:
    asked = shelf.begin(PATHS, ANN, "w")
    shelf.end(asked, State.DONE, NO_CAUSE)
    for n in range(MOST_KEPT + 3):
        shelf.now += 1
        shelf.end(shelf.begin([f"{n}"], ANN, "w", by="follow-1"), State.DONE, NO_CAUSE)
    kept = shelf.listed("acme", 500)
    assert asked.job in {job.id for job in kept} and len([job for job in kept if job.by]) <= MOST_KEPT + 1


def test_what_waits_and_runs_is_listed_however_busy_followers_are(shelf: Shelf) -> None:
    waits, runs = shelf.add(PATHS, ANN).id, shelf.begin(PATHS, ANN, "w").job
    old = shelf.begin(PATHS, ANN, "w")
    shelf.end(old, State.DONE, NO_CAUSE)
    for n in range(12):
        shelf.now += 1
        shelf.end(shelf.begin([f"{n}"], ANN, "v", by=f"follow-{n % 2}"), State.DONE, NO_CAUSE)
    live = [shelf.begin([f"{n}"], ANN, "v", by="follow-1").job for n in range(5)]
    found = [job.id for job in shelf.listed("acme", 50)]
    assert {waits, runs, old.job, *live} <= set(found) and len(found) == 8 + 2 * FEW
    assert {job.id for job in shelf.listed("acme", 3)} < {waits, runs, *live} and len(shelf.listed("acme", 3)) == 3
    assert {job.id for job in shelf.listed("acme", 2)} == {waits, runs}
    for _ in range(4):
        shelf.now += 1
        shelf.add(PATHS, ANN)
    assert runs in {job.id for job in shelf.listed("acme", 3)}
