"""What retrieval needs from the outside, as Protocols. Each has one contract suite in tests/contract and a fake in retrieval/fakes.

Access control is inside the search: every finder applies the Principal's tenant and labels before it ranks, and the catalog checks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from retrieval.errors import SourceRejected
from retrieval.types import (
    Coverage,
    Embedding,
    Entity,
    Evidence,
    Filter,
    Interval,
    Layer,
    Link,
    Micros,
    Principal,
    Vector,
)

# the present, in UTC microseconds
Clock: TypeAlias = Callable[[], Micros]


class Unit(NamedTuple):
    """One transaction of ingest: everything in it is stored, or nothing.

    `closes` marks the unit that completes the source (its revision becomes whole, and what earlier ones have and it has not is superseded).
    `content_hash` is that of the source's bytes. `ingester` names reader and versions: bytes it has read are not read again.

    `version` orders the readings of a source that may come in any order (a bus): one older than what is held changes nothing, and of
    two that share a version the one whose hash is greater stands, so that every order ends alike. None = what comes last stands.
    """

    tenant: str
    source: str
    content_hash: str
    ingester: str
    evidence: Sequence[Evidence] = ()
    embeddings: Sequence[Embedding] = ()
    coverage: Sequence[Coverage] = ()
    entities: Sequence[Entity] = ()
    links: Sequence[Link] = ()
    closes: bool = True
    version: int | None = None

    def late(self, version: int | None, content_hash: str) -> bool:
        """Whether the reading of this version and hash, which is held, is newer; of equal versions the greater hash stands."""
        if version is None or self.version is None:
            return False
        return (version, content_hash) > (self.version, self.content_hash)


class Receipt(NamedTuple):
    """What a commit did. `sequence` is the log position; `added` counts new evidence (0 when everything was known)."""

    sequence: int
    added: int
    superseded: int


class LogEntry(NamedTuple):
    """One change of the log, in commit order: evidence upserted or closed, entities and links upserted.

    `removes` is False where no revision of what it names can have gone, only come or ended: who keeps rows need not look for some.
    """

    sequence: int
    tenant: str
    evidence: tuple[str, ...]
    closed: tuple[str, ...]
    site: bool
    removes: bool = True


class SourceState(NamedTuple):
    """What the catalog holds of a source. `whole` is False while a long source is still being ingested."""

    source: str
    content_hash: str
    ingester: str
    revision: int
    whole: bool
    evidence: int
    version: int | None = None


class Held(NamedTuple):
    """What of a source is held, without counting it: see SourceState."""

    content_hash: str
    ingester: str
    whole: bool
    version: int | None = None


class Projected(NamedTuple):
    """Evidence as projections take it: the row number is the integer id in indexes; every revision has its own."""

    row: int
    evidence: Evidence


class Arrival(NamedTuple):
    """Something that was stored at `at` (UTC µs): a piece of evidence, or a stretch that `subject` recorded ("" for evidence).

    `row` orders arrivals of the same sort as they were stored. `valid` is when what it tells of happened. `key` is that of a row of a
    table, `skew` what a frame tells of its camera's clock, `entities` what it hangs on.
    """

    row: int
    source: str
    at: Micros
    valid: Interval | None
    subject: str = ""
    labels: tuple[str, ...] = ()
    text: str = ""
    key: str = ""
    skew: dict[str, Any] | None = None
    entities: tuple[str, ...] = ()


class CatalogReader(Protocol):
    """The read side of the one truth. Everything it returns is visible to the principal."""

    def sequence(self) -> int:
        """The last committed log position; 0 for an empty store."""

    def get(self, ids: Sequence[str], principal: Principal, as_of: Micros | None = None) -> dict[str, Evidence]:
        """Evidence by id, visible to the principal, as known at `as_of`; unknown and invisible ids are left out alike."""

    def rows(self, rows: Sequence[int], principal: Principal, as_of: Micros | None = None) -> dict[int, Evidence]:
        """The same by row number: the last check before an id leaves retrieval."""

    def shown(self, rows: Sequence[int], principal: Principal, as_of: Micros | None = None) -> dict[int, str]:
        """Row number → evidence id of those that `rows` would give: the same check without reading them."""

    def vectors_of(self, id_: str, principal: Principal, as_of: Micros | None = None) -> dict[str, list[Vector]]:
        """Space → the vectors, each of shape (dim,), of one piece; none of one that is unknown or invisible."""

    def scan(self, filter_: Filter, principal: Principal, limit: int = 1000) -> list[Evidence]:
        """Evidence matching the filter, by valid time (unknown times last), at most `limit`."""

    def coverage(
        self,
        principal: Principal,
        subjects: Sequence[str],
        layer: Layer | None = None,
        window: Interval | None = None,
        as_of: Micros | None = None,
    ) -> list[Coverage]:
        """Coverage of the subjects (entity ids or source uris; none = all): whole records that overlap the window."""

    def entities(self, principal: Principal, as_of: Micros | None = None) -> list[Entity]:
        """Every entity visible to the principal, as the site was known to be at `as_of`."""

    def links(self, principal: Principal, as_of: Micros | None = None) -> list[Link]:
        """Every link visible to the principal, likewise."""

    def neighbours(self, entities: Sequence[str], hops: int, principal: Principal, as_of: Micros) -> list[Neighbour]:
        """As Graph.neighbours, over the site as it was known to be at `as_of`: graphs hold today's alone."""


class LogReader(Protocol):
    """What a projector tails."""

    def sequence(self) -> int: ...

    def log(self, after: int, limit: int = 500) -> list[LogEntry]:
        """Log entries with sequence > after, in order; at most `limit`, and fewer where they name many pieces."""

    def projected(self, ids: Sequence[str]) -> list[Projected]:
        """All revisions of these ids, open and closed."""

    def embeddings(self, ids: Sequence[str]) -> Iterator[tuple[int, str, Vector]]:
        """(row, space, vector) of these ids, every revision."""

    def site(self, tenant: str) -> tuple[list[Entity], list[Link]]:
        """Every entity and link of a tenant."""


class Projection(Protocol):
    """An index that follows the log. It can be thrown away and rebuilt; it never holds what the catalog does not."""

    name: str

    def applied(self) -> int:
        """The last sequence applied; 0 when empty."""

    def apply(self, entries: Sequence[LogEntry], log: LogReader) -> None:
        """Apply entries in order; applying the same twice changes nothing."""

    def reset(self) -> None:
        """Throw everything away."""

    def close(self) -> None: ...


class Scored(NamedTuple):
    """Row numbers with scores, best first; both arrays have shape (n,). Higher is better."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


class Explained(NamedTuple):
    """How an index was searched. `total`: what the asker's tenant has of the space ("words": documents); `passing`: of those, how many
    the filter lets through (an estimate where they were not counted); `compared`: how many were compared exactly; `ms`: milliseconds in
    the index; `plan` names the way ("exact, candidates"; "failed"), `why` says what made it so. As of an earlier time all but `total` is
    told of what still stands alone: today's labels may keep the rest from the asker.
    """

    space: str
    total: int
    passing: int
    k: int
    plan: str
    why: str
    compared: int
    found: int
    ms: float


class VectorIndex(Projection, Protocol):
    """Nearest neighbours by inner product over L2-normalised vectors."""

    def search(self, space: str, query: Vector, k: int, filter_: Filter, principal: Principal) -> Scored:
        """The k nearest rows of `space` that pass the filter; where tens of thousands do, an index may compare with the likeliest of them
        only. Raises BadQuery on a wrong dimension or NaN."""

    def explain(self, space: str, query: Vector, k: int, filter_: Filter, principal: Principal) -> Explained:
        """The same search, and how it was done."""

    def by_time(self, k: int, filter_: Filter, principal: Principal, near: Interval | None = None) -> Scored:
        """The k rows that pass the filter whose middle is nearest to that of `near`; without it those that began last.

        Evidence without vectors counts too; unknown times come last. Scores are 0, −1, −2, …
        """

    def spaces(self) -> Mapping[str, int]:
        """Space name → number of vectors."""


class WordRead(NamedTuple):
    """What a word of a question is looked for as: itself, or, where the asker may see it nowhere, words that begin with it (`terms`), or
    words written like it; "each": all three, where an index cannot know."""

    word: str
    how: Literal["whole", "beginning", "likeness", "each"]
    terms: tuple[str, ...] = ()

    def told(self) -> str:
        """In words."""
        if self.how in ("whole", "each"):
            return self.word if self.how == "whole" else f"{self.word}, and half what begins so or is written like it"
        some = f" ({', '.join(self.terms[:5])}{', …' if len(self.terms) > 5 else ''})" if self.terms else ""
        instead = "what begins with it" if self.how == "beginning" else "what is written like it"
        return f"{self.word} is nowhere: {instead}{some} counts half"


class WordIndex(Projection, Protocol):
    """BM25 over evidence text."""

    def search(self, text: str, k: int, filter_: Filter, principal: Principal) -> Scored:
        """The k best rows for the words of `text` (any of them) that pass the filter. Never a syntax error.

        A word of four letters or more that the asker may see nowhere counts half for what begins with it, else for what is written like
        it: the first eight such words of a text; figures and tags never do. As of an earlier time what still stands alone tells which
        words these are, and they are looked for as themselves and in both ways.
        """

    def reading(self, text: str, principal: Principal) -> list[WordRead]:
        """What `search` looks for each word as among what is known now, stop words left out; nothing where the tenant has no index."""

    def explain(self, text: str, k: int, filter_: Filter, principal: Principal) -> Explained:
        """The same search, and how it was done; `why` tells what each word was looked for as."""


class Neighbour(NamedTuple):
    """An entity reached by the graph, with the number of hops (1 or 2) and the path's relation names."""

    entity: str
    hops: int
    via: tuple[str, ...]


class Graph(Projection, Protocol):
    """Entities, their links, and which evidence hangs on which entity."""

    def neighbours(self, entities: Sequence[str], hops: int, principal: Principal) -> list[Neighbour]:
        """Entities within `hops` (1 or 2) of the seeds over links in either direction, seeds excluded, nearest first."""

    def evidence(
        self, entities: Sequence[str], principal: Principal, limit: int = 200, as_of: Micros | None = None
    ) -> list[str]:
        """Ids of evidence that hangs on the entities, most recent valid time first."""


class TextEncoder(Protocol):
    """Text → vectors, float32, L2-normalised. Not thread-safe calls are serialised inside."""

    space: str
    dim: int

    def encode(self, texts: Sequence[str]) -> Vector:
        """Shape (n, dim)."""

    def encode_tokens(self, texts: Sequence[str]) -> list[Vector]:
        """One (tokens, dim) array a text, each token vector L2-normalised, special tokens left out."""


class ImageEncoder(Protocol):
    """Images, and the texts that find them, into one space. float32, L2-normalised."""

    space: str
    dim: int

    def encode_images(self, images: Sequence[Image]) -> Vector:
        """Shape (n, dim)."""

    def encode_texts(self, texts: Sequence[str]) -> Vector:
        """Shape (n, dim)."""


class Reranker(Protocol):
    """Re-orders the top of a ranking."""

    name: str

    def score(self, query: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (n,): higher is better; comparable only within one call."""


class Blobs(Protocol):
    """Content-addressed bytes, per tenant. Keys are hex SHA-256; no client path ever reaches the file system."""

    def put(self, tenant: str, data: bytes, media_type: str) -> str:
        """Store and return the key. Storing the same bytes twice stores them once."""

    def get(self, tenant: str, key: str) -> bytes:
        """The bytes. Raises EvidenceNotFound for an unknown or malformed key."""

    def media_type(self, tenant: str, key: str) -> str: ...

    def path(self, tenant: str, key: str) -> str:
        """A local path to the bytes (for range requests and players)."""


class Rejection(NamedTuple):
    """A source that could not be ingested when last tried: a stable machine word and a reason in words.

    `tried` says what was tried (its content and its reader, as one digest; "" = its content was not the cause), and `tries` how often
    in a row.
    """

    source: str
    code: str
    reason: str
    recorded_at: Micros
    tried: str = ""
    tries: int = 1


class CatalogWriter(Protocol):
    """The write side: what ingest needs."""

    def tenant_key(self, tenant: str) -> bytes:
        """The secret that keys the tenant's ids; made at first use."""

    def state(self, tenant: str, source: str) -> SourceState | None:
        """What is held of a source, or None."""

    def commit(self, unit: Unit) -> Receipt:
        """Store a unit in one transaction and append to the log."""

    def commit_all(self, units: Sequence[Unit]) -> list[Receipt | SourceRejected]:
        """The same for several, in order and in one transaction: acknowledged together. Of a unit that cannot be stored nothing is, and
        the reason stands in its place; the others are stored."""

    def refuse_erased(self, tenant: str, source: str, content_hash: str) -> None:
        """Raises SourceRejected (kind "erased") as `commit` would for a source erased by name or content; `erased`: pieces left out."""

    def erased(self, tenant: str, ids: Sequence[str]) -> set[str]: ...

    def abandon(self, tenant: str, source: str) -> None:
        """Throw away what an unfinished revision of the source has stored, so that nothing half-written stays."""

    def rejection(self, tenant: str, source: str) -> Rejection | None:
        """Why the source could not be ingested when last tried, or None."""

    def site(self, tenant: str) -> tuple[list[Entity], list[Link]]: ...
