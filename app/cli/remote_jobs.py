"""Jobs, spoken of to a running server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from app.jobs.job import Job
from app.jobs.wire import WireJob, job_in
from retrieval.errors import JobNotFound
from retrieval.types import Principal

T = TypeVar("T")


class Call(Protocol):
    """A request to the server: its reply, decoded. `signed` shows the token of serve.json."""

    def __call__(self, method: str, path: str, kind: type[T], json: Any = None, *, signed: bool = False) -> T: ...


class _Listed(msgspec.Struct, frozen=True):
    jobs: list[WireJob]


class RemoteJobs:
    """The Desk of a running server."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def submit(self, paths: Sequence[Path], principal: Principal) -> Job:
        body = {"paths": [str(path.resolve()) for path in paths]}
        made = self._call("POST", "/v1/ingest/local?wait=false", WireJob, json=body, signed=True)
        return job_in(made, principal.tenant)

    def listed(self, principal: Principal, limit: int = 50) -> list[Job]:
        found = self._call("GET", f"/v1/jobs?limit={limit}", _Listed)
        return [job_in(each, principal.tenant) for each in found.jobs]

    def one(self, job: str, principal: Principal) -> Job:
        return job_in(self._call("GET", _path(job), WireJob), principal.tenant)

    def cancel(self, job: str, principal: Principal) -> Job:
        return job_in(self._call("POST", f"{_path(job)}/cancel", WireJob), principal.tenant)

    def resume(self, job: str, principal: Principal) -> Job:
        return job_in(self._call("POST", f"{_path(job)}/resume", WireJob), principal.tenant)


def _path(job: str) -> str:
    if re.fullmatch(r"[\w-]{1,200}", job, re.ASCII) is None:
        raise JobNotFound(f"no job {job[:40]!r} is yours")
    return f"/v1/jobs/{job}"
