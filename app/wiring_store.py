"""What is kept, and what follows it: the catalog, the blobs and the three projections, each made when first used."""

from __future__ import annotations

from functools import cached_property

from app.patience import patiently
from app.settings import Settings
from retrieval.adapters.faiss_vectors import FaissVectors
from retrieval.adapters.folder_blobs import FolderBlobs
from retrieval.adapters.ladybug_graph import LadybugGraph
from retrieval.adapters.tantivy_words import TantivyWords
from retrieval.catalog import Catalog, system_clock
from retrieval.ports import Graph
from retrieval.projector import Projector


class StoreRooms:
    """The rooms of one data directory, closed together. The directory exists."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._dir = settings.data_dir.resolve()

    @cached_property
    def book(self) -> Catalog:
        return Catalog(self._dir / "catalog.sqlite3", system_clock)

    @cached_property
    def blobs(self) -> FolderBlobs:
        return FolderBlobs(self._dir / "blobs")

    @cached_property
    def vectors(self) -> FaissVectors:
        return FaissVectors(gpu=None if self._settings.encoders.gpu else False)

    @cached_property
    def words(self) -> TantivyWords:
        return patiently(lambda: TantivyWords(self._dir / "projections" / "local" / "words"))

    @cached_property
    def graph(self) -> Graph:
        given = self._settings.neo4j
        if not given.uri:
            return patiently(lambda: LadybugGraph(self._dir / "projections" / "local" / "graph"))
        # the driver is an extra: only those who use Neo4j have it
        from retrieval.adapters.neo4j_graph import Neo4jGraph

        password = given.password.get_secret_value() if given.password else ""
        return Neo4jGraph(given.uri, given.user, password, given.database or "neo4j")

    @cached_property
    def follower(self) -> Projector:
        return Projector(self.book, (self.vectors, self.words, self.graph), system_clock)

    def graph_told(self) -> str:
        """Which graph it is and how far it has come, in one line. Raises GraphUnavailable."""
        kind = "neo4j" if self._settings.neo4j.uri else "ladybug (embedded)"
        return f"{kind}, at sequence {self.graph.applied()}"

    def close(self) -> None:
        for name in ("vectors", "words", "graph", "book"):
            part = self.__dict__.pop(name, None)
            if part is not None:
                part.close()
