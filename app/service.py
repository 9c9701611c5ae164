"""Everything a surface can do, over the parts that wiring built. No concrete part is named here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from app.answer.outgoing import without_addresses
from app.budget import Allowance, Budget
from app.conversation.memory import Conversations
from app.deadline import ends_at
from app.gallery import Gallery
from app.governance.port import Governance
from app.jobs.job import Desk, Job
from app.ports import Advance, Answerer, Ask, Check, Conversation, Event, Found, IngestSummary, Media, Notified, Samples
from retrieval.catalog.talks import Talk
from retrieval.errors import EvidenceNotFound, QuestionTooLong, StoreFull
from retrieval.moment import Moment
from retrieval.ports import Blobs, CatalogReader, Explained
from retrieval.reconciling import Report
from retrieval.search import SearchResult
from retrieval.snapshots import Manifest
from retrieval.times import iso
from retrieval.types import Answer, Evidence, Hit, Kind, Micros, Principal, Query

T = TypeVar("T")


class Book(CatalogReader, Protocol):
    """The catalog with its journal of what was asked."""

    def record_ask(
        self, answer: Answer, principal: Principal, first_evidence_ms: float | None, talk: Talk | None = None
    ) -> None: ...

    def forget_conversation(self, id_: str, principal: Principal) -> None: ...

    def record_feedback(self, answer_id: str, accepted: bool, note: str, principal: Principal) -> None: ...

    def stats(self, principal: Principal) -> dict[str, Any]: ...

    def release(self, tenant: str, places: Sequence[str]) -> int: ...

    def coverage_floor(self, tenant: str) -> Micros | None: ...

    def audit(self, principal: Principal, action: str, detail: dict[str, Any]) -> None: ...


class Follower(Protocol):
    """What keeps the projections up with the log."""

    def catch_up(self) -> object: ...

    def reindex(self) -> dict[str, int]: ...

    def reconcile(self) -> dict[str, Report]: ...

    def snapshot(self) -> Manifest: ...

    def keep(self, stop: threading.Event) -> None: ...


class Seeker(Protocol):
    def find(self, query: Query, principal: Principal) -> SearchResult: ...

    def explain(self, query: Query, principal: Principal) -> list[Explained]: ...


class Ingester(Desk, Protocol):
    """Takes files in, as jobs; the parts it changes (a site's encoder, its entities) are wired anew by itself."""

    def run(
        self, paths: Sequence[Path], principal: Principal, progress: Callable[[Advance], None] | None
    ) -> IngestSummary: ...

    def work(self, stop: threading.Event, ended: Callable[[Job], None], *, lasting: bool = True) -> None: ...


class Watch(Protocol):
    """Who delivers what, and who has fallen silent."""

    def look(self) -> None: ...

    def quality(self, principal: Principal, since_s: float) -> dict[str, Any]: ...

    def forget(self, name: str) -> None: ...


class Moments(Protocol):
    """What a frame belongs to, and a short clip of it."""

    def of(self, frame: Evidence, label: str | None, principal: Principal) -> Moment: ...

    def clip(self, moment: Moment) -> tuple[Path, str, str]: ...


class Objects(Protocol):
    """Takes in what an object store tells of."""

    def notified(self, body: bytes) -> Notified: ...


class Parts(Protocol):
    """What wiring gives: parts are made when first used, since some take seconds to load."""

    @property
    def book(self) -> Book: ...

    @property
    def blobs(self) -> Blobs: ...

    @property
    def follower(self) -> Follower: ...

    @property
    def seeker(self) -> Seeker: ...

    @property
    def conversations(self) -> Conversations: ...

    @property
    def answerer(self) -> Answerer: ...

    @property
    def ingester(self) -> Ingester: ...

    @property
    def objects(self) -> Objects: ...

    @property
    def gallery(self) -> Gallery: ...

    @property
    def moments(self) -> Moments: ...

    @property
    def watch(self) -> Watch: ...

    @property
    def governance(self) -> Governance: ...

    @property
    def keeper(self) -> Principal:
        """On whose behalf the house is kept: who reindexes and reconciles."""
        ...

    def checks(self) -> list[Check]: ...

    def model_check(self) -> Check: ...

    def close(self) -> None: ...


class Caps(NamedTuple):
    """The longest time for one answer, in seconds, and the longest text of a search, in characters."""

    answer_s: float = 30.0
    chars: int = 4000


class Watchfloor:
    """The Service port over real parts. Safe to call from several threads."""

    def __init__(self, parts: Parts, budget: Budget | None = None, caps: Caps | None = None) -> None:
        self._parts = parts
        self._caps = caps or Caps()
        # a budget that nobody has used yet is empty, and so false
        self._budget = Budget(Allowance()) if budget is None else budget

    def ask(
        self,
        ask: Ask,
        principal: Principal,
        listen: Callable[[Event], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        """Answer and record it, within the asker's budget and the question's time, which begins here.

        Raises QuestionTooLong, OverBudget, BadQuery, EvidenceNotFound (`about`), ConversationNotFound.
        """
        started = time.perf_counter()
        ask = msgspec.structs.replace(ask, until=ends_at(ask, self._caps.answer_s))
        first: list[float] = []

        def heard(event: Event) -> None:
            if event.name == "evidence" and event.data and not first:
                first.append((time.perf_counter() - started) * 1e3)
            if listen:
                listen(event)

        with self._budget.taken(principal):
            self._catch_up()
            opened = self._parts.conversations.open(ask, principal)
            given = self._parts.answerer.answer(opened.ask, principal, heard, stop)
            self._budget.spend(principal, sum(given.usage or ()))
            answer = self._aged(opened.closed(given, ask), ask, principal)
            talk = Talk(opened.conversation, ask.asked_at, opened.begins) if opened.conversation else None
            try:
                self._parts.book.record_ask(answer, principal, first[0] if first else None, talk)
            except StoreFull as full:
                # who asks is answered all the same; only the journal and the conversation have a gap, and that is said
                untold = (*answer.degraded, f"journal: this answer is not kept: {full}")
                answer = msgspec.structs.replace(answer, degraded=untold)
        heard(Event("answer", answer))
        return answer

    def _aged(self, answer: Answer, ask: Ask, principal: Principal) -> Answer:
        """Says so where it was asked as of a time of which not all that was known then is kept."""
        floor = None if ask.as_of is None else self._parts.book.coverage_floor(principal.tenant)
        if ask.as_of is None or floor is None or ask.as_of >= floor:
            return answer
        told = f"coverage: records that were superseded before {iso(floor)} are not kept; more was known at {iso(ask.as_of)}"
        return msgspec.structs.replace(answer, degraded=(*answer.degraded, told))

    def conversations(self, principal: Principal, limit: int = 50) -> list[Conversation]:
        return self._parts.conversations.listed(principal, limit)

    def conversation(self, conversation_id: str, principal: Principal) -> Conversation:
        return self._parts.conversations.one(conversation_id, principal)

    def forget_conversation(self, conversation_id: str, principal: Principal) -> None:
        self._parts.book.forget_conversation(conversation_id, principal)
        self._parts.book.audit(principal, "forget conversation", {"conversation": conversation_id})

    def search(self, query: Query, principal: Principal) -> list[Hit]:
        return self.find(query, principal).hits

    def find(self, query: Query, principal: Principal) -> Found:
        self._short(query)
        with self._budget.shared(principal):
            self._catch_up()
            found = self._parts.seeker.find(query, principal)
        return Found(found.hits, tuple(map(without_addresses, found.degraded)))

    def explain(self, query: Query, principal: Principal) -> list[Explained]:
        self._short(query)
        with self._budget.shared(principal):
            self._catch_up()
            told = self._parts.seeker.explain(query, principal)
        return [each._replace(why=without_addresses(each.why)) for each in told]

    def _short(self, query: Query) -> None:
        if len(query.text) > self._caps.chars:
            raise QuestionTooLong(f"the search has {len(query.text)} characters; the limit is {self._caps.chars}")

    def evidence(self, evidence_id: str, principal: Principal) -> Evidence:
        found = self._parts.book.get([evidence_id], principal).get(evidence_id)
        if found is None:
            raise EvidenceNotFound(f"no evidence {evidence_id[:64]!r} is visible to you")
        return found

    def media(self, evidence_id: str, principal: Principal) -> Media:
        evidence = self.evidence(evidence_id, principal)
        if evidence.media is None:
            raise EvidenceNotFound(f"{evidence_id} has nothing to look at; its text is the evidence")
        if evidence.kind is Kind.WINDOW:
            return Media(self._parts.gallery.chart(evidence), "image/png")
        blobs = self._parts.blobs
        return Media(
            Path(blobs.path(evidence.tenant, evidence.media)), blobs.media_type(evidence.tenant, evidence.media)
        )

    def moment(self, evidence_id: str, principal: Principal, label: str | None = None) -> Moment:
        with self._budget.shared(principal):
            return self._parts.moments.of(self.evidence(evidence_id, principal), label, principal)

    def clip(self, evidence_id: str, principal: Principal, label: str | None = None) -> Media:
        with self._budget.shared(principal):
            moment = self._parts.moments.of(self.evidence(evidence_id, principal), label, principal)
            return Media(*self._parts.moments.clip(moment))

    def samples(self, evidence_id: str, principal: Principal) -> Samples:
        read = self._parts.gallery.readings(self.evidence(evidence_id, principal))
        if read is None:
            raise EvidenceNotFound(f"{evidence_id} is no window of a series")
        return read

    def ingest(
        self, paths: Sequence[Path], principal: Principal, progress: Callable[[Advance], None] | None = None
    ) -> IngestSummary:
        summary = self._parts.ingester.run(paths, principal, progress)
        self._catch_up()
        counts = {"ingested": summary.ingested, "unchanged": summary.unchanged, "rejected": len(summary.rejected)}
        self._parts.book.audit(principal, "ingest", {**counts, "sequence": summary.sequence})
        return summary

    @property
    def jobs(self) -> Desk:
        return self._parts.ingester

    def work(self, stop: threading.Event, ended: Callable[[Job], None] | None = None, *, lasting: bool = True) -> None:
        def told(job: Job) -> None:
            self._catch_up()
            asker = Principal(job.tenant, job.subject)
            self._parts.book.audit(asker, "ingest", {"job": job.id, "state": job.state.value, **job.counts})
            if ended is not None:
                ended(job)

        self._parts.ingester.work(stop, told, lasting=lasting)

    def notified(self, body: bytes, principal: Principal) -> Notified:
        told = self._parts.objects.notified(body)
        self._catch_up()
        refused = len(told.refused)
        self._parts.book.audit(
            principal, "notification", {"stored": told.stored, "known": told.known, "refused": refused}
        )
        return told

    def release(self, principal: Principal, paths: Sequence[Path]) -> int:
        released = self._parts.book.release(principal.tenant, [path.as_uri() for path in paths])
        self._parts.book.audit(principal, "release", {"sources": released})
        return released

    def feedback(self, answer_id: str, accepted: bool, principal: Principal, note: str = "") -> None:
        self._parts.book.record_feedback(answer_id, accepted, note, principal)
        self._parts.book.audit(principal, "feedback", {"answer": answer_id, "accepted": accepted})

    @property
    def governance(self) -> Governance:
        return self._parts.governance

    def stats(self, principal: Principal) -> dict[str, Any]:
        return self._parts.book.stats(principal)

    def look(self) -> None:
        self._parts.watch.look()

    def quality(self, principal: Principal, since_s: float) -> dict[str, Any]:
        return self._parts.watch.quality(principal, since_s)

    def forget_source(self, name: str, principal: Principal) -> None:
        self._parts.watch.forget(name)
        self._parts.book.audit(principal, "forget source", {"source": name})

    def checks(self) -> list[Check]:
        return self._parts.checks()

    def model_check(self) -> Check:
        return self._parts.model_check()

    def reindex(self) -> dict[str, int]:
        return self._kept("reindex", self._parts.follower.reindex())

    def reconcile(self) -> dict[str, dict[str, int]]:
        found = self._parts.follower.reconcile()
        return self._kept("reconcile", {name: report._asdict() for name, report in found.items()})

    def snapshot(self) -> dict[str, int]:
        told = self._parts.follower.snapshot()
        return self._kept("snapshot", {"sequence": told.sequence, "files": len(told.files), "bytes": told.size})

    def keep(self, stop: threading.Event) -> None:
        self._parts.follower.keep(stop)

    def _kept(self, action: str, found: dict[str, T]) -> dict[str, T]:
        self._parts.book.audit(self._parts.keeper, action, dict(found))
        return found

    def close(self) -> None:
        self._parts.close()

    def _catch_up(self) -> None:
        self._parts.follower.catch_up()
