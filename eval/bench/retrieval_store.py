"""The store that `bench retrieval` searches: every piece stored through the catalog, each source one unit, twenty units a transaction.

Beside the n pieces lie decoys, one for each query twice: a copy of the query's own vector that passes all its filters, but of another
tenant, and one under a label that the asker does not hold. What lets one through is seen at once, for nothing is nearer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from app.settings import Settings, load
from app.wiring_store import StoreRooms
from eval.bench.retrieval_data import SOURCES, SPAN_S, Material, make, save, texts
from eval.bench.retrieval_data import load as material_in
from eval.bench.retrieval_places import Places
from retrieval.catalog import Catalog, system_clock
from retrieval.errors import InputError, SourceRejected
from retrieval.ids import evidence_id
from retrieval.ports import Unit
from retrieval.projector import Projector
from retrieval.types import (
    Embedding,
    Evidence,
    Interval,
    Kind,
    Mention,
    Micros,
    Principal,
    Provenance,
    Relation,
    RowKey,
    Vector,
)

Progress = Callable[[int, int, str], None]
TENANT, OTHER, SPACE = "bench", "elsewhere", "text:bench-384"
SHIFT, SECRET = "shift", "secret"
ASKER = Principal(TENANT, "asker", labels=(SHIFT,))
# 2026-06-01T00:00:00Z
BEGIN: Micros = 1_780_272_000_000_000
_SECOND = 1_000_000
_FORMAT, _NOTE, _INGESTER, _AT_ONCE = 1, "retrieval.json", "bench 1", 20
_PROVENANCE = Provenance(_INGESTER)


class Built(msgspec.Struct, frozen=True):
    """What a store holds and how long committing it took, in seconds."""

    format: int
    n: int
    decoys: int
    commit_s: float


class Who(NamedTuple):
    """Whose a piece is and who may see it."""

    tenant: str
    key: bytes
    labels: tuple[str, ...] = ()


def settings_at(folder: Path, storage: str = "") -> Settings:
    """Settings of a store as they ship, but for the storage of vectors where one is named: it then has indexes of its own."""
    chosen: dict[str, Any] = {"vectors": {"storage": storage}, "instance": storage} if storage else {}
    return load(data_dir=folder, tenant=TENANT, timezone="UTC", **chosen)


def source_uri(number: int) -> str:
    return f"file:///plant/readings-{number:03d}.csv"


def asset_id(number: int) -> str:
    return f"P-{number:04d}"


def zone_id(number: int) -> str:
    return f"ZONE-{number:02d}"


def number_of(evidence: Evidence) -> int:
    """The piece's number in the material; -1 for a decoy."""
    locator = evidence.locator
    return int(locator.key) if isinstance(locator, RowKey) and locator.key.isdigit() else -1


def prepared(places: Places, n: int, progress: Progress) -> Built:
    """Material and store of n pieces, made where they are not there. Raises InputError when others are."""
    if not (places.material / "note.json").is_file():
        progress(0, 1, f"making {n} vectors")
        save(make(n), places.material)
    material = material_in(places.material)
    if material.n != n:
        raise InputError(f"{places.folder} holds {material.n} pieces, not {n}; name another folder")
    return ready(places.store, material, progress)


def ready(folder: Path, material: Material, progress: Progress) -> Built:
    """The store of this material in `folder`, built when it is not there. Raises InputError when another one is."""
    note = folder / _NOTE
    if note.is_file():
        built = msgspec.json.decode(note.read_bytes(), type=Built)
        if (built.format, built.n) != (_FORMAT, material.n):
            raise InputError(f"{folder} holds a store of {built.n} pieces, not {material.n}; name another folder")
        return built
    if (folder / "catalog.sqlite3").exists():
        raise InputError(f"{folder} holds half a store, or none of this benchmark; remove it or name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    built = _build(folder, material, progress)
    note.write_bytes(msgspec.json.encode(built))
    return built


def follow(rooms: StoreRooms, progress: Progress | None = None) -> Projector:
    """The vectors alone, brought to the end of the log. Raises InputError where they cannot be."""
    follower = Projector(rooms.book, (rooms.vectors,), system_clock)
    told = None if progress is None else lambda name, done, total: progress(done, total, name)
    failed = follower.catch_up(told)
    if failed:
        raise InputError(f"the index could not follow: {failed}")
    return follower


def _build(folder: Path, material: Material, progress: Progress) -> Built:
    book = Catalog(folder / "catalog.sqlite3", system_clock)
    try:
        started, units = time.perf_counter(), list[Unit]()
        for done, unit in enumerate(_units(material, book), 1):
            units.append(unit)
            if len(units) == _AT_ONCE or done == 2 * SOURCES:
                store(book, units)
                units.clear()
            progress(done, 2 * SOURCES, "stored")
        return Built(_FORMAT, material.n, 2 * len(material.queries), time.perf_counter() - started)
    finally:
        book.close()


def store(book: Catalog, units: Sequence[Unit]) -> None:
    """In one transaction. Raises InputError where one is refused."""
    refused = [each for each in book.commit_all(units) if isinstance(each, SourceRejected)]
    if refused:
        raise InputError(f"the catalog refused what it was given: {refused[0]}")


def _units(material: Material, book: Catalog) -> Iterator[Unit]:
    """One of each source, and one of the same source of the other tenant."""
    mine, theirs = Who(TENANT, book.tenant_key(TENANT), (SECRET,)), Who(OTHER, book.tenant_key(OTHER))
    words = list(texts(material.n, seed=1))
    for source in range(SOURCES):
        rows = (material.columns["source"] == source).nonzero()[0].tolist()
        asked = [query for query, of in enumerate(material.values["source"]) if of == source]
        pieces = [_piece(material, row, words[row], mine) for row in rows]
        yield _unit(TENANT, source, [*pieces, *(_decoy(material, query, mine) for query in asked)])
        yield _unit(OTHER, source, [_decoy(material, query, theirs) for query in asked])


def _unit(tenant: str, number: int, pieces: Sequence[tuple[Evidence, Vector]]) -> Unit:
    source = source_uri(number)
    embeddings = [Embedding(piece.id, SPACE, vector) for piece, vector in pieces]
    return Unit(tenant, source, f"content of {source}", _INGESTER, [piece for piece, _ in pieces], embeddings)


def _piece(material: Material, row: int, text: str, who: Who) -> tuple[Evidence, Vector]:
    of = {name: int(column[row]) for name, column in material.columns.items()}
    begin = BEGIN + of["second"] * _SECOND
    # a quarter of the pieces lies under a label of the asker's, the others are the whole tenant's
    who = who._replace(labels=(SHIFT,) if row % 4 == 0 else ())
    valid = Interval(begin, begin + _SECOND)
    return evidence(who, source_uri(of["source"]), f"{row}", text, valid, (of["asset"], of["zone"])), material.vectors[
        row
    ]


def _decoy(material: Material, query: int, who: Who) -> tuple[Evidence, Vector]:
    of = {name: values[query] for name, values in material.values.items()}
    valid = Interval(BEGIN, BEGIN + SPAN_S * _SECOND)
    hangs = (of["asset"], of["apart"])
    return evidence(who, source_uri(of["source"]), f"decoy {query}", "not for you", valid, hangs), material.queries[
        query
    ]


def evidence(who: Who, source: str, key: str, text: str, valid: Interval, hangs: tuple[int, int]) -> Evidence:
    """A row of a table of readings that hangs on an asset and a zone, given by number."""
    locator = RowKey("readings", key)
    return Evidence(
        id=evidence_id(who.key, source, locator, text),
        tenant=who.tenant,
        source=source,
        kind=Kind.ROW,
        locator=locator,
        text=text,
        provenance=_PROVENANCE,
        valid=valid,
        entities=(Mention(asset_id(hangs[0]), Relation.MEASURES), Mention(zone_id(hangs[1]), Relation.OBSERVED_AT)),
        labels=who.labels,
    )
