"""What is kept, and what follows it: the catalog, the blobs and the three projections, each made when first used."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy import make_url

from app.patience import patiently
from app.settings import Settings
from retrieval.adapters.faiss_vectors import FaissVectors
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.adapters.ladybug_graph import LadybugGraph
from retrieval.adapters.tantivy_words import Stemming, TantivyWords
from retrieval.canary import Canary
from retrieval.catalog import Catalog, system_clock
from retrieval.errors import ProjectionError
from retrieval.ports import Graph
from retrieval.projector import Projector
from retrieval.snapshots import Snapshots
from retrieval.upkeep import Memory, Upkeep

T = TypeVar("T")


def catalog_place(settings: Settings) -> str | Path:
    """Where the catalog is: a file, or a URL that holds the password. Not to be shown."""
    given = settings.store
    if given.url is None:
        return settings.data_dir.resolve() / "catalog.sqlite3"
    url = make_url(given.url).set(drivername="postgresql+psycopg")
    if given.password is not None:
        url = url.set(password=given.password.get_secret_value())
    return url.render_as_string(hide_password=False)


class StoreRooms:
    """The rooms of one data directory, closed together. The directory exists."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._dir = settings.data_dir.resolve()
        self._projections = self._dir / "projections" / settings.instance
        # index → what was wrong with its files, when it was made anew for that
        self.damaged: dict[str, str] = {}

    @cached_property
    def book(self) -> Catalog:
        return Catalog(catalog_place(self._settings), system_clock)

    @cached_property
    def blobs(self) -> FolderBlobs:
        return FolderBlobs(self._dir / "blobs")

    @cached_property
    def vectors(self) -> FaissVectors:
        folder = self._projections / "vectors" if self._settings.vectors.storage == "quantised" else None
        return FaissVectors(gpu=None if self._settings.encoders.gpu else False, folder=folder)

    @cached_property
    def words(self) -> TantivyWords:
        given = self._settings.words
        stemming = Stemming(given.languages, given.tenants)
        return self._opened("words", lambda fresh: TantivyWords(self._projections / "words", fresh, stemming))

    @cached_property
    def graph(self) -> Graph:
        given = self._settings.neo4j
        if not given.uri:
            return self._opened("graph", lambda fresh: LadybugGraph(self._projections / "graph", fresh))
        # the driver is an extra: only those who use Neo4j have it
        from retrieval.adapters.neo4j_graph import Neo4jGraph

        password = given.password.get_secret_value() if given.password else ""
        return Neo4jGraph(given.uri, given.user, password, given.database or "neo4j")

    @cached_property
    def follower(self) -> Upkeep:
        indexes = (self.vectors, self.words, self.graph)
        projector = Projector(self.book, indexes, system_clock)
        snapshots = Snapshots(self._projections / "snapshots", self.book.census, system_clock)
        return Upkeep(projector, Canary(self.book, self.book.census, *indexes), Memory(self.vectors, snapshots))

    def _opened(self, name: str, make: Callable[[bool], T]) -> T:
        """An index on disk. One whose files cannot be read is made anew, to be filled as the log is followed; `damaged` tells it."""
        try:
            return patiently(lambda: make(False))
        except ProjectionError as error:
            self.damaged[name] = str(error)
            structlog.get_logger("watchfloor.store").warning("index made anew", index=name, why=str(error))
            return patiently(lambda: make(True))

    def place(self) -> str:
        """Where what must not be lost is kept, without a password."""
        url = self._settings.store.url
        return str(self._dir) if url is None else f"{make_url(url).render_as_string()}, files in {self._dir}"

    def graph_told(self) -> str:
        """Which graph it is and how far it has come, in one line. Raises GraphUnavailable."""
        kind = "neo4j" if self._settings.neo4j.uri else "ladybug (embedded)"
        return f"{kind}, at sequence {self.graph.applied()}"

    def close(self) -> None:
        """The follower first, the catalog last; one that fails keeps none of the others open."""
        with ExitStack() as parts:
            # left in the opposite order
            for name in ("book", "graph", "words", "vectors", "follower"):
                if (part := self.__dict__.pop(name, None)) is not None:
                    parts.callback(part.close)
