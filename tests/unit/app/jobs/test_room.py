"""Jobs from being asked for to their end: what is recorded, stopped, gone on with, and what one that fails leaves to the next."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.jobs.fakes import memory_room
from app.jobs.job import Job, State
from app.jobs.room import JobRoom
from app.ports import Advance, IngestSummary, SourceReport
from retrieval.errors import BadSiteDescription, InputError, JobCancelled, JobNotFound, StoreBusy
from retrieval.types import Principal

ANN, BOB = Principal("acme", "ann"), Principal("other", "bob")


class Shop:
    """Takes files in as it is told to by what stands in them; `taken` is what has been, and stays."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.under_way = threading.Event()
        self.go_on = threading.Event()

    def run(
        self,
        paths: Sequence[Path],
        principal: Principal,
        progress: Callable[[Advance], None] | None,
        *,
        stop: Callable[[], bool],
    ) -> IngestSummary:
        assert progress is not None
        files = sorted(file for path in paths for file in path.iterdir())
        counts = {"ingested": 0, "unchanged": 0, "rejected": 0}
        for n, file in enumerate(files):
            if stop():
                break
            progress(Advance(n, len(files), file.name, None))
            status = self._take(file)
            counts[status] += 1
            why = "it is broken" if status == "rejected" else None
            report = SourceReport(
                source=file.name, status=status, evidence=1, sequence=n, code=why and "bad", reason=why
            )
            progress(Advance(n + 1, len(files), file.name, report))
        rejected = ({"source": "x/bad", "code": "bad", "reason": "it is broken"},) * counts["rejected"]
        return IngestSummary(
            ingested=counts["ingested"], unchanged=counts["unchanged"], rejected=rejected, evidence_by_kind={}, sequence=0,
            stopped=sum(counts.values()) < len(files),
        )  # fmt: skip

    def _take(self, file: Path) -> str:
        match file.read_text():
            case "bad":
                return "rejected"
            case "site":
                raise BadSiteDescription("site.yaml: zones: not a list")
            case "slip":
                raise ZeroDivisionError("a slip")
            case "ctrl-c":
                raise KeyboardInterrupt
            case "wait":
                self.under_way.set()
                assert self.go_on.wait(10)
        if file.name in self.taken:
            return "unchanged"
        self.taken.append(file.name)
        return "ingested"


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def room(tmp_path: Path, shop: Shop) -> Iterator[JobRoom]:
    made = memory_room(shop, tmp_path, "acme")
    made._beat_s = 0.01
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """folder(name=text, …): a folder of these files."""

    def make(**texts: str) -> Path:
        made = tmp_path / f"in{len(list(tmp_path.iterdir()))}"
        made.mkdir()
        for name, text in texts.items():
            (made / name).write_text(text)
        return made

    return make


def worked(room: JobRoom) -> list[Job]:
    """All jobs, after the queue is worked off, in the order they ended."""
    ended: list[Job] = []
    room.work(threading.Event(), ended.append, lasting=False)
    return ended


def test_what_is_queued_is_worked_off_in_order(room: JobRoom, folder: Any, shop: Shop) -> None:
    ids = [room.submit([folder(a="", b="")], ANN).id, room.submit([folder(c="")], ANN).id]
    assert shop.taken == [] and [job.state for job in room.listed(ANN)] == [State.QUEUED] * 2
    assert [(job.id, job.state, job.done, job.total) for job in worked(room)] == [
        (ids[0], State.DONE, 2, 2), (ids[1], State.DONE, 1, 1)
    ]  # fmt: skip
    assert shop.taken == ["a", "b", "c"]
    assert [(s.source, s.status) for s in room.one(ids[0], ANN).sources] == [("a", "ingested"), ("b", "ingested")]


def test_an_ingest_that_somebody_waits_for_is_a_job_too(room: JobRoom, folder: Any) -> None:
    steps: list[Advance] = []
    summary = room.run([folder(a="", b="bad")], ANN, steps.append)
    assert (summary.ingested, len(summary.rejected), len(steps)) == (1, 1, 4)
    (job,) = room.listed(ANN)
    assert (job.state, job.counts, job.attempts, job.subject) == (State.DONE, {"ingested": 1, "rejected": 1}, 1, "ann")


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        ("bad", "nothing_taken", "bad: it is broken"),
        ("site", "bad_site_description", "zones: not a list"),
        ("slip", "internal", "ZeroDivisionError: a slip"),
    ],
)
def test_a_job_that_fails_keeps_its_cause_and_stalls_nothing(
    room: JobRoom, folder: Any, text: str, code: str, why: str
) -> None:
    poison = room.submit([folder(a=text)], ANN).id
    fine = room.submit([folder(b="")], ANN).id
    assert [(job.id, job.state, job.code) for job in worked(room)] == [
        (poison, State.FAILED, code), (fine, State.DONE, "")
    ]  # fmt: skip
    assert why in room.one(poison, ANN).reason


def test_what_fails_for_somebody_who_waits_is_raised_and_recorded(room: JobRoom, folder: Any) -> None:
    for text, kind in (("site", BadSiteDescription), ("slip", ZeroDivisionError), ("ctrl-c", KeyboardInterrupt)):
        with pytest.raises(kind):
            room.run([folder(a=text)], ANN, None)
    assert {(job.state, job.code) for job in room.listed(ANN)} == {
        (State.FAILED, "bad_site_description"), (State.FAILED, "internal"), (State.CANCELLED, "interrupted")
    }  # fmt: skip


def test_cancelled_at_work_and_gone_on_with(room: JobRoom, folder: Any, shop: Shop) -> None:
    job = room.submit([folder(a="", b="wait", c="", d="")], ANN).id
    ended: list[Job] = []
    worker = threading.Thread(target=lambda: ended.extend(worked(room)))
    worker.start()
    assert shop.under_way.wait(10)
    assert room.cancel(job, ANN).state is State.CANCELLING
    lease_heard(room)
    shop.go_on.set()
    worker.join(10)
    (cancelled,) = ended
    assert (cancelled.state, cancelled.done, cancelled.total, cancelled.code) == (State.CANCELLED, 2, 4, "")
    assert shop.taken == ["a", "b"]
    assert room.resume(job, ANN).state is State.QUEUED
    (done,) = worked(room)
    assert (done.state, done.attempts, done.counts) == (State.DONE, 2, {"ingested": 4})
    assert shop.taken == ["a", "b", "c", "d"]


def lease_heard(room: JobRoom) -> None:
    """Several beats have passed."""
    time.sleep(20 * room._beat_s)


def test_cancelled_while_somebody_waits_says_how_to_go_on(room: JobRoom, folder: Any, shop: Shop) -> None:
    raised: list[BaseException] = []

    def wait() -> None:
        try:
            room.run([folder(a="wait", b="")], ANN, None)
        except JobCancelled as error:
            raised.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert shop.under_way.wait(10)
    (job,) = room.listed(ANN)
    room.cancel(job.id, ANN)
    lease_heard(room)
    shop.go_on.set()
    waiting.join(10)
    assert f"jobs resume {job.id}" in str(raised[0])


def test_a_worker_that_ends_puts_its_job_back(room: JobRoom, folder: Any, shop: Shop) -> None:
    job = room.submit([folder(a="wait", b="")], ANN).id
    stop, ended = threading.Event(), list[Job]()
    worker = threading.Thread(target=lambda: room.work(stop, ended.append))
    worker.start()
    assert shop.under_way.wait(10)
    stop.set()
    shop.go_on.set()
    worker.join(10)
    assert not worker.is_alive() and ended == []
    waits = room.one(job, ANN)
    assert (waits.state, waits.done, waits.total) == (State.QUEUED, 1, 2)
    (done,) = worked(room)
    assert (done.state, shop.taken) == (State.DONE, ["a", "b"])


def test_one_ingest_at_a_time(room: JobRoom, folder: Any, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.jobs.room._PATIENCE_S", 0.05)
    room.submit([folder(a="wait")], ANN)
    worker = threading.Thread(target=worked, args=(room,))
    worker.start()
    assert shop.under_way.wait(10)
    with pytest.raises(StoreBusy, match="--background"):
        room.run([folder(b="")], ANN, None)
    shop.go_on.set()
    worker.join(10)
    assert len(room.listed(ANN)) == 1
    room.run([folder(b="")], ANN, None)


def test_another_tenants_jobs_are_neither_seen_nor_worked(room: JobRoom, folder: Any, shop: Shop) -> None:
    job = room.submit([folder(a="")], BOB).id
    for ask in (room.one, room.cancel, room.resume):
        with pytest.raises(JobNotFound):
            ask(job, ANN)
    assert room.listed(ANN) == [] and worked(room) == [] and shop.taken == []


@pytest.mark.parametrize("paths", [[], [Path("/nowhere/at/all")]])
def test_what_is_not_there_is_not_queued(room: JobRoom, paths: list[Path]) -> None:
    with pytest.raises(InputError, match="nothing was queued"):
        room.submit(paths, ANN)
    assert room.listed(ANN) == []


def test_it_is_said_what_waits_and_who_could_work_it_off(room: JobRoom, folder: Any) -> None:
    assert room.told() == "none yet"
    room.submit([folder(a="")], ANN)
    assert "1 queued" in room.told() and "jobs work" in room.told()
    worked(room)
    assert room.told() == "1 done"
