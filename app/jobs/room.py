"""Where ingests are asked for and worked off. Each is a job, those that somebody waits for too."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import structlog

from app.jobs.job import Cause, Claim, Job, State
from app.jobs.lease import Lease
from app.jobs.store import JobStore
from app.jobs.turn import IngestTurn
from app.ports import Advance, IngestSummary, SourceReport
from retrieval.errors import InputError, JobCancelled, LeaseLost, StoreBusy, StoreError, WatchfloorError
from retrieval.types import Micros, Principal

# how long somebody waits for the ingest before theirs, and how often an idle worker looks
_PATIENCE_S = 60.0
_LOOK_S = 0.5
# progress is written so often
_TOLD_US = 500_000
Progress = Callable[[Advance], None]


class Ingest(Protocol):
    """Takes files in, whoever asked."""

    def run(
        self,
        paths: Sequence[Path],
        principal: Principal,
        progress: Progress | None,
        *,
        stop: Callable[[], bool],
    ) -> IngestSummary: ...


class Take(Protocol):
    """An ingest of what is known already, told as it goes; `stop` is asked before each commit."""

    def __call__(self, progress: Progress, *, stop: Callable[[], bool]) -> IngestSummary: ...


class House(NamedTuple):
    """What jobs need of their surroundings: whose turn it is, the time in UTC µs, for which tenant work is done, and where it is kept
    who asked for what."""

    turn: IngestTurn
    clock: Callable[[], Micros]
    tenant: str
    audit: Callable[[Principal, str, dict[str, Any]], None]


class JobRoom:
    """The Desk, what runs an ingest for somebody who waits, and the worker of a server. Safe to share between threads."""

    def __init__(self, store: JobStore, ingest: Ingest, house: House, beat_s: float = 1.0) -> None:
        self._store, self._ingest, self._house, self._beat_s = store, ingest, house, beat_s
        self._worker = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._log = structlog.get_logger(__name__)

    def close(self) -> None:
        self._store.close()

    # --- asking for work

    def submit(self, paths: Sequence[Path], principal: Principal) -> Job:
        whole = [path.absolute() for path in paths]
        # a name too long or a folder that is closed to us is as good as none; Path.exists raises for them
        missing = [path for path in whole if not os.path.exists(path)]  # noqa: PTH110
        if missing or not whole:
            told = f"{missing[0]} does not exist" if missing else "no paths were given"
            raise InputError(f"{told}; nothing was queued; give files or folders")
        return self._audited("queue job", self._store.add(whole, principal), principal)

    def listed(self, principal: Principal, limit: int = 50) -> list[Job]:
        return self._store.listed(principal.tenant, limit)

    def one(self, job: str, principal: Principal) -> Job:
        return self._store.one(principal.tenant, job)

    def cancel(self, job: str, principal: Principal) -> Job:
        return self._audited("cancel job", self._store.cancel(principal.tenant, job), principal)

    def resume(self, job: str, principal: Principal) -> Job:
        return self._audited("resume job", self._store.resume(principal.tenant, job), principal)

    def _audited(self, action: str, job: Job, principal: Principal) -> Job:
        self._house.audit(principal, action, {"job": job.id})
        return job

    def told(self) -> str:
        """How many jobs are in which state, and who could work off what waits. Raises StoreError."""
        standing = self._store.standing(self._house.tenant)
        told = ", ".join(f"{count} {state}" for state, count in sorted(standing.items())) or "none yet"
        waits = standing.get(State.QUEUED, 0) and not standing.get(State.RUNNING, 0)
        hint = "; `watchfloor serve` or `watchfloor jobs work` works them off" if waits else ""
        return told + hint

    # --- working

    def run(self, paths: Sequence[Path], principal: Principal, progress: Progress | None) -> IngestSummary:
        """Ingest now, for somebody who waits. Raises StoreBusy when the ingest before takes too long, JobCancelled, and what ingest
        raises."""
        with self._house.turn.taken(_PATIENCE_S):
            claim = self._store.begin([path.absolute() for path in paths], principal, self._worker)
            return self._worked(claim, progress, threading.Event())

    def beside(
        self, by: str, sources: Sequence[str], principal: Principal, take: Take, progress: Progress | None
    ) -> IngestSummary:
        """What a follower takes in, as a job of its own, beside whatever else is ingested. Raises what `take` raises."""
        claim = self._store.begin(sources, principal, self._worker, by)
        return self._worked(claim, progress, threading.Event(), take)

    def work(self, stop: threading.Event, ended: Callable[[Job], None], *, lasting: bool = True) -> None:
        """Work jobs off one by one until told to stop, or where it is not `lasting`, until all have ended. `ended` hears of each.

        What a job fails of is its own; a store that fails is waited for.
        """
        while not stop.is_set():
            try:
                job = self._next(stop)
                if job is not None and job.ended_at is not None:
                    ended(job)
                elif job is None and not lasting and not self._store.unfinished(self._house.tenant):
                    return
                elif job is None:
                    stop.wait(_LOOK_S)
            except StoreError as problem:
                self._log.warning("jobs wait for the store", why=str(problem))
                stop.wait(_LOOK_S)

    def _next(self, stop: threading.Event) -> Job | None:
        """The job that was worked on; None where there was none, or it was not our turn."""
        if not self._store.waiting(self._house.tenant):
            return None
        with ExitStack() as held:
            try:
                held.enter_context(self._house.turn.taken(0))
            except StoreBusy:
                return None
            claim = self._store.take(self._house.tenant, self._worker)
            if claim is None:
                return None
            try:
                self._worked(claim, None, stop)
            except StoreError:
                raise
            except WatchfloorError as problem:
                self._log.info("a job came to nothing", job=claim.job, code=problem.code, why=str(problem))
            except Exception:  # noqa: BLE001 - the edge of the worker: its cause is kept with the job, and the next one has its turn
                self._log.exception("a job failed", job=claim.job)
            return self._store.one(claim.principal.tenant, claim.job)

    def _worked(
        self, claim: Claim, progress: Progress | None, ending: threading.Event, take: Take | None = None
    ) -> IngestSummary:
        """A store that fails leaves the claim to lapse: the job is taken up again."""
        take = take or partial(self._ingest.run, list(claim.paths), claim.principal)
        log = _Log(self._store, claim, self._house.clock)

        def tell(step: Advance) -> None:
            log.tell(step)
            if progress is not None:
                progress(step)

        try:
            with Lease(self._store, claim, self._house.clock, ending, self._beat_s) as lease:
                summary = take(tell, stop=lease.stop)
        except StoreError:
            raise
        except BaseException as problem:
            log.flush()
            self._store.end(claim, *_ending_of(problem))
            raise
        log.flush()
        return self._concluded(claim, summary, lease.cancelled)

    def _concluded(self, claim: Claim, summary: IngestSummary, cancelled: bool) -> IngestSummary:
        if summary.stopped and not cancelled:
            self._store.release(claim)
        elif summary.stopped:
            self._store.end(claim, State.CANCELLED, Cause("", ""))
            raise JobCancelled(
                f"{claim.job} was cancelled; `watchfloor jobs resume {claim.job}` goes on where it stopped"
            )
        elif summary.ingested or summary.unchanged:
            self._store.end(claim, State.DONE, Cause("", ""))
        else:
            self._store.end(claim, State.FAILED, _nothing(summary))
        return summary


class _Log:
    """Progress of a job, written now and then. What could not be written is written with the next."""

    def __init__(self, store: JobStore, claim: Claim, clock: Callable[[], Micros]) -> None:
        self._store, self._claim, self._clock = store, claim, clock
        self._reports: list[SourceReport] = []
        self._at: tuple[int, int, str] | None = None
        self._told: Micros = 0

    def tell(self, step: Advance) -> None:
        if step.report is not None:
            self._reports.append(step.report)
        self._at = (step.done, step.total, step.source if step.report is None else "")
        # of what is new nothing is lost with the process: the next attempt would find it unchanged
        new = step.report is not None and step.report.status == "ingested"
        if new or self._clock() - self._told >= _TOLD_US:
            try:
                self.flush()
            except LeaseLost:
                raise
            except StoreError:
                self._told = self._clock()

    def flush(self) -> None:
        """Raises StoreError, LeaseLost among them."""
        if self._at is not None:
            self._store.told(self._claim, self._at, self._reports)
            self._reports, self._told = [], self._clock()


def _ending_of(problem: BaseException) -> tuple[State, Cause]:
    if isinstance(problem, JobCancelled):
        return State.CANCELLED, Cause(problem.code, str(problem))
    if isinstance(problem, WatchfloorError):
        return State.FAILED, Cause(problem.code, str(problem))
    if isinstance(problem, Exception):
        return State.FAILED, Cause("internal", f"a mistake in Watchfloor ({type(problem).__name__}: {problem})")
    return State.CANCELLED, Cause("interrupted", "whoever waited for it stopped it; resume it to go on")


def _nothing(summary: IngestSummary) -> Cause:
    reasons = [f"{row['source'].rsplit('/', 1)[-1]}: {row['reason']}" for row in summary.rejected]
    return Cause("nothing_taken", "; ".join(reasons[:3]) or "there was nothing to take in")
