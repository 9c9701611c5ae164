"""One clip of the ring → evidence. Its coverage goes back to who asked: of thousands of clips it is told together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple, Protocol

from ingest.ahead import with_last
from ingest.assemble import Assembler, Origin
from ingest.book import EntityBook
from ingest.fault import fault
from ingest.live.cameras import Camera
from ingest.live.policy import policy_of
from ingest.live.ring import Segment
from ingest.media_types import media_type
from ingest.ports import Batch, Item, Reader, SourcePolicy
from ingest.walk import fingerprint
from retrieval.errors import SourceRejected, WatchfloorError
from retrieval.ids import content_hash
from retrieval.ports import CatalogWriter, Unit
from retrieval.types import Coverage, Entity, Link


class Book(CatalogWriter, Protocol):
    """The catalog as far as taking in needs it."""

    def site(self, tenant: str) -> tuple[list[Entity], list[Link]]: ...

    def record_rejection(self, tenant: str, source: str, code: str, reason: str, tried: str = "") -> None: ...


class Encoding(NamedTuple):
    """What makes evidence of drafts, and the names of the spaces it encodes into."""

    assembler: Assembler
    spaces: str


class Taking:
    """Reads clips with their camera's reader and commits what they show. One call at a time."""

    def __init__(
        self,
        book: Book,
        encoding: Encoding,
        tenant: str,
        cameras: Mapping[str, Camera],
        reader: Callable[[Camera], Reader],
    ) -> None:
        self._book, self._encoding, self._tenant, self._cameras = book, encoding, tenant, dict(cameras)
        self._readers = {name: reader(camera) for name, camera in cameras.items()}

    def take(self, segment: Segment) -> Sequence[Coverage]:
        """What was looked at in the clip; what it shows is on disk by then. Raises SourceRejected, which is remembered with the clip as its
        source, StoreError and EncoderUnavailable."""
        reader = self._readers[segment.camera]
        entities = self._book.site(self._tenant)[0]
        policy = policy_of(segment.camera, self._cameras[segment.camera], entities)
        try:
            return self._read(_item(segment, policy), reader, EntityBook(entities))
        except SourceRejected as problem:
            self._refused(segment, problem)
            raise
        except (WatchfloorError, OSError):
            raise
        except Exception as problem:  # the edge of one clip: a mistake in a reader must not end the watch
            ours = fault("clip", problem)
            self._refused(segment, ours)
            raise ours from problem

    def _refused(self, segment: Segment, problem: SourceRejected) -> None:
        source = segment.path.as_uri()
        self._book.abandon(self._tenant, source)
        self._book.record_rejection(self._tenant, source, problem.kind, problem.reason)

    def _read(self, item: Item, reader: Reader, names: EntityBook) -> Sequence[Coverage]:
        origin = Origin(item, self._tenant, self._book.tenant_key(self._tenant), reader.name, reader.version)
        looked, seen = list[Coverage](), set[str]()
        batches: Any = reader.read(item, self._tenant)
        with closing(batches):
            for batch, last in with_last(batches):
                looked += batch.coverage
                self._book.commit(self._unit(batch, origin, names, seen)._replace(closes=last))
        return looked

    def _unit(self, batch: Batch, origin: Origin, names: EntityBook, seen: set[str]) -> Unit:
        settled = names.settle(batch, origin.item.policy.labels, {})
        made = zip(settled.drafts, self._encoding.assembler.pieces(settled.drafts, origin), strict=True)
        pairs = [(draft, piece) for draft, piece in made if piece.id not in seen]
        seen.update(piece.id for _, piece in pairs)
        shape = content_hash(origin.ingester, origin.version, self._encoding.spaces, repr(origin.item.policy))[:12]
        return Unit(
            tenant=self._tenant,
            source=origin.item.uri,
            content_hash=origin.item.content_hash,
            ingester=f"live:{origin.ingester}@{origin.version} policy={shape}",
            evidence=[piece for _, piece in pairs],
            embeddings=self._encoding.assembler.embeddings([(draft, piece.id) for draft, piece in pairs]),
            entities=settled.entities,
            links=batch.links,
        )


def _item(segment: Segment, policy: SourcePolicy) -> Item:
    path = segment.path
    return Item(path, path.as_uri(), path.name, media_type(path), fingerprint(path), policy)
