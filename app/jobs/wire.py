"""A job as JSON, and back."""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.jobs.job import Job, State
from app.ports import SourceReport
from retrieval.times import iso, to_micros
from retrieval.types import Micros


class WireJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job. Times are RFC 3339 in UTC; `code` and `reason` are the cause of a failure, null where there is none.

    `by` is the follower whose job it is, null where somebody asked for it. `source` is the source in hand, `counts` how many sources there
    are by what became of them; `sources` is null in listings.
    """

    id: str
    state: str
    paths: list[str]
    subject: str
    attempts: int
    done: int
    total: int
    source: str | None
    code: str | None
    reason: str | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    by: str | None = None
    counts: dict[str, int]
    sources: list[SourceReport] | None = None


def job_out(job: Job, *, whole: bool = False) -> WireJob:
    """`whole` with its sources."""
    return WireJob(
        id=job.id, state=job.state.value, paths=list(job.paths), subject=job.subject, attempts=job.attempts,
        done=job.done, total=job.total, source=job.source or None, code=job.code or None, reason=job.reason or None,
        created_at=iso(job.created_at), started_at=_when(job.started_at), ended_at=_when(job.ended_at),
        by=job.by or None, counts=job.counts, sources=list(job.sources) if whole else None,
    )  # fmt: skip


def job_in(wire: WireJob, tenant: str) -> Job:
    return Job(
        id=wire.id, tenant=tenant, subject=wire.subject, paths=tuple(wire.paths), state=State(wire.state),
        attempts=wire.attempts, done=wire.done, total=wire.total, source=wire.source or "", code=wire.code or "",
        reason=wire.reason or "", created_at=_at(wire.created_at), started_at=_at(wire.started_at) if wire.started_at else None,
        ended_at=_at(wire.ended_at) if wire.ended_at else None, by=wire.by or "", counts=wire.counts, sources=tuple(wire.sources or ()),
    )  # fmt: skip


def _when(at: Micros | None) -> str | None:
    return None if at is None else iso(at)


def _at(when: str) -> Micros:
    return to_micros(datetime.fromisoformat(when))
