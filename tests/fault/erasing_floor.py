"""A store with all its real indexes and an office that erases from it: floor for tests, and a program that erases until it is killed.

python erasing_floor.py FOLDER SOURCE: hide a source, say so on standard output, and remove its bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from app.governance.indexes import OwnIndexes
from app.governance.office import Office
from app.governance.places import Places
from app.governance.purging import Purger
from app.governance.receipts import Seal
from app.governance.retention import Retention, Rules
from retrieval.adapters.faiss_vectors import FaissVectors
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.adapters.ladybug_graph import LadybugGraph
from retrieval.adapters.tantivy_words import TantivyWords
from retrieval.canary import Canary
from retrieval.catalog import Catalog, system_clock
from retrieval.catalog.database import Database
from retrieval.catalog.erasures import ErasureBook
from retrieval.erasure.values import Target
from retrieval.ids import evidence_id
from retrieval.ports import Unit
from retrieval.projector import Projector
from retrieval.snapshots import Snapshots, Snapshotted
from retrieval.types import CharSpan, Embedding, Evidence, Kind, Mention, Principal, Provenance, Relation, Vector
from retrieval.upkeep import Memory, Upkeep

ANN = Principal("t", "ann")
SPACE, DIM = "text", 64
INSTANCE = "local"


def source(number: int) -> str:
    return f"file:///site/report-{number}.md"


def vector(number: int, part: int) -> Vector:
    """Its own for every piece, L2-normalised, shape (DIM,)."""
    drawn = np.random.default_rng([number, part]).normal(size=DIM).astype(np.float32)
    unit: Vector = drawn / np.linalg.norm(drawn)
    return unit


def word(number: int, part: int) -> str:
    """A word that only this piece has."""
    return f"Serial{number:03}x{part:03}"


def pieces(number: int, count: int) -> list[Evidence]:
    uri = source(number)
    return [
        Evidence(
            id=evidence_id(b"key", uri, CharSpan(part, part + 1), word(number, part)),
            tenant="t",
            source=uri,
            kind=Kind.PASSAGE,
            locator=CharSpan(part, part + 1),
            text=f"The seal {word(number, part)} of the pump was replaced",
            provenance=Provenance("test"),
            entities=(Mention(f"P-{number}", Relation.MENTIONS),),
        )
        for part in range(count)
    ]


def unit(number: int, count: int, blobs: FolderBlobs) -> Unit:
    """A source whose pieces have a vector, a word and a blob of their own each."""
    made = [
        msgspec.structs.replace(each, media=blobs.put("t", f"picture of {each.id}".encode(), "image/png"))
        for each in pieces(number, count)
    ]
    vectors = [Embedding(each.id, SPACE, vector(number, part)) for part, each in enumerate(made)]
    return Unit("t", source(number), f"hash {number}", "test", made, vectors)


class Floor:
    """The rooms of a data directory, as the wiring puts them together; `around` may stand in for what the purger works with."""

    def __init__(
        self,
        folder: Path,
        rules: Rules | None = None,
        around: Callable[[str, object], object] | None = None,
        where: str | None = None,
    ) -> None:
        """`where` is the catalog's URL; without one it is a file in the folder."""
        catalog = where or folder / "catalog.sqlite3"
        wrapped = around or (lambda _, part: part)
        projections = folder / "projections" / INSTANCE
        self.folder, self.catalog = folder, Catalog(catalog)
        self.blobs, self.vectors = FolderBlobs(folder / "blobs"), FaissVectors(gpu=False)
        self.words, self.graph = TantivyWords(projections / "words"), LadybugGraph(projections / "graph")
        parts = {"vectors": self.vectors, "words": self.words, "graph": self.graph}
        projector = Projector(self.catalog, tuple(parts.values()), system_clock)
        snapshots = Snapshots(projections / "snapshots", self.catalog.census, system_clock)
        taken = isinstance(self.vectors, Snapshotted)
        memory = Memory(self.vectors, snapshots) if isinstance(self.vectors, Snapshotted) else None
        canary = Canary(self.catalog, self.catalog.census, *parts.values())
        self.follower = Upkeep(projector, canary, memory)
        self.book, self.seal = ErasureBook(Database(catalog)), Seal(folder)
        indexes = OwnIndexes(self.follower, parts, projections, self.catalog.sequence, snapshots=taken)
        places = Places(folder, self.blobs, self.catalog.tenant_key)
        made: Sequence[object] = [
            wrapped(*each) for each in (("book", self.book), ("indexes", indexes), ("places", places))
        ]
        self.office = Office(
            self.book,
            self.seal,
            lambda: Purger(*made, self.seal, system_clock),  # type: ignore[arg-type]
            Retention(self.book, rules or Rules({}, None), system_clock),
            places,
            "t",
        )

    def fill(self, sources: int, count: int) -> None:
        for number in range(sources):
            self.catalog.commit(unit(number, count, self.blobs))
        self.follower.catch_up()

    def close(self) -> None:
        self.office.close()
        for part in (self.follower, self.vectors, self.words, self.graph, self.catalog):
            part.close()


def erase(folder: Path, uri: str) -> None:
    floor = Floor(folder)
    floor.office.erase(Target(sources=(uri,)), ANN)
    sys.stdout.write("hidden\n")
    sys.stdout.flush()
    floor.office.resume()
    floor.close()


if __name__ == "__main__":
    erase(Path(sys.argv[1]), sys.argv[2])
