"""A job goes over the wire and comes back the same."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.job import Job, State
from app.jobs.wire import WireJob, job_in, job_out
from app.ports import SourceReport

TIMES = st.integers(0, 4 * 10**15)
REPORTS = st.builds(
    SourceReport,
    source=st.text(),
    status=st.sampled_from(["ingested", "unchanged", "rejected"]),
    evidence=st.integers(0, 9),
    sequence=st.integers(0, 9),
    reason=st.none() | st.text(min_size=1),
    code=st.none() | st.text(min_size=1),
)
JOBS = st.builds(
    Job,
    id=st.text(), tenant=st.just("t"), subject=st.text(), paths=st.lists(st.text()).map(tuple), state=st.sampled_from(State),
    attempts=st.integers(0, 9), done=st.integers(0, 9), total=st.integers(0, 9), source=st.text(), code=st.text(),
    reason=st.text(), created_at=TIMES, started_at=st.none() | TIMES, ended_at=st.none() | TIMES,
    counts=st.dictionaries(st.text(), st.integers(1, 9)), sources=st.lists(REPORTS, max_size=2).map(tuple),
)  # fmt: skip


@given(JOBS)
def test_there_and_back(job: Job) -> None:
    sent = msgspec.json.encode(job_out(job, whole=True))
    assert job_in(msgspec.json.decode(sent, type=WireJob), "t") == job
    assert job_out(job).sources is None
