"""What lies on the desk while one question is answered: the question, who asks, and the tools. Strategies take it and give a Finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import NamedTuple, Protocol

import msgspec

from app.answer.premises import Known, Premises
from app.answer.question import Question
from app.answer.sights import Sights
from app.verify.described import described
from retrieval.ports import Blobs, CatalogReader, TextEncoder
from retrieval.types import (
    Citation,
    Claim,
    Coverage,
    CoverageNote,
    Evidence,
    Filter,
    Hit,
    Micros,
    Principal,
    Query,
    Support,
    TimelineEntry,
    Verdict,
)

# so much further is looked where descriptions were found, for what proves something
_DEEPER = 4


class Found(Protocol):
    """What a search gave: the hits, and in words what could not be searched."""

    @property
    def hits(self) -> Sequence[Hit]: ...

    @property
    def degraded(self) -> Sequence[str]: ...


class Finder(Protocol):
    def find(self, query: Query, principal: Principal) -> Found: ...


class Tools(NamedTuple):
    """The parts an answer is made with, the same for every question."""

    catalog: CatalogReader
    finder: Finder
    blobs: Blobs
    encoder: TextEncoder | None
    find_entities: Callable[[str], Sequence[tuple[int, int, str]]]
    sights: Sights
    zone: tzinfo
    premises: Premises


class Finding(NamedTuple):
    """What a strategy found. `used` is the evidence behind the claims, for the timeline; `notes` say what was looked at."""

    verdict: Verdict
    claims: tuple[Claim, ...] = ()
    used: tuple[Evidence, ...] = ()
    notes: tuple[CoverageNote, ...] = ()


@dataclass
class Desk:
    """One question being answered. `degraded` collects, in words, what was off or failed on the way.

    `strategy` is the way that led to the finding; `hits` is what the latest search for words gave, and `measured` what a strategy
    measured of its evidence, by name, in [0, 1]: how sure the answer is rests on them (app/confidence/features.py).
    """

    tools: Tools
    question: Question
    principal: Principal
    as_of: Micros | None = None
    # evidence the question points at, and pictures it carries
    pinned: tuple[Evidence, ...] = ()
    pictures: tuple[bytes, ...] = ()
    degraded: list[str] = field(default_factory=list)
    strategy: str = ""
    hits: tuple[Hit, ...] = ()
    measured: dict[str, float] = field(default_factory=dict)
    # one question sees one state of the site, whatever is committed meanwhile
    _known: Known | None = None
    # what has been searched for already, so that a strategy need not know what the one before it tried
    _asked: dict[Query, Found] = field(default_factory=dict)

    def search(
        self,
        text: str,
        k: int = 10,
        channels: tuple[str, ...] = (),
        pictures: tuple[bytes, ...] = (),
        **limits: object,
    ) -> list[Hit]:
        """Search with the question's as_of; what was degraded is remembered, and what was found last."""
        filter_ = Filter(as_of=self.as_of, **limits)  # type: ignore[arg-type]
        found = self._proving(Query(text=text, k=k, filter=filter_, channels=channels, pictures=pictures))
        self.hits = tuple(found) or self.hits
        return found

    def glance(self, k: int, channel: str, **limits: object) -> list[Hit]:
        """What one channel finds for the question at once. How sure an answer is does not rest on it: it is not kept as `hits`."""
        filter_ = Filter(as_of=self.as_of, **limits)  # type: ignore[arg-type]
        return self._proving(Query(text=self.question.text, k=k, filter=filter_, channels=(channel,), quick=True))

    def _proving(self, query: Query) -> list[Hit]:
        """What is found but for a model's descriptions of pictures, which prove nothing; they do not crowd out what does."""
        found = self._found(query)
        kept = [hit for hit in found if not described(hit.evidence)]
        if len(kept) < len(found):
            deeper = self._found(msgspec.structs.replace(query, k=_DEEPER * query.k))
            kept = [hit for hit in deeper if not described(hit.evidence)][: query.k]
        return kept

    def _found(self, query: Query) -> list[Hit]:
        found = self._asked.get(query)
        if found is None:
            found = self._asked[query] = self.tools.finder.find(query, self.principal)
        self.degraded.extend(d for d in found.degraded if d not in self.degraded)
        return list(found.hits)

    def met(self) -> list[Evidence]:
        """Everything that searches for this question have found so far, each once, what was found first first; no descriptions."""
        return [evidence for evidence in self._all() if not described(evidence)]

    def descriptions(self) -> list[Evidence]:
        """The models' descriptions of pictures among it."""
        return [evidence for evidence in self._all() if described(evidence)]

    def _all(self) -> list[Evidence]:
        return list({hit.evidence.id: hit.evidence for found in self._asked.values() for hit in found.hits}.values())

    def scan(self, limit: int = 2000, **limits: object) -> list[Evidence]:
        """Evidence matching a filter, in the order of time."""
        return self.tools.catalog.scan(Filter(as_of=self.as_of, **limits), self.principal, limit)  # type: ignore[arg-type]

    @property
    def known(self) -> Known:
        """The site, its series and its coverage, as known at the question's as_of."""
        if self._known is None:
            self._known = self.tools.premises.of(self.principal, self.as_of)
        return self._known

    def coverage(self, subjects: Sequence[str]) -> Sequence[Coverage]:
        """What was recorded and examined, as known at the question's as_of; no subjects means all."""
        return self.known.coverage(subjects)


def cite(evidence: Evidence, quote: str) -> Citation:
    """A citation of a piece of evidence, quoting what was relied on."""
    return Citation(evidence.id, evidence.kind, evidence.source, evidence.locator, evidence.valid, quote)


def claim(text: str, *cited: tuple[Evidence, str]) -> Claim:
    """A claim supported by what it cites."""
    return Claim(text, Support.SUPPORTED, tuple(cite(evidence, quote) for evidence, quote in cited))


def timeline(used: Sequence[Evidence], limit: int = 40) -> tuple[TimelineEntry, ...]:
    """The evidence with known times, in order of time, each once."""
    known = {e.id: e for e in used if e.valid is not None}
    entries = [TimelineEntry(e.valid, e.kind, headline(e), e.id) for e in known.values() if e.valid is not None]
    return tuple(sorted(entries, key=lambda entry: (entry.valid, entry.evidence))[:limit])


def headline(evidence: Evidence, width: int = 140) -> str:
    """One line for a timeline."""
    text = " ".join(evidence.text.split())
    return text if len(text) <= width else text[: width - 1].rsplit(" ", 1)[0] + "…"
