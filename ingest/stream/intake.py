"""Messages → the catalog: whatever the bus is, however often and in whatever order it brings them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import structlog

from ingest.assemble import Assembler, Origin
from ingest.book import EntityBook
from ingest.masking import BatchMask
from ingest.ports import Draft
from ingest.stream.feeds import Feed
from ingest.stream.message import MEDIA_TYPE, READER, VERSION, Message, Said, said, source_for
from retrieval.errors import SourceRejected
from retrieval.ids import content_hash
from retrieval.ports import Blobs, CatalogWriter, Receipt, TextEncoder, Unit
from retrieval.types import Coverage, Embedding, Entity, Interval, Layer, Link

# what was listened to is told in pieces so long, so that the last one is all that changes
_HOUR = 3_600_000_000


class Book(CatalogWriter, Protocol):
    """The catalog as far as the intake needs it."""

    def record_rejection(self, tenant: str, source: str, code: str, reason: str, tried: str = "") -> None: ...


class Dead(NamedTuple):
    """A message that cannot be evidence: where it would have belonged, a stable machine word, and the reason."""

    source: str
    code: str
    reason: str


class Taken(NamedTuple):
    """What became of messages. `stored` changed the catalog, `known` said nothing new (a duplicate, or too late)."""

    stored: int
    known: int
    dead: tuple[Dead, ...]


class _Round(NamedTuple):
    """What the messages taken together share: the tenant's site, its names, its key, and the sources met so far."""

    site: tuple[list[Entity], list[Link]]
    names: EntityBook
    key: bytes
    met: set[str]


class _Made(NamedTuple):
    """A message's unit, and what of it is to be encoded, by evidence id."""

    message: Message
    unit: Unit
    pairs: list[tuple[Draft, str]]


class Intake:
    """The one handler of every bus. Give it messages; when it returns they are on disk, or buried with their cause, and may be
    acknowledged. Idempotent by feed, key, version and content. One call at a time.

    A dead message's body is kept as a blob of the tenant, where nothing is masked, so that it can be sent again. Raises StoreError and
    EncoderUnavailable, storing nothing: the same messages may be given again.
    """

    def __init__(
        self,
        book: Book,
        blobs: Blobs,
        encoder: TextEncoder | None,
        tenant: str,
        feeds: Mapping[str, Feed],
        mask: BatchMask | None = None,
    ) -> None:
        self._book, self._blobs, self._tenant, self._feeds, self._mask = book, blobs, tenant, dict(feeds), mask
        self._encoder, self._assembler = encoder, Assembler(blobs, encoder, None)
        space = encoder.space if encoder else "off"
        self._ingester = f"{READER}@{VERSION} text={space}" + (f" masked={mask.name}" if mask else "")
        self._log = structlog.get_logger(__name__)

    def prepare(self) -> None:
        """Load what takes a while, so that the first message need not wait for it. Raises EncoderUnavailable."""
        if self._encoder is not None:
            self._encoder.encode(["ready"])

    def take(self, messages: Sequence[Message]) -> Taken:
        """Store what the messages say, together."""
        site = self._book.site(self._tenant)
        shared = _Round(site, EntityBook(site[0]), self._book.tenant_key(self._tenant), set())
        made, dead = list[_Made](), list[Dead]()
        for message in messages:
            try:
                made.append(self._made(message, shared))
            except SourceRejected as problem:
                dead.append(self._buried(message, problem))
        receipts = self._committed(made)
        refused = [(m, r) for m, r in zip(made, receipts, strict=True) if isinstance(r, SourceRejected)]
        dead += [self._buried(m.message, problem) for m, problem in refused]
        stored = sum(isinstance(r, Receipt) and bool(r.added or r.superseded) for r in receipts)
        return Taken(stored, len(made) - len(refused) - stored, tuple(dead))

    def listened(self, feed: str, span: Interval) -> None:
        """Tell that a feed was listened to in a time. Its hours are told each by itself, the last one and the one before: told every
        minute, only the last grows."""
        hour = span.t1 - span.t1 % _HOUR
        for begin, end in ((max(span.t0, hour - _HOUR), hour), (max(span.t0, hour), span.t1)):
            if begin < end:
                self._book.commit(self._attended(feed, Interval(begin, end)))

    def _attended(self, feed: str, span: Interval) -> Unit:
        source = f"feed:///{feed}"
        coverage = Coverage(
            source=source, subject=source, layer=Layer.EXAMINED, tenant=self._tenant, valid=span,
            by=f"{READER}@{VERSION}", able={"alert": 0.0, "row": 0.0}, labels=self._feeds[feed].labels,
        )  # fmt: skip
        return Unit(
            self._tenant,
            f"{source}/~listened/{span.t0}",
            str(span.t1),
            self._ingester,
            coverage=[coverage],
            version=span.t1,
        )

    def _made(self, message: Message, shared: _Round) -> _Made:
        heard = said(message, self._feeds[message.feed], self._tenant, shared.site)
        batch = self._mask(heard.batch) if self._mask else heard.batch
        settled = shared.names.settle(batch, heard.item.policy.labels, {})
        origin = Origin(heard.item, self._tenant, shared.key, READER, VERSION)
        pieces = [(draft, self._assembler.evidence(draft, origin)) for draft in settled.drafts]
        unit = self._unit(heard)._replace(
            evidence=[piece for _, piece in pieces], entities=settled.entities, links=batch.links
        )
        # what an earlier message of the round says of the same thing is not in the catalog yet
        known = unit.source not in shared.met and self._known(unit)
        shared.met.add(unit.source)
        return _Made(message, unit, [] if known else [(draft, piece.id) for draft, piece in pieces])

    def _known(self, unit: Unit) -> bool:
        """Whether the catalog will take nothing of it, so that nothing need be encoded: it decides itself when it commits."""
        held = self._book.state(self._tenant, unit.source)
        if held is None or held.ingester != unit.ingester:
            return False
        late = None not in (held.version, unit.version) and (held.version, held.content_hash) > (
            unit.version,
            unit.content_hash,
        )
        return late or held.content_hash == unit.content_hash

    def _unit(self, heard: Said) -> Unit:
        item = heard.item
        return Unit(self._tenant, item.uri, item.content_hash, self._ingester, version=heard.version)

    def _committed(self, made: Sequence[_Made]) -> Sequence[Receipt | SourceRejected]:
        """One encoding and one transaction for all."""
        vectors: dict[str, list[Embedding]] = {}
        for embedding in self._assembler.embeddings([pair for each in made for pair in each.pairs]):
            vectors.setdefault(embedding.evidence, []).append(embedding)
        units = [
            each.unit._replace(embeddings=[v for e in each.unit.evidence for v in vectors.get(e.id, ())])
            for each in made
        ]
        return self._book.commit_all(units) if units else ()

    def _buried(self, message: Message, problem: SourceRejected) -> Dead:
        source = source_for(message, self._feeds[message.feed])
        reason = problem.reason
        if self._mask is None:
            reason += f"; the message is kept as {self._blobs.put(self._tenant, message.body, MEDIA_TYPE)}"
        self._book.record_rejection(self._tenant, source, problem.kind, reason, content_hash(message.body))
        self._log.warning("message refused", source=source, code=problem.kind, reason=problem.reason)
        return Dead(source, problem.kind, reason)
