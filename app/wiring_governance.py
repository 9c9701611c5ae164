"""The part of the wiring that puts erasure, retention and legal holds together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from app.governance.indexes import OwnIndexes
from app.governance.office import Office, Pace
from app.governance.places import Places
from app.governance.purging import Purger
from app.governance.receipts import Seal
from app.governance.retention import Retention, Rules, age
from app.ports import Check
from app.settings import Settings
from app.wiring_store import StoreRooms, catalog_place
from retrieval.catalog import codec, system_clock
from retrieval.catalog.database import Database
from retrieval.catalog.erasures import ErasureBook
from retrieval.erasure.values import State
from retrieval.errors import WatchfloorError
from retrieval.snapshots import Snapshotted
from retrieval.types import Kind

if TYPE_CHECKING:
    from app.wiring import Parts

_POSTGRES = (
    "PostgreSQL's own files: dead rows were vacuumed, what its log, replicas and backups hold is its keeper's to remove"
)
_NEO4J = "Neo4j's own files: the nodes were deleted, its transaction log and backups are its keeper's to remove"
_REPLICAS = "indexes of instances that serve from another data directory: run `watchfloor reconcile` there"


def office(parts: Parts, rooms: StoreRooms, settings: Settings) -> Office:
    """Over the catalog, through connections of its own, made once the catalog is at its newest tables. Raises StoreError."""
    folder, seal = settings.data_dir.resolve(), Seal(settings.data_dir.resolve())
    # opening it brings its tables up to date
    _ = parts.book
    book = ErasureBook(Database(catalog_place(settings)), system_clock)
    retention = Retention(book, rules(settings), system_clock)

    places = Places(folder, parts.blobs, parts.book.tenant_key, (partial(_forget, parts),))

    def purger() -> Purger:
        return Purger(book, _indexes(parts, rooms, settings), places, seal, system_clock)

    pace = Pace(rules_s=settings.retention.every_s)
    return Office(book, seal, purger, retention, places, settings.tenant, pace)


def rules(settings: Settings) -> Rules:
    """The rules as the settings have them. Raises BadSettings."""
    given = settings.retention
    told = {kind: getattr(given, str(kind)) for kind in Kind}
    kept = {kind: age(each) for kind, each in told.items() if each is not None}
    return Rules(kept, None if given.coverage is None else age(given.coverage), given.by)


def _indexes(parts: Parts, rooms: StoreRooms, settings: Settings) -> OwnIndexes:
    projections = {"vectors": rooms.vectors, "words": rooms.words, "graph": rooms.graph}
    beyond = [_POSTGRES, _REPLICAS] if settings.store.url else []
    beyond += [_NEO4J] if settings.neo4j.uri else []
    folder = settings.data_dir.resolve() / "projections" / settings.instance
    taken = isinstance(rooms.vectors, Snapshotted)
    return OwnIndexes(rooms.follower, projections, folder, parts.book.sequence, beyond, snapshots=taken)


def _forget(parts: Parts) -> None:
    """What this process keeps in memory of what it was asked and has read lately."""
    codec.forget()
    for name in ("gallery", "seeker"):
        part = parts.__dict__.get(name)
        if part is not None:
            part.forget()


def governance_check(parts: Parts) -> Check:
    """One line for doctor and health: what is hidden and not yet gone, what is held, and what the rules keep."""
    try:
        book, tenant = parts.governance, parts.keeper
        waiting = [each for each in book.erasures(tenant) if each.state in (State.HIDDEN, State.PURGING)]
        holds = book.holds(tenant)
    except WatchfloorError as problem:
        return Check("erasure", "failed", str(problem))
    told = [f"{len(waiting)} hidden, bytes not gone yet" if waiting else "nothing waits to be removed"]
    told += [each.trouble for each in waiting if each.trouble][:1]
    told += [f"{len(holds)} legal holds"] if holds else []
    return Check("erasure", "degraded" if any(each.trouble for each in waiting) else "ok", "; ".join(told))
