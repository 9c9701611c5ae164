"""The jobs of a catalog: one row each, claimed by lease, so that what a dead worker held is taken up by the next.

A table of our own, after trying the queue libraries that run on SQLite and PostgreSQL (six kills of a worker over eight jobs, on each):
DBOS 3.4 leaves the jobs of a killed worker to a worker of the same name; litestar-queues 0.12 (alpha) lost none, but in the catalog's own
file it worked jobs twice where the catalog was writing for longer than its heartbeat waits, it lists no jobs, and what was cancelled
cannot be gone on with; procrastinate, pgqueuer and chancy need PostgreSQL.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, delete, func, insert, or_, select, update

from app.jobs.job import Cause, Claim, Job, State
from app.ports import SourceReport
from retrieval.catalog import tables as t
from retrieval.catalog.database import CHUNK, Database
from retrieval.errors import JobConflict, JobNotFound, LeaseLost
from retrieval.types import Micros, Principal

# how long a worker may be silent, and how often it may be taken up in a row without one more source being through: a source that
# ends the process is itself given up after three tries
LEASE_US = 30_000_000
MOST_FUTILE = 5
# of a tenant's jobs that have ended so many are kept, so that what is ingested again every hour fills no disk
MOST_KEPT = 100
# of each follower's jobs that have ended so many are listed
FEW = 3
_c, _s = t.jobs.c, t.job_sources.c
_ENDED = (State.DONE, State.FAILED, State.CANCELLED)


# of a follower's job that ended with its process
_LEFT = Cause("interrupted", "its follower ended in the middle; once it is back, it takes in by itself what was left")
_NOT_NOW = {State.DONE: "ingest its paths again", State.CANCELLING: "resume it once it is cancelled"}


class JobStore:
    """Jobs by tenant. `clock` gives UTC µs, the same for all workers; `lease_us` is how long a claim holds without a beat.

    Where workers take turns and are `alone` while they have it, none need wait for a lease: whoever else held a job is dead.

    Safe to share between threads and processes. Raises StoreBusy and StoreError.
    """

    def __init__(
        self, database: Database, clock: Callable[[], Micros], lease_us: int = LEASE_US, *, alone: bool = False
    ) -> None:
        self._db, self._clock, self._lease, self._alone = database, clock, lease_us, alone

    def close(self) -> None:
        self._db.close()

    # --- asking for work

    def add(self, paths: Sequence[Path], principal: Principal) -> Job:
        """A new job at the end of the queue."""
        with self._db.write() as connection:
            job = self._insert(connection, paths, principal)
            return _one(connection, principal.tenant, job, self._clock())

    def begin(self, paths: Sequence[Path | str], principal: Principal, worker: str, by: str = "") -> Claim:
        """A new job that its worker has begun already; where it is a follower's, what that died of before has ended."""
        with self._db.write() as connection:
            if by:
                self._end_all(connection, and_(self._left(principal.tenant), _c.by == by), State.FAILED, _LEFT)
            job = self._insert(connection, paths, principal, by)
            return self._claimed(connection, _row(connection, principal.tenant, job), worker)

    def _insert(self, connection: Connection, paths: Sequence[Path | str], principal: Principal, by: str = "") -> str:
        # what a follower took in does not crowd out what was asked for
        ended = select(_c.id).where(_c.tenant == principal.tenant, _c.by == by, _c.state.in_(_ENDED))
        old = ended.order_by(_c.created_at.desc(), _c.id).offset(MOST_KEPT)
        connection.execute(delete(t.jobs).where(_c.id.in_(old)))
        job = f"job_{secrets.token_hex(8)}"
        kept = msgspec.json.encode([str(path) for path in paths]).decode()
        whose = {"id": job, "tenant": principal.tenant, "subject": principal.subject, "paths": kept, "by": by}
        counts = dict.fromkeys(("attempts", "futile", "done", "total"), 0) | {"cancelling": False}
        words = dict.fromkeys(("source", "code", "reason"), "") | {"state": State.QUEUED.value}
        connection.execute(insert(t.jobs), {**whose, **counts, **words, "created_at": self._clock()})
        return job

    def listed(self, tenant: str, limit: int) -> list[Job]:
        """What is worked on, what waits, and the newest of the rest, at most `limit`; the newest first. Of a follower's jobs that have
        ended, which may be one every few seconds, only the last few are among them."""
        chosen = self._chosen(tenant, limit)
        statement = select(t.jobs).where(_c.id.in_(chosen)).order_by(_c.created_at.desc(), _c.id)
        with self._db.read() as connection:
            rows = connection.execute(statement).all()
            counts = _counts(connection, [row.id for row in rows])
        return [_job(row, counts.get(row.id, {}), self._clock()) for row in rows]

    def _chosen(self, tenant: str, limit: int) -> Select[tuple[str]]:
        """The ids of those to list."""
        going_on = and_(_c.state.in_((State.RUNNING, State.QUEUED)), ~self._left(tenant))
        turn = case((~going_on, 3), (_c.by != "", 2), (_c.state == State.QUEUED, 1), else_=0).label("turn")
        nth = func.row_number().over(partition_by=(_c.by, turn), order_by=(_c.created_at.desc(), _c.id)).label("nth")
        each = select(_c.id, _c.by, _c.created_at, turn, nth).where(_c.tenant == tenant).subquery().c
        wanted = select(each.id).where(or_(each.by == "", each.turn < 3, each.nth <= FEW))
        return wanted.order_by(each.turn, each.created_at.desc(), each.id).limit(limit)

    def one(self, tenant: str, job: str) -> Job:
        """Raises JobNotFound."""
        with self._db.read() as connection:
            return _one(connection, tenant, job, self._clock())

    def standing(self, tenant: str) -> dict[State, int]:
        """How many jobs there are in each state; one whose worker was not heard of in time waits for the next."""
        lapsed = and_(_c.state == State.RUNNING, _c.leased_until <= self._clock())
        stands = case((self._left(tenant), State.FAILED.value), (lapsed, State.QUEUED.value), else_=_c.state).label(
            "stands"
        )
        statement = select(stands, func.count()).where(_c.tenant == tenant).group_by("stands")
        with self._db.read() as connection:
            return {State(state): count for state, count in connection.execute(statement)}

    def cancel(self, tenant: str, job: str) -> Job:
        """A job that nobody works on is cancelled now, another when its worker hears of it. Raises JobNotFound, JobConflict."""
        with self._db.write() as connection:
            row = _asked_for(_row(connection, tenant, job))
            if row.state in (State.DONE, State.FAILED):
                raise JobConflict(f"{job} has ended already ({row.state}); there is nothing to cancel")
            if row.state == State.RUNNING and row.leased_until > self._clock():
                connection.execute(update(t.jobs).where(_c.id == job).values(cancelling=True))
            elif row.state != State.CANCELLED:
                self._ended(connection, _c.id == job, State.CANCELLED, Cause("", ""))
            return _one(connection, tenant, job, self._clock())

    def resume(self, tenant: str, job: str) -> Job:
        """Raises JobNotFound, JobConflict."""
        with self._db.write() as connection:
            row = _asked_for(_row(connection, tenant, job))
            # whoever was to hear of its cancelling is dead: it would stay so until somebody works again
            unheard = _state(row) == State.CANCELLING and row.leased_until <= self._clock()
            if row.state not in (State.FAILED, State.CANCELLED) and not unheard:
                raise JobConflict(f"{job} is {_state(row)}; {_NOT_NOW.get(_state(row), 'it goes on by itself')}")
            fresh = {
                "state": State.QUEUED.value,
                "futile": 0,
                "code": "",
                "reason": "",
                "ended_at": None,
                "cancelling": False,
            }
            connection.execute(update(t.jobs).where(_c.id == job).values(**fresh))
            return _one(connection, tenant, job, self._clock())

    # --- working

    def take(self, tenant: str, worker: str) -> Claim | None:
        """The oldest job that waits, or whose worker has not been heard of in time or is known to be dead; None where there is none.

        One that was taken up too often without getting on fails, with what it was at in the cause.
        """
        with self._db.write() as connection:
            waiting = select(t.jobs).where(self._due(tenant)).order_by(_c.created_at, _c.id).limit(1)
            while (row := connection.execute(waiting.with_for_update(skip_locked=True)).first()) is not None:
                if row.cancelling:
                    self._ended(connection, _c.id == row.id, State.CANCELLED, Cause("", ""))
                elif row.futile >= MOST_FUTILE:
                    self._ended(connection, _c.id == row.id, State.FAILED, _gave_up(row))
                else:
                    return self._claimed(connection, row, worker)
        return None

    def waiting(self, tenant: str) -> bool:
        """Whether there is one to take; cheap."""
        with self._db.read() as connection:
            return connection.execute(select(_c.id).where(self._due(tenant)).limit(1)).first() is not None

    def unfinished(self, tenant: str) -> bool:
        """Whether any waits or is being worked on."""
        open_ = and_(_c.tenant == tenant, _c.by == "", _c.state.in_((State.QUEUED, State.RUNNING)))
        with self._db.read() as connection:
            return connection.execute(select(_c.id).where(open_).limit(1)).first() is not None

    def _due(self, tenant: str) -> ColumnElement[bool]:
        held = _c.state == State.RUNNING
        left = held if self._alone else and_(held, _c.leased_until <= self._clock())
        return and_(_c.tenant == tenant, _c.by == "", or_(_c.state == State.QUEUED, left))

    def _claimed(self, connection: Connection, row: Row[Any], worker: str) -> Claim:
        now = self._clock()
        mine = {"state": State.RUNNING.value, "worker": worker, "leased_until": now + self._lease}
        tries = {"attempts": row.attempts + 1, "futile": row.futile + 1, "started_at": row.started_at or now}
        connection.execute(update(t.jobs).where(_c.id == row.id).values(**mine, **tries))
        paths = tuple(Path(path) for path in msgspec.json.decode(row.paths, type=list[str]))
        return Claim(row.id, worker, row.attempts + 1, Principal(row.tenant, row.subject), paths)

    def _left(self, tenant: str) -> ColumnElement[bool]:
        """Jobs of followers that were not heard of in time: nobody else goes on with them."""
        return and_(_c.tenant == tenant, _c.by != "", _c.state == State.RUNNING, _c.leased_until <= self._clock())

    def beat(self, claim: Claim) -> tuple[bool, Micros]:
        """Say that the worker lives: whether the job is to be cancelled, and until when the claim holds now. Raises LeaseLost.

        Only a claim that a third of its time has gone of is written, so that one may ask often whether to go on.
        """
        now = self._clock()
        held = select(_c.cancelling, _c.leased_until).where(self._mine(claim))
        with self._db.read() as connection:
            row = connection.execute(held).first()
        if row is not None and row.leased_until - now > self._lease * 2 // 3:
            return bool(row.cancelling), row.leased_until
        with self._db.write() as connection:
            self._fenced(connection, claim, leased_until=now + self._lease)
            return bool(connection.execute(held).one().cancelling), now + self._lease

    def told(self, claim: Claim, at: tuple[int, int, str], reports: Sequence[SourceReport]) -> None:
        """Keep how far the job is, (done, total, the source in hand), and what became of sources. Raises LeaseLost."""
        moved = {"done": at[0], "total": at[1], "source": at[2]}
        with self._db.write() as connection:
            self._fenced(connection, claim, **moved)
            if _keep(connection, claim.job, at[0] - len(reports), reports):
                self._fenced(connection, claim, futile=0)

    def end(self, claim: Claim, state: State, cause: Cause) -> None:
        """Raises LeaseLost."""
        with self._db.write() as connection:
            self._ended(connection, self._mine(claim), state, cause)

    def release(self, claim: Claim) -> None:
        """Back into the queue: the worker ends, the job did nothing wrong. Raises LeaseLost."""
        with self._db.write() as connection:
            self._fenced(connection, claim, state=State.QUEUED.value, futile=0, leased_until=None)

    def _mine(self, claim: Claim) -> ColumnElement[bool]:
        whose = and_(_c.worker == claim.worker, _c.attempts == claim.attempt)
        return and_(_c.id == claim.job, _c.state == State.RUNNING, whose)

    def _fenced(self, connection: Connection, claim: Claim, **values: Any) -> None:
        if not connection.execute(update(t.jobs).where(self._mine(claim)).values(**values)).rowcount:
            raise LeaseLost(f"{claim.job} is not {claim.worker}'s any more: it was not heard of in time")

    def _ended(self, connection: Connection, which: ColumnElement[bool], state: State, cause: Cause) -> None:
        if not self._end_all(connection, which, state, cause):
            raise LeaseLost

    def _end_all(self, connection: Connection, which: ColumnElement[bool], state: State, cause: Cause) -> int:
        told = {"state": state.value, "code": cause.code, "reason": cause.reason, "ended_at": self._clock()}
        idle = {"worker": None, "leased_until": None, "cancelling": False, "source": ""}
        return connection.execute(update(t.jobs).where(which).values(**told, **idle)).rowcount


def _row(connection: Connection, tenant: str, job: str) -> Row[Any]:
    mine = select(t.jobs).where(_c.id == job, _c.tenant == tenant).with_for_update()
    row = connection.execute(mine).first()
    if row is None:
        raise JobNotFound(f"no job {job[:40]!r} is yours")
    return row


def _asked_for(row: Row[Any]) -> Row[Any]:
    """Raises JobConflict for a follower's."""
    if row.by:
        raise JobConflict(
            f"{row.id} is a follower's ({row.by}), which takes in by itself what is there; stop the follower to end it"
        )
    return row


def _one(connection: Connection, tenant: str, job: str, now: Micros) -> Job:
    row = connection.execute(select(t.jobs).where(_c.id == job, _c.tenant == tenant)).first()
    if row is None:
        raise JobNotFound(f"no job {job[:40]!r} is yours")
    statement = select(t.job_sources).where(_s.job == job).order_by(_s.position, _s.source)
    sources = tuple(_report(each) for each in connection.execute(statement))
    counts = _counts(connection, [job]).get(job, {})
    return msgspec.structs.replace(_job(row, counts, now), sources=sources)


def _counts(connection: Connection, jobs: Sequence[str]) -> dict[str, dict[str, int]]:
    statement = select(_s.job, _s.status, func.count()).where(_s.job.in_(jobs)).group_by(_s.job, _s.status)
    counts: dict[str, dict[str, int]] = {}
    for job, status, count in connection.execute(statement.order_by(_s.status)):
        counts.setdefault(job, {})[status] = count
    return counts


def _keep(connection: Connection, job: str, position: int, reports: Sequence[SourceReport]) -> bool:
    """Whether any says more than was known. What an earlier attempt took in comes back as unchanged, and stays taken in."""
    further = False
    for begin in range(0, len(reports), CHUNK):
        some = {each.source: (n, each) for n, each in enumerate(reports[begin : begin + CHUNK], position + begin)}
        of = and_(_s.job == job, _s.source.in_(some))
        before = {row.source: row.status for row in connection.execute(select(_s.source, _s.status).where(of))}
        moved = {s: told for s, told in some.items() if s in before and told[1].status not in ("unchanged", before[s])}
        fresh = {s: told for s, told in some.items() if s not in before}
        for source, told in moved.items():
            mine = and_(_s.job == job, _s.source == source)
            connection.execute(update(t.job_sources).where(mine).values(_values(job, *told)))
        if fresh:
            connection.execute(insert(t.job_sources), [_values(job, *told) for told in fresh.values()])
        further = further or bool(moved) or any(told[1].status != "unchanged" for told in fresh.values())
    return further


def _values(job: str, position: int, report: SourceReport) -> dict[str, Any]:
    return {"job": job, "position": position, **msgspec.structs.asdict(report)}


def _report(row: Row[Any]) -> SourceReport:
    return SourceReport(
        source=row.source, status=row.status, evidence=row.evidence, sequence=row.sequence, reason=row.reason, code=row.code
    )  # fmt: skip


def _state(row: Row[Any]) -> State:
    return State.CANCELLING if row.cancelling and row.state == State.RUNNING else State(row.state)


def _job(row: Row[Any], counts: dict[str, int], now: Micros) -> Job:
    same = {name: getattr(row, name) for name in Job.__struct_fields__ if name in t.jobs.c}
    paths = tuple(msgspec.json.decode(row.paths, type=list[str]))
    stands: dict[str, Any] = {"state": _state(row)}
    if row.by and row.state == State.RUNNING and row.leased_until <= now:
        stands = {"state": State.FAILED, "code": _LEFT.code, "reason": _LEFT.reason}
    return Job(**(same | {"paths": paths} | stands), counts=counts)


def _gave_up(row: Row[Any]) -> Cause:
    at = f", the last time at {row.source}" if row.source else ""
    told = f"whoever worked on it ended {row.futile} times in a row without getting one source further{at}"
    return Cause("given_up", f"{told}; see what ends the process (memory?), then resume the job")
