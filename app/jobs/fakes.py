"""Jobs in memory, for tests and for developing surfaces: the real ones, over a database that goes with the process."""

from __future__ import annotations

from pathlib import Path

from app.jobs.room import House, Ingest, JobRoom
from app.jobs.store import JobStore
from app.jobs.turn import IngestTurn
from retrieval.catalog import system_clock
from retrieval.catalog.database import Database
from retrieval.catalog.tables import job_sources, jobs, metadata


def memory_room(ingest: Ingest, folder: Path, tenant: str) -> JobRoom:
    """`folder` holds the lock that ingests take turns by."""
    database = Database(":memory:")
    with database.write() as connection:
        metadata.create_all(connection, tables=[jobs, job_sources])
    house = House(
        IngestTurn(folder / "ingest.lock"), system_clock, tenant, audit=lambda principal, action, detail: None
    )
    return JobRoom(JobStore(database, system_clock), ingest, house)
