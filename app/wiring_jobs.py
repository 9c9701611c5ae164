"""The part of the wiring that makes every ingest a job, and chooses the engine that reads for it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from app.jobs.room import House, JobRoom
from app.jobs.store import JobStore
from app.jobs.taking import IngestJob
from app.jobs.turn import IngestTurn
from app.settings import Settings, hand_down
from app.wiring_store import catalog_place
from ingest.engine import Engine, LocalEngine
from ingest.engine_ray import RayEngine
from ingest.ports import Reader
from retrieval.catalog import system_clock
from retrieval.catalog.database import Database

if TYPE_CHECKING:
    from app.wiring import Parts

# settings that shape what is read
_READING = ("data_dir", "tenant", "timezone", "encoders", "detection", "privacy", "limits")


def job_room(parts: Parts, settings: Settings) -> JobRoom:
    """Over the catalog's own database, through connections of its own: a beat does not wait for what the catalog writes in this process.

    Raises StoreError.
    """
    folder = settings.data_dir.resolve()
    ingest = IngestJob(parts.book, folder, parts._pipeline, parts)
    # beside a file every worker on it takes its turn by a lock; a database may have workers on other machines
    store = JobStore(Database(catalog_place(settings)), system_clock, alone=settings.store.url is None)
    house = House(IngestTurn(folder / "ingest.lock"), system_clock, settings.tenant, parts.book.audit)
    return JobRoom(store, ingest, house)


def engine_of(settings: Settings) -> Engine:
    """Made for one run. Raises BadSettings where the engine that is asked for is not installed."""
    asked = settings.ingest
    if asked.engine == "local":
        return LocalEngine()
    # it would report to its makers how it is used
    hand_down({"RAY_USAGE_STATS_ENABLED": "0"})
    return RayEngine(partial(readers_of, _for_reading(settings)), asked.ray_address, asked.ray_workers)


def _for_reading(settings: Settings) -> Settings:
    """What readers go by, the rest as it comes: passwords stay here."""
    rest = {name: field.get_default() for name, field in Settings.model_fields.items() if name not in _READING}
    return settings.model_copy(update=rest | {"data_dir": settings.data_dir.resolve()})


def readers_of(settings: Settings) -> Sequence[Reader]:
    """The readers of a process that only reads."""
    from app.wiring import Parts

    return Parts(settings).readers()
