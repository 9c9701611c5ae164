"""What lies on the desk while one question is answered: the question, who asks, and the tools. Strategies take it and give a Finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import NamedTuple, Protocol

from app.answer.question import Question
from app.answer.sights import Sights
from retrieval.ports import Blobs, CatalogReader, TextEncoder
from retrieval.types import (
    Citation,
    Claim,
    Coverage,
    CoverageNote,
    Evidence,
    Filter,
    Hit,
    Link,
    LinkType,
    Micros,
    Principal,
    Query,
    Support,
    TimelineEntry,
    Verdict,
)


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


class Finding(NamedTuple):
    """What a strategy found. `used` is the evidence behind the claims, for the timeline; `notes` say what was looked at."""

    verdict: Verdict
    claims: tuple[Claim, ...] = ()
    used: tuple[Evidence, ...] = ()
    notes: tuple[CoverageNote, ...] = ()


@dataclass
class Desk:
    """One question being answered. `degraded` collects, in words, what was off or failed on the way."""

    tools: Tools
    question: Question
    principal: Principal
    as_of: Micros | None = None
    degraded: list[str] = field(default_factory=list)
    # several strategies look at the same coverage of one question
    _covered: dict[tuple[str, ...], list[Coverage]] = field(default_factory=dict)

    def search(self, text: str, k: int = 10, channels: tuple[str, ...] = (), **limits: object) -> list[Hit]:
        """Search with the question's as_of; what was degraded is remembered."""
        filter_ = Filter(as_of=self.as_of, **limits)  # type: ignore[arg-type]
        found = self.tools.finder.find(Query(text=text, k=k, filter=filter_, channels=channels), self.principal)
        self.degraded.extend(d for d in found.degraded if d not in self.degraded)
        return list(found.hits)

    def scan(self, limit: int = 2000, **limits: object) -> list[Evidence]:
        """Evidence matching a filter, in the order of time."""
        return self.tools.catalog.scan(Filter(as_of=self.as_of, **limits), self.principal, limit)  # type: ignore[arg-type]

    def coverage(self, subjects: Sequence[str]) -> list[Coverage]:
        """What was recorded and examined, as known at the question's as_of; no subjects means all."""
        key = tuple(subjects)
        if key not in self._covered:
            self._covered[key] = self.tools.catalog.coverage(self.principal, subjects, as_of=self.as_of)
        return self._covered[key]

    def links(self, *types: LinkType) -> list[Link]:
        return [link for link in self.tools.catalog.links(self.principal) if not types or link.type in types]


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
