"""Opens an ingested store for claims: what there is to say, and what claims are verified with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from app.jobs.taking import ZONE
from app.verify.port import Instruments
from eval.claims.world import Series, World
from ingest.entities import EntityLinker
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog import Catalog
from retrieval.errors import InputError
from retrieval.types import Evidence, Filter, Kind, Micros, Principal

_MOST = 1_000_000


class _Samples(msgspec.Struct, frozen=True):
    t: list[Micros]
    v: list[float | None]


class Opened(NamedTuple):
    """A store's world, and how its text is linked to entities."""

    world: World
    find: Callable[[str], Sequence[tuple[int, int, str]]]
    samples: Callable[[Evidence], Series | None]
    zone: tzinfo


def open_store(folder: Path, tenant: str = "default") -> Opened:
    """Read a data directory that a site was ingested into. Raises InputError where there is none."""
    if not (folder / "catalog.sqlite3").is_file():
        raise InputError(f"{folder} holds no store; ingest a site into it first")
    book, blobs = Catalog(folder / "catalog.sqlite3"), FolderBlobs(folder / "blobs")
    try:
        principal = Principal(tenant)
        evidence = book.scan(Filter(), principal, _MOST)
        entities = book.entities(principal)
        named = book.meta(tenant, ZONE)
    finally:
        book.close()
    kept: dict[str, Series] = {}

    def samples(one: Evidence) -> Series | None:
        if one.kind is not Kind.WINDOW or one.media is None:
            return None
        if one.id not in kept:
            drawn = msgspec.json.decode(blobs.get(one.tenant, one.media), type=_Samples)
            kept[one.id] = Series(drawn.t, [math.nan if v is None else v for v in drawn.v])
        return kept[one.id]

    zone: tzinfo = ZoneInfo(named) if named else UTC
    world = World(evidence, entities, samples, zone)
    return Opened(world, EntityLinker(entities).find, samples, zone)


def instruments(opened: Opened) -> Instruments:
    """What the product's verifier is given over this store."""
    return Instruments(opened.find, opened.samples, opened.zone)
