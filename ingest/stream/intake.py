"""Messages → the catalog: whatever the bus is, however often and in whatever order it brings them."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol
from urllib.parse import unquote

import msgspec
import structlog

from ingest.assemble import Assembler, Origin
from ingest.book import EntityBook
from ingest.fault import fault
from ingest.masking import BatchMask
from ingest.ports import Draft, Item
from ingest.stream.dead import Dead, DeadLetters, Register
from ingest.stream.feeds import Feed, source_of
from ingest.stream.meaning import TextVectors
from ingest.stream.message import READER, VERSION, Message, said
from retrieval.errors import SourceRejected, WatchfloorError
from retrieval.ids import content_hash
from retrieval.ports import Blobs, CatalogWriter, Held, Receipt, TextEncoder, Unit
from retrieval.types import Coverage, Embedding, Entity, Interval, Layer, Link

# what was listened to is told in pieces so long, so that the last one is all that changes
_HOUR = 3_600_000_000
# of the things told so many are remembered; of one forgotten the catalog knows that it has it
_MOST_TOLD = 100_000


class Book(CatalogWriter, Register, Protocol):
    """The catalog as far as the intake needs it."""

    def held(self, tenant: str, sources: Sequence[str]) -> dict[str, Held]: ...


class Taken(NamedTuple):
    """What became of messages. `stored` changed the catalog, `known` said nothing new (a duplicate, or too late); `repeats` are these by
    feed."""

    stored: int
    known: int
    dead: tuple[Dead, ...]
    repeats: Mapping[str, int] = {}


class _Round(NamedTuple):
    """What the messages taken together share: the tenant's site, its names, and its key.

    The names are those that no message told: what a text mentions must not hang on which message came first.
    """

    site: tuple[list[Entity], list[Link]]
    names: EntityBook
    key: bytes


class _Made(NamedTuple):
    """A message's unit, its drafts with their evidence ids, and the things it names that nobody declared."""

    message: Message
    unit: Unit
    pairs: list[tuple[Draft, str]]
    things: tuple[Entity, ...]


class Intake:
    """The one handler of every bus. Give it messages; when it returns they are on disk, or buried with their cause, and may be
    acknowledged. Idempotent by feed, key, version and content. One call at a time.

    A dead message has a place of its own, so that nothing that comes after it hides it. Its body is kept as a blob of the tenant, but
    not where text is masked. Raises StoreError and EncoderUnavailable, storing nothing: the same messages may be given again.
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
        self._encoder, self._assembler = encoder, Assembler(blobs, TextVectors(encoder) if encoder else None, None)
        space = encoder.space if encoder else "off"
        reader = f"{READER}@{VERSION} text={space}" + (f" masked={mask.name}" if mask else "")
        # read again under another clock or other labels, it is another reading
        self._ingesters = {name: f"{reader} policy={_digest(feed)}" for name, feed in self._feeds.items()}
        self._dead = DeadLetters(book, blobs, tenant, mask)
        self._told: OrderedDict[str, None] = OrderedDict()
        self._log = structlog.get_logger(__name__)

    def prepare(self) -> None:
        """Load what takes a while, so that the first message need not wait for it. Raises EncoderUnavailable."""
        if self._encoder is not None:
            self._encoder.encode(["ready"])

    def take(self, messages: Sequence[Message]) -> Taken:
        """Store what the messages say, together."""
        site = self._book.site(self._tenant)
        names = EntityBook(each for each in site[0] if each.facts.get("found_in") not in self._feeds)
        shared = _Round(site, names, self._book.tenant_key(self._tenant))
        made, bad = list[_Made](), list[tuple[Message, SourceRejected]]()
        for message in messages:
            read = self._read(message, shared)
            if isinstance(read, SourceRejected):
                bad.append((message, read))
            else:
                made.append(read)
        receipts = self._committed(made)
        bad += [(m.message, r) for m, r in zip(made, receipts, strict=True) if isinstance(r, SourceRejected)]
        done = [(m.message.feed, r) for m, r in zip(made, receipts, strict=True) if isinstance(r, Receipt)]
        repeats = Counter(feed for feed, r in done if not (r.added or r.superseded))
        return Taken(len(done) - repeats.total(), repeats.total(), self._dead.bury(bad), repeats)

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
            self._ingesters[feed],
            coverage=[coverage],
            version=span.t1,
        )

    def _read(self, message: Message, shared: _Round) -> _Made | SourceRejected:
        try:
            return self._made(message, shared)
        except SourceRejected as problem:
            return problem
        except WatchfloorError:
            raise
        except Exception as problem:  # noqa: BLE001 - the edge of one message: a mistake in a reader must not stop a feed for good
            self._log.exception("reading a message failed", feed=message.feed)
            return fault("message", problem)

    def _made(self, message: Message, shared: _Round) -> _Made:
        heard = said(message, self._feeds[message.feed], self._tenant, shared.site)
        batch = self._mask(heard.batch) if self._mask else heard.batch
        settled = shared.names.settle(batch, heard.item.policy.labels, {}, learn=False)
        item = self._named(heard.item, shared.key)
        origin = Origin(item, self._tenant, shared.key, READER, VERSION)
        pieces = [(draft, self._assembler.evidence(draft, origin)) for draft in settled.drafts]
        unit = Unit(
            self._tenant, item.uri, item.content_hash, self._ingesters[message.feed], version=heard.version,
            evidence=[piece for _, piece in pieces], links=batch.links,
        )  # fmt: skip
        return _Made(message, unit, [(draft, piece.id) for draft, piece in pieces], tuple(settled.entities))

    def _to_encode(self, made: Sequence[_Made]) -> list[tuple[Draft, str]]:
        """What is new: of what the catalog will take nothing, nothing need be encoded. It decides itself when it commits."""
        held = self._book.held(self._tenant, [each.unit.source for each in made])
        pairs: list[tuple[Draft, str]] = []
        for each in made:
            # what an earlier message of the round says of the same thing is not in the catalog yet
            before = held.pop(each.unit.source, None)
            if before is None or not _known(each.unit, before):
                pairs += each.pairs
        return pairs

    def _named(self, item: Item, key: bytes) -> Item:
        """The item under a name without personal data: where its key holds some, a digest under the tenant's key stands for it."""
        name = unquote(item.uri.rpartition("/")[2])
        if self._mask is None or self._mask.text(name) == name:
            return item
        hidden = hmac.new(key, name.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return item._replace(uri=source_of(item.name, f"masked-{hidden[:32]}"))

    def _committed(self, made: Sequence[_Made]) -> Sequence[Receipt | SourceRejected]:
        """One encoding and one transaction for all."""
        vectors: dict[str, list[Embedding]] = {}
        for embedding in self._assembler.embeddings(self._to_encode(made)):
            vectors.setdefault(embedding.evidence, []).append(embedding)
        units = [
            each.unit._replace(embeddings=[v for e in each.unit.evidence for v in vectors.get(e.id, ())])
            for each in made
        ]
        things = self._things(made)
        receipts = self._book.commit_all([*things, *units]) if units else []
        self._remember(each.source for each in things)
        return receipts[len(things) :]

    def _remember(self, things: Iterable[str]) -> None:
        """As told. What was longest not named is forgotten first."""
        self._told.update(dict.fromkeys(things))
        while len(self._told) > _MOST_TOLD:
            self._told.popitem(last=False)

    def _things(self, made: Sequence[_Made]) -> list[Unit]:
        """What messages name that nobody declared, each a source of its own and told once: ten thousand messages about one pump are not ten
        thousand pumps to go through at every question. Told for late messages too, so that the order does not matter."""
        units: dict[str, Unit] = {}
        for each in made:
            for thing in each.things:
                digest = content_hash(msgspec.json.encode(thing, order="sorted"))
                source = source_of(each.message.feed, f"~things/{digest[:32]}")
                if source in self._told:
                    self._told.move_to_end(source)
                else:
                    units[source] = Unit(
                        self._tenant, source, digest, self._ingesters[each.message.feed], entities=[thing]
                    )
        return list(units.values())


def _known(unit: Unit, held: Held) -> bool:
    same = held.ingester == unit.ingester
    return same and (held.content_hash == unit.content_hash or unit.late(held.version, held.content_hash))


def _digest(feed: Feed) -> str:
    """Of all that shapes what is read of the same message."""
    return content_hash(msgspec.json.encode([feed.timezone, feed.dates, feed.labels]))[:12]
