"""A job: an ingest that was asked for, and how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from app.ports import SourceReport
from retrieval.types import Micros, Principal


class State(StrEnum):
    """`cancelling` is a running job that was told to stop; `done`, `failed` and `cancelled` have ended."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`done` of `total` sources are through; `source` is the one in hand. `attempts` counts the times it was taken up.

    `by` names the follower whose job it is: it is no worker's to take up, and nobody's to cancel or resume; "" = somebody asked for it.
    `code` and `reason` are the cause of a failure, or of the last attempt that came to nothing. `counts` is the number of sources by what
    became of them; `sources`, in the order they were read, is empty in listings.
    """

    id: str
    tenant: str
    subject: str
    paths: tuple[str, ...]
    state: State
    attempts: int
    done: int
    total: int
    source: str
    code: str
    reason: str
    created_at: Micros
    started_at: Micros | None
    ended_at: Micros | None
    by: str = ""
    counts: dict[str, int] = {}
    sources: tuple[SourceReport, ...] = ()


class Claim(NamedTuple):
    """A job that a worker has taken. `attempt` tells this taking from every other, of the same worker too."""

    job: str
    worker: str
    attempt: int
    principal: Principal
    paths: tuple[Path, ...]


class Cause(NamedTuple):
    """Why a job came to nothing: a stable machine word, and a sentence."""

    code: str
    reason: str


class Desk(Protocol):
    """What may be asked of jobs; of another tenant's there are none. Raises JobNotFound for an id that is not the tenant's."""

    def submit(self, paths: Sequence[Path], principal: Principal) -> Job:
        """Put an ingest at the end of the queue. Raises InputError for paths that are not there."""

    def listed(self, principal: Principal, limit: int = 50) -> list[Job]:
        """The newest first."""

    def one(self, job: str, principal: Principal) -> Job:
        """One with its sources."""

    def cancel(self, job: str, principal: Principal) -> Job:
        """Stop it before its next commit; what is committed stays. Raises JobConflict for one that has ended otherwise."""

    def resume(self, job: str, principal: Principal) -> Job:
        """Queue it again, to go on where it stopped. Raises JobConflict for one that did not fail and was not cancelled."""
