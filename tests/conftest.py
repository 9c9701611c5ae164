"""What every kind of test may use: a migrated store to copy, and a house to ask questions in."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import settings

from app.answer.brief import EvidenceBrief, investigate
from app.answer.desk import Desk, Finding, Tools
from app.answer.premises import Premises
from app.answer.sights import Sights
from app.ports import Ask
from ingest.entities import EntityLinker
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.catalog import Catalog
from retrieval.fakes import HashImageEncoder, HashTextEncoder, MemoryGraph, MemoryVectors, MemoryWords
from retrieval.ids import evidence_id
from retrieval.pictures import decoded
from retrieval.ports import Unit
from retrieval.projector import Projector
from retrieval.search import Indexes, Models, Searcher, load_weights
from retrieval.types import (
    Answer,
    Coverage,
    Embedding,
    Entity,
    Evidence,
    Interval,
    Kind,
    Link,
    Locator,
    Mention,
    Principal,
    Provenance,
    Relation,
    SeriesWindow,
    Vector,
)

# a busy machine is no reason to fail; a test that needs more examples says so, and --hypothesis-profile thorough asks for many
settings.register_profile("few", max_examples=25, deadline=None)
settings.register_profile("many", max_examples=60, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("few")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store at the newest revision. Migrating takes 60 ms and alembic half a second to import: done once."""
    path = tmp_path_factory.mktemp("migrated") / "catalog.db"
    Catalog(path).close()
    return path


@pytest.fixture(scope="session")
def store_at(migrated: Path) -> Callable[[Path], Path]:
    """Put an empty store at a path."""
    return lambda path: Path(shutil.copy(migrated, path))


@dataclass
class House:
    """A catalog, blobs and in-memory indexes, with what a test puts in, and the brief that answers from them."""

    catalog: Catalog
    blobs: FolderBlobs
    folder: Path
    zone: tzinfo = field(default_factory=lambda: ZoneInfo("Europe/Madrid"))
    labels: dict[str, str] = field(default_factory=lambda: {"person": "person", "people": "person", "fire": "fire"})
    me: Principal = field(default_factory=lambda: Principal("t"))

    def __post_init__(self) -> None:
        self.encoder = HashTextEncoder(256)
        parts = (MemoryVectors(), MemoryWords(), MemoryGraph())
        self.projector = Projector(self.catalog, parts, lambda: 0)
        indexes = Indexes(self.catalog, *parts)
        self.image: HashImageEncoder | None = None
        self._indexes = indexes
        self.searcher = Searcher(indexes, Models(self.encoder, None, None), load_weights(), self.linked)

    def open_eyes(self) -> None:
        """From now on frames get vectors of their colours, and pictures can be searched by."""
        self.searcher.close()
        self.image = HashImageEncoder()
        self.searcher = Searcher(self._indexes, Models(self.encoder, self.image, None), load_weights(), self.linked)

    def close(self) -> None:
        self.searcher.close()
        self.catalog.close()

    def piece(self, source: str, kind: Kind, locator: Locator, text: str, **more: Any) -> Evidence:
        """A piece of evidence; `on` names the things it hangs on."""
        on = tuple(Mention(entity, Relation.OBSERVED_AT) for entity in more.pop("on", ()))
        return Evidence(
            id=evidence_id(b"key", source, locator, text),
            tenant="t",
            source=f"file:///site/{source}",
            kind=kind,
            locator=locator,
            text=text,
            provenance=Provenance("test"),
            entities=on,
            **more,
        )

    def window(self, source: str, column: str, t: Sequence[int], v: Sequence[float | None], **more: Any) -> Evidence:
        """A window of a series with its samples in the blobs; it ends one step after its last sample."""
        span = Interval(t[0], t[-1] + (t[1] - t[0] if len(t) > 1 else 60_000_000))
        stored = msgspec.json.encode({"series": column, "t": t, "v": v, "unit": more.pop("unit", "")})
        media = self.blobs.put("t", stored, "application/json")
        text = more.pop("text", f"{column}: {len(t)} samples")
        locator = SeriesWindow(column, span.t0, span.t1)
        return self.piece(source, Kind.WINDOW, locator, text, media=media, valid=span, **more)

    def put(
        self,
        *evidence: Evidence,
        coverage: Sequence[Coverage] = (),
        entities: Sequence[Entity] = (),
        links: Sequence[Link] = (),
    ) -> None:
        """Commit and project."""
        sources = dict.fromkeys([e.source for e in evidence] + [c.source for c in coverage]) or {
            "file:///site.yaml": None
        }
        for n, source in enumerate(sources):
            own = [e for e in evidence if e.source == source]
            vectors = self.encoder.encode([e.text for e in own])
            embedded = [Embedding(e.id, self.encoder.space, vectors[i]) for i, e in enumerate(own)]
            embedded += [
                Embedding(e.id, self.image.space, self._looks(e)) for e in own if self.image and e.kind is Kind.FRAME
            ]
            seen = [c for c in coverage if c.source == source]
            site = (entities, links) if n == 0 else ((), ())
            self.catalog.commit(Unit("t", source, f"hash {source}", "test", own, embedded, seen, *site))
        self.projector.catch_up()

    def _looks(self, frame: Evidence) -> Vector:
        assert self.image is not None and frame.media is not None
        vector: Vector = self.image.encode_images([decoded(self.blobs.get("t", frame.media))])[0]
        return vector

    def find_entities(self, text: str) -> Sequence[tuple[int, int, str]]:
        return EntityLinker(self.catalog.entities(self.me)).find(text)

    def linked(self, text: str) -> list[str]:
        return [entity for _, _, entity in self.find_entities(text)]

    @property
    def tools(self) -> Tools:
        sights = Sights(self.labels)
        premises = Premises(self.catalog)
        return Tools(
            self.catalog, self.searcher, self.blobs, self.encoder, self.find_entities, sights, self.zone, premises
        )

    @property
    def brief(self) -> EvidenceBrief:
        return EvidenceBrief(self.tools, lambda: 1_772_800_000_000_000)

    def desk(self, question: str, asked_at: int = 1_772_784_000_000_000) -> Desk:
        """The desk of a question, asked on 6 March 2026 at 08:00 UTC."""
        return self.brief.open(Ask(question=question, asked_at=asked_at), self.me)

    def find(self, question: str) -> Finding:
        return investigate(self.desk(question))

    def ask(self, question: str, asked_at: int = 1_772_784_000_000_000) -> Answer:
        return self.brief.answer(Ask(question=question, asked_at=asked_at), self.me, lambda event: None)


@pytest.fixture(scope="session")
def house_in(store_at: Callable[[Path], Path]) -> Iterator[Callable[[Path], House]]:
    """Build an empty house in a folder; its store is a real one."""
    made: list[House] = []

    def build(folder: Path) -> House:
        made.append(House(Catalog(store_at(folder / "catalog.db")), FolderBlobs(folder / "blobs"), folder))
        return made[-1]

    yield build
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def shared_house(tmp_path_factory: pytest.TempPathFactory, house_in: Callable[[Path], House]) -> House:
    """An empty house for the tests of one file: what they ask of is put in once, and they only ask."""
    return house_in(tmp_path_factory.mktemp("house"))


@pytest.fixture
def house(tmp_path: Path, house_in: Callable[[Path], House]) -> Iterator[House]:
    """An empty house of one's own."""
    made = house_in(tmp_path)
    yield made
    made.close()
