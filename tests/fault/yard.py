"""A store with everything that follows it, on disk, without models: what fault tests break. Importable by children."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from retrieval.adapters.faiss_vectors import FaissVectors
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.adapters.ladybug_graph import LadybugGraph
from retrieval.adapters.tantivy_words import TantivyWords
from retrieval.canary import Canary
from retrieval.catalog import Catalog, system_clock
from retrieval.failpoints import NOWHERE, Failpoints
from retrieval.ports import Unit
from retrieval.projector import Projector
from retrieval.snapshots import Snapshots
from retrieval.types import (
    CharSpan,
    Embedding,
    Entity,
    EntityType,
    Evidence,
    Interval,
    Kind,
    Link,
    LinkType,
    Mention,
    Principal,
    Provenance,
    Relation,
    Vector,
)
from retrieval.upkeep import Memory, Policy, Upkeep

TENANTS = ("north", "south")
SPACE, DIM = "text", 16
PIECES = 3
ALL = {tenant: Principal(tenant, "tester", ("guard",)) for tenant in TENANTS}
# a test says itself when snapshots are taken
NEVER = Policy(every=10**9, closing=10**9, probe_s=10**9)


def vector(*of: object) -> Vector:
    """Of length 1, shape (DIM,), always the same for the same things."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(repr(of).encode()).digest()[:8], "big"))
    drawn = rng.standard_normal(DIM).astype(np.float32)
    unit: Vector = drawn / np.linalg.norm(drawn)
    return unit


def tenant_of(number: int) -> str:
    return TENANTS[number % len(TENANTS)]


def ids_of(number: int, revision: int = 1) -> list[str]:
    return [f"ev_{number}_{revision}_{part}" for part in range(PIECES)]


def word_of(id_: str) -> str:
    """A word that only this piece has."""
    return f"serial{hashlib.sha256(id_.encode()).hexdigest()[:10]}"


def unit(number: int, revision: int = 1, pieces: int = PIECES) -> Unit:
    """Source `number` as it stands at a revision; each tenant has every second one, and every fifth tells of the site too."""
    tenant, source = tenant_of(number), f"feed:///{number}"
    ids = [f"ev_{number}_{revision}_{part}" for part in range(pieces)]
    evidence = [_piece(tenant, source, id_, number) for id_ in ids]
    embeddings = [Embedding(id_, SPACE, vector(id_)) for id_ in ids]
    pump = Entity(id=f"pump-{number % 7}", type=EntityType.ASSET, name=f"pump {number}", tenant=tenant)
    pumps = [pump] if number % 5 == 0 else []
    links = [Link(pump.id, LinkType.FEEDS, f"tank-{number % 3}", tenant) for pump in pumps]
    return Unit(tenant, source, f"h{revision}", "test", evidence, embeddings, entities=pumps, links=links)


def _piece(tenant: str, source: str, id_: str, number: int) -> Evidence:
    return Evidence(
        id=id_,
        tenant=tenant,
        source=source,
        kind=Kind.PASSAGE,
        locator=CharSpan(0, 9),
        text=f"pump inspected, plate {word_of(id_)}, bearing {word_of(id_ + 'b')}, casing {word_of(id_ + 'c')}",
        provenance=Provenance("test"),
        valid=Interval(number * 1_000, number * 1_000 + 500),
        entities=(Mention(f"pump-{number % 7}", Relation.MENTIONS),),
        labels=("guard",) if id_.endswith("_2") else (),
    )


@dataclass
class Yard:
    """Everything below one folder; opened when made. `failpoints` are reached by all of it."""

    folder: Path
    failpoints: Failpoints = NOWHERE
    policy: Policy = NEVER
    catalog: Catalog = field(init=False)

    def __post_init__(self) -> None:
        points = self.failpoints
        self.catalog = Catalog(self.folder / "catalog.sqlite3", system_clock, failpoints=points)
        self.blobs = FolderBlobs(self.folder / "blobs", points)
        self.vectors = FaissVectors(gpu=False)
        self.words = TantivyWords(self.folder / "projections" / "words", failpoints=points)
        self.graph = LadybugGraph(self.folder / "projections" / "graph", failpoints=points)
        parts = (self.vectors, self.words, self.graph)
        self.projector = Projector(self.catalog, parts, system_clock, failpoints=points)
        root = self.folder / "projections" / "snapshots"
        self.snapshots = Snapshots(root, self.catalog.census, system_clock, points)
        canary = Canary(self.catalog, self.catalog.census, *parts)
        self.upkeep = Upkeep(self.projector, canary, Memory(self.vectors, self.snapshots), self.policy)

    def put(self, numbers: Sequence[int], revision: int = 1) -> None:
        """Commit these sources, each a unit of its own."""
        for number in numbers:
            self.catalog.commit(unit(number, revision))

    def close(self) -> None:
        self.upkeep.close()
        for part in (self.vectors, self.words, self.graph, self.catalog):
            part.close()
