"""A worker in a process of its own, to be killed: job_worker.py CATALOG FOLDER [until-done]. Says READY once it works."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from app.jobs.room import House, JobRoom
from app.jobs.store import JobStore
from app.jobs.taking import IngestJob
from app.jobs.turn import IngestTurn
from ingest.fakes import InProcess
from ingest.pipeline import Pipeline
from ingest.ports import Batch, Draft, Item
from ingest.reports.reader import ReportReader
from ingest.tables.reader import TableReader
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog import Catalog, system_clock
from retrieval.catalog.database import Database
from retrieval.fakes.encoders import HashTextEncoder
from retrieval.types import CharSpan, Kind

LEASE_US = 2_000_000
TENANT = "acme"


class Lines:
    """Text of several batches that takes its time, so that a kill finds half a source."""

    name, version = "lines", "1"

    def accepts(self, item: Item) -> bool:
        return item.path.suffix == ".txt"

    def read(self, item: Item, tenant: str) -> Iterator[Batch]:
        for n, line in enumerate(item.path.read_text().splitlines()):
            time.sleep(0.01)
            if line == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            yield Batch([Draft(Kind.PASSAGE, CharSpan(n, n + 1), f"{item.name} says {line}")])


class Eyeless:
    def renew(self) -> None:
        """Nothing depends on a site here."""

    def eyes(self) -> str:
        return "eyes: none"

    def ears(self) -> str:
        return "ears: none"


def room_in(where: str, folder: Path, catalog: Catalog) -> JobRoom:
    readers = [Lines(), ReportReader(), TableReader(catalog.site, InProcess())]
    blobs = FolderBlobs(folder / "blobs")

    def pipeline() -> Pipeline:
        return Pipeline(catalog, blobs, readers, HashTextEncoder(), None, system_clock)

    ingest = IngestJob(catalog, folder, pipeline, Eyeless())
    house = House(IngestTurn(folder / "ingest.lock"), system_clock, TENANT, catalog.audit)
    # a database that others reach too knows of a dead worker by its lease alone
    store = JobStore(Database(where), system_clock, LEASE_US, alone="://" not in where)
    return JobRoom(store, ingest, house, beat_s=0.1)


def main() -> None:
    faulthandler.enable()
    where, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(exist_ok=True)
    room = room_in(where, folder, Catalog(where))
    print("READY", flush=True)
    room.work(threading.Event(), lambda job: print(job.id, job.state, flush=True), lasting=len(sys.argv) < 4)


if __name__ == "__main__":
    main()
