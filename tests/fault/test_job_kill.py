"""Workers are killed wherever they are: every job is finished once, and the catalog is that of a run that nobody disturbed.

Four kills on SQLite and two on PostgreSQL here, fifty on each with --hypothesis-profile thorough. What fails names its seed.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from app.jobs.job import Job, State
from app.jobs.store import JobStore
from retrieval.catalog import Catalog, system_clock
from retrieval.catalog.database import Database
from retrieval.types import Filter, Principal

ANN = Principal("acme", "ann")
SEED = random.SystemRandom().randrange(10**6)
ALL = settings.get_current_profile_name() == "thorough"
KILLS = {"sqlite": 50 if ALL else 4, "postgres": 50 if ALL else 2}
WORKER = Path(__file__).with_name("job_worker.py")
_DONE_S = 120.0


@pytest.fixture
def stores(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> tuple[str, str]:
    """The URLs of two empty stores."""
    if kind == "sqlite":
        return str(tmp_path / "disturbed.sqlite3"), str(tmp_path / "calm.sqlite3")
    fresh = request.getfixturevalue("postgres")
    return fresh(), fresh()


def write(folder: Path, rng: random.Random) -> None:
    """What one job is about: tables, a report, and texts of several batches, one of them refused."""
    folder.mkdir(parents=True)
    for n in range(rng.randrange(1, 4)):
        lines = [f"{rng.choice('ABC')}-{k} is {rng.randrange(100)} mm worn" for k in range(rng.randrange(1, 12))]
        (folder / f"{n}.txt").write_text("\n".join(lines))
    (folder / "log.md").write_text(f"# Shift\n\nThe seal leaked {rng.randrange(9)} times.\n\n## Then\n\nIt held.\n")
    (folder / "orders.csv").write_text("wo_id,asset,description,opened\nWO-7,P-1,replace seal,2026-03-04 06:00\n")
    (folder / "broken.xyz").write_text("?")


@contextmanager
def worker(where: str, folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(WORKER), where, str(folder), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stderr is not None
        if process.stdout.readline() != "READY\n":
            raise AssertionError(process.stderr.read())
        yield process
    finally:
        process.kill()
        process.communicate()


def finished(where: str, folder: Path) -> None:
    with worker(where, folder, "until-done") as process:
        _, said = process.communicate(timeout=_DONE_S)
        assert process.returncode == 0, said


def held(where: str) -> dict[str, Any]:
    """All that a catalog says, without what differs between any two stores: ids are under a key of each, times its own."""
    catalog = Catalog(where)
    try:
        pieces = catalog.scan(Filter(), ANN, 100_000)
        assert len({piece.id for piece in pieces}) == len(pieces)
        return {
            "evidence": sorted((p.source, str(p.locator), p.kind, p.text, p.valid, p.entities) for p in pieces),
            "coverage": sorted((c.source, c.subject, str(c.valid), c.by) for c in catalog.coverage(ANN, [])),
            "entities": sorted((e.id, str(e)) for e in catalog.entities(ANN)),
            "sources": sorted((s.source, s.content_hash, s.whole, s.evidence) for s in catalog.sources(ANN)),
            "rejected": sorted((r.source, r.code) for r in catalog.rejections(ANN)),
        }
    finally:
        catalog.close()


def jobs_of(where: str) -> list[Job]:
    store = JobStore(Database(where), system_clock)
    try:
        return [store.one("acme", job.id) for job in store.listed("acme", 10_000)]
    finally:
        store.close()


def attempts(where: str) -> int:
    return sum(job.attempts for job in jobs_of(where))


def wait_for_work(process: subprocess.Popen[str], where: str, before: int) -> None:
    """Until a job is taken up once more than before."""
    until = time.monotonic() + _DONE_S / 2
    while attempts(where) <= before:
        if process.poll() is not None or time.monotonic() > until:
            # it tells where it stands
            process.send_signal(signal.SIGABRT)
            raise AssertionError(f"seed {SEED}: {process.communicate()}")
        time.sleep(0.02)


def queue(where: str, folders: list[Path]) -> None:
    Catalog(where).close()
    store = JobStore(Database(where), system_clock)
    for folder in folders:
        store.add([folder], ANN)
    store.close()


@pytest.mark.timeout(120 + 40 * max(KILLS.values()))
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_killed_workers_finish_every_job_once(stores: tuple[str, str], kind: str, tmp_path: Path) -> None:
    (disturbed, calm), rng, at_work = stores, random.Random(SEED), 0
    folders = [tmp_path / "in" / str(n) for n in range(2 * KILLS[kind])]
    for folder in folders:
        write(folder, rng)
    for n in range(KILLS[kind]):
        queue(disturbed, folders[2 * n : 2 * n + 2])
        before = attempts(disturbed)
        with worker(disturbed, tmp_path / "state") as process:
            # every other time it is at work for certain
            if n % 2:
                wait_for_work(process, disturbed, before)
            time.sleep(rng.uniform(0.0, 0.3 if n % 2 else 1.2))
            process.send_signal(signal.SIGKILL)
            assert process.wait(10) == -signal.SIGKILL
        at_work += any(job.state is State.RUNNING for job in jobs_of(disturbed))
        if n % 2:
            # a source that is in hand when its process dies three times in a row is given up, as it should be
            finished(disturbed, tmp_path / "state")
    finished(disturbed, tmp_path / "state")
    queue(calm, folders)
    finished(calm, tmp_path / "calm")
    assert held(disturbed) == held(calm), f"seed {SEED}"
    for job in jobs_of(disturbed):
        assert (job.state, job.done, job.code) == (State.DONE, job.total, ""), f"seed {SEED}: {job}"
        assert len({each.source for each in job.sources}) == len(job.sources) == job.total, f"seed {SEED}: {job}"
        assert job.counts.get("rejected", 0) == 1, f"seed {SEED}: {job}"
    assert at_work, f"seed {SEED}: no worker was killed at work"
    print(
        f"{at_work} of {KILLS[kind]} kills found a worker at work; most attempts: {max(j.attempts for j in jobs_of(disturbed))}"
    )


def test_a_source_that_ends_every_worker_is_given_up_and_stalls_nothing(tmp_path: Path) -> None:
    where, lives = str(tmp_path / "store.sqlite3"), 0
    for name, texts in (("first", {"a": "fine", "b": "die", "c": "fine"}), ("second", {"a": "fine"})):
        (tmp_path / name).mkdir()
        for each, text in texts.items():
            (tmp_path / name / f"{each}.txt").write_text(f"{text}\n{text}")
    queue(where, [tmp_path / "first", tmp_path / "second"])
    ended = -signal.SIGKILL
    while ended == -signal.SIGKILL and lives < 9:
        with worker(where, tmp_path / "state", "until-done") as process:
            process.communicate(timeout=_DONE_S)
            ended, lives = process.returncode, lives + 1
    second, first = jobs_of(where)
    assert (ended, lives, first.attempts) == (0, 4, 4)
    assert (first.state, first.counts, second.state) == (State.DONE, {"ingested": 2, "rejected": 1}, State.DONE)
    (refused,) = [each for each in first.sources if each.status == "rejected"]
    assert (
        refused.source.endswith("b.txt")
        and refused.code == "quarantined"
        and "3 tries (crashed)" in str(refused.reason)
    )
