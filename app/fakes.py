"""A real Service in memory, for tests and for developing surfaces: words are matched exactly, nothing is kept on disk.

It ingests text files (.txt, .md: one passage each), finds evidence by shared words, and answers with the best piece, or
with `insufficient` when no word is found. Everything obeys the Service port, visibility included.
"""

from __future__ import annotations

import mimetypes
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from app.fakes_files import drawn, files_of, passage, refusal, summary_of
from app.fakes_watch import MemoryWatch
from app.jobs.fakes import memory_room
from app.jobs.job import Desk, Job
from app.jobs.room import JobRoom
from app.ports import (
    Advance,
    Ask,
    Check,
    Conversation,
    Event,
    Found,
    IngestSummary,
    Media,
    Notified,
    Samples,
    SourceReport,
    Turn,
)
from retrieval.errors import BadQuery, ConversationNotFound, EvidenceNotFound, QuestionTooLong
from retrieval.ids import content_hash
from retrieval.moment import Moment
from retrieval.pictures import decoded
from retrieval.ports import Explained
from retrieval.types import (
    Answer,
    Citation,
    Claim,
    CoverageNote,
    Evidence,
    Filter,
    FrameAt,
    Hit,
    Kind,
    Principal,
    Query,
    SeriesWindow,
    Support,
    TimelineEntry,
    Verdict,
)

_WORD = re.compile(r"\w+")
LONGEST_QUESTION = 4000


class MemoryService(MemoryWatch):
    """The Service port over a dict. `media_dir` holds the files that evidence's `media` names."""

    def __init__(
        self, media_dir: Path, evidence: Iterable[Evidence] = (), coverage: Sequence[CoverageNote] = ()
    ) -> None:
        self._media_dir = media_dir
        self._evidence = {item.id: item for item in evidence}
        self._coverage = tuple(coverage)
        self._answers: dict[str, Answer] = {}
        self._accepted: dict[str, bool] = {}
        self._hashes: dict[str, str] = {}
        self._talks: dict[str, tuple[tuple[str, str], Conversation]] = {}
        self._sequence = len(self._evidence)
        self.closed = False
        # whose jobs are worked off
        self.tenant = next((item.tenant for item in self._evidence.values()), "default")
        self.extra_checks: list[Check] = []
        self.notices: list[bytes] = []
        super().__init__()

    # --- asking

    def ask(
        self,
        ask: Ask,
        principal: Principal,
        listen: Callable[[Event], None] | None = None,
        stop: threading.Event | None = None,
    ) -> Answer:
        if len(ask.question) > LONGEST_QUESTION:
            raise QuestionTooLong(f"the question has {len(ask.question)} characters; the limit is {LONGEST_QUESTION}")
        if not ask.question.strip():
            raise BadQuery("the question is empty; ask something")
        for data in ask.pictures:
            decoded(data)
        tell = listen or (lambda event: None)
        tell(Event("plan", {"question": ask.question, "asked_at": ask.asked_at}))
        hits = self.search(Query(text=ask.question, k=3, filter=Filter(as_of=ask.as_of)), principal)
        tell(Event("evidence", [hit.evidence.id for hit in hits]))
        answer = self._answer(ask, hits)
        for claim in answer.claims:
            tell(Event("claim", claim))
        self._answers[answer.id] = answer
        kept = self._kept(ask, answer, principal)
        tell(Event("answer", kept))
        return kept

    def _kept(self, ask: Ask, answer: Answer, principal: Principal) -> Answer:
        """The answer in its conversation. Questions are not made to stand alone here."""
        if ask.conversation is None:
            return answer
        named = ask.conversation.startswith("thread:")
        id_ = f"cv_{content_hash(principal.subject, ask.conversation)[:32]}" if named else ask.conversation
        fresh = ask.conversation == "new" or (named and id_ not in self._talks)
        id_ = f"cv_{len(self._talks) + 1:08x}" if ask.conversation == "new" else id_
        talk = self.conversation(id_, principal) if not fresh else self._begun(id_, ask)
        reply = " ".join(claim.text for claim in answer.claims)
        cited = tuple(c.evidence for claim in answer.claims for c in claim.citations)
        turn = Turn(
            question=ask.question,
            asked_at=ask.asked_at,
            answer=answer.id,
            verdict=answer.verdict.value,
            reply=reply,
            evidence=cited,
        )
        grown = replace(talk, turns=(*talk.turns, turn), count=talk.count + 1, last_at=ask.asked_at)
        self._talks[id_] = ((principal.tenant, principal.subject), grown)
        return replace(answer, conversation=id_)

    @staticmethod
    def _begun(id_: str, ask: Ask) -> Conversation:
        return Conversation(id=id_, title=ask.question, began_at=ask.asked_at, last_at=ask.asked_at, count=0)

    def conversations(self, principal: Principal, limit: int = 50) -> list[Conversation]:
        mine = [talk for who, talk in self._talks.values() if who == (principal.tenant, principal.subject)]
        newest = sorted(mine, key=lambda talk: (-talk.last_at, talk.id))
        return [replace(talk, turns=()) for talk in newest[:limit]]

    def conversation(self, conversation_id: str, principal: Principal) -> Conversation:
        who, talk = self._talks.get(conversation_id, (None, None))
        if talk is None or who != (principal.tenant, principal.subject):
            raise ConversationNotFound(f"no conversation {conversation_id[:64]!r} is yours")
        return talk

    def forget_conversation(self, conversation_id: str, principal: Principal) -> None:
        for turn in self.conversation(conversation_id, principal).turns:
            self._answers.pop(turn.answer, None)
        del self._talks[conversation_id]

    def _answer(self, ask: Ask, hits: Sequence[Hit]) -> Answer:
        found = [hit.evidence for hit in hits]
        return Answer(
            id=f"an_{len(self._answers) + 1:08x}",
            question=ask.question,
            verdict=Verdict.ANSWERED if found else Verdict.INSUFFICIENT,
            confidence=None,
            claims=tuple(_claim(item) for item in found[:1]),
            timeline=tuple(TimelineEntry(i.valid, i.kind, i.text, i.id) for i in found if i.valid is not None),
            coverage=self._coverage,
            as_of=ask.asked_at if ask.as_of is None else ask.as_of,
            sequence=self._sequence,
            model="memory",
            timings_ms={"total": 0.0},
        )

    def search(self, query: Query, principal: Principal) -> list[Hit]:
        if len(query.text) > LONGEST_QUESTION:
            raise QuestionTooLong(f"the search has {len(query.text)} characters; the limit is {LONGEST_QUESTION}")
        wanted = set(_WORD.findall(query.text.lower()))
        visible = [
            item for item in self._evidence.values() if _visible(item, principal) and _passes(item, query.filter)
        ]
        scored = [(len(wanted & set(_WORD.findall(item.text.lower()))), item) for item in visible]
        ranked = sorted((pair for pair in scored if pair[0]), key=lambda pair: (-pair[0], pair[1].id))
        return [Hit(item, float(score), {"words": rank}) for rank, (score, item) in enumerate(ranked[: query.k], 1)]

    def find(self, query: Query, principal: Principal) -> Found:
        return Found(self.search(query, principal))

    def explain(self, query: Query, principal: Principal) -> list[Explained]:
        found = len(self.search(query, principal))
        visible = [item for item in self._evidence.values() if _visible(item, principal)]
        passing = sum(_passes(item, query.filter) for item in visible)
        return [Explained("words", len(visible), passing, query.k, "exact", "compares all", passing, found, 0.0)]

    # --- opening

    def evidence(self, evidence_id: str, principal: Principal) -> Evidence:
        found = self._evidence.get(evidence_id)
        if found is None or not _visible(found, principal):
            raise EvidenceNotFound(f"no evidence {evidence_id[:60]} is visible to you")
        return found

    def media(self, evidence_id: str, principal: Principal) -> Media:
        found = self.evidence(evidence_id, principal)
        if found.media is not None:
            path = self._media_dir / found.media
            return Media(path, mimetypes.guess_type(path.name)[0] or "application/octet-stream")
        if found.kind is not Kind.WINDOW:
            raise EvidenceNotFound(f"evidence {evidence_id[:60]} has no picture")
        return Media(drawn(found, self._media_dir / f"{found.id}.png"), "image/png")

    def moment(self, evidence_id: str, principal: Principal, label: str | None = None) -> Moment:
        frame = self.evidence(evidence_id, principal)
        if not isinstance(frame.locator, FrameAt):
            raise EvidenceNotFound(f"evidence {evidence_id[:60]} is no frame")
        span = (frame.locator.ms, frame.locator.until_ms)
        return Moment(
            frame=frame.id, source=frame.source, label=label, span_ms=span, valid=frame.valid, frames=(frame,)
        )

    def clip(self, evidence_id: str, principal: Principal, label: str | None = None) -> Media:
        return self.media(self.moment(evidence_id, principal, label).frame, principal)

    def samples(self, evidence_id: str, principal: Principal) -> Samples:
        found = self.evidence(evidence_id, principal)
        if not isinstance(found.locator, SeriesWindow):
            raise EvidenceNotFound(f"evidence {evidence_id[:60]} is no window of a series")
        values = [float(value) for value in found.data.get("values", [])]
        step = (found.locator.t1 - found.locator.t0) // max(1, len(values))
        return Samples([found.locator.t0 + step * index for index in range(len(values))], values)

    # --- taking in

    def ingest(
        self, paths: Sequence[Path], principal: Principal, progress: Callable[[Advance], None] | None = None
    ) -> IngestSummary:
        return self._room.run(paths, principal, progress)

    @property
    def jobs(self) -> Desk:
        return self._room

    def work(self, stop: threading.Event, ended: Callable[[Job], None] | None = None, *, lasting: bool = True) -> None:
        self._room.work(stop, ended or (lambda job: None), lasting=lasting)

    @cached_property
    def _room(self) -> JobRoom:
        return memory_room(self, self._media_dir, self.tenant)

    def run(
        self,
        paths: Sequence[Path],
        principal: Principal,
        progress: Callable[[Advance], None] | None,
        *,
        stop: Callable[[], bool],
    ) -> IngestSummary:
        """The ingest of a job."""
        files = sorted(file for path in paths for file in files_of(path))
        before = set(self._evidence)
        reports: list[SourceReport] = []
        for done, path in enumerate(files, 1):
            if stop():
                break
            reports.append(self._take(path, principal))
            if progress:
                progress(Advance(done, len(files), reports[-1].source, reports[-1]))
        added = [item.kind.value for key, item in self._evidence.items() if key not in before]
        return summary_of(reports, Counter(added), self._sequence, stopped=len(reports) < len(files))

    def _take(self, path: Path, principal: Principal) -> SourceReport:
        source = path.resolve().as_uri()
        report = SourceReport(source=source, status="unchanged", evidence=0, sequence=self._sequence)
        refused = refusal(path)
        if refused:
            return replace(report, status="rejected", code=refused[0], reason=refused[1])
        text = path.read_text(encoding="utf-8", errors="replace")
        digest = content_hash(text)
        if self._hashes.get(source) == digest:
            return report
        self._hashes[source] = digest
        self._sequence += 1
        item = passage(source, text, principal.tenant)
        self._evidence[item.id] = item
        return replace(report, status="ingested", evidence=1, sequence=self._sequence)

    # --- keeping house

    def feedback(self, answer_id: str, accepted: bool, principal: Principal, note: str = "") -> None:
        if answer_id not in self._answers:
            raise EvidenceNotFound(f"no answer {answer_id[:60]} is known")
        self._accepted[answer_id] = accepted

    def stats(self, principal: Principal) -> dict[str, Any]:
        verdicts = Counter(answer.verdict.value for answer in self._answers.values())
        return {
            "asks": len(self._answers),
            "verdicts": dict(verdicts),
            "accepted": sum(self._accepted.values()),
            "rejected": len(self._accepted) - sum(self._accepted.values()),
        }

    def checks(self) -> list[Check]:
        return [Check("store", "ok", f"{len(self._evidence)} pieces in memory"), *self.extra_checks]

    def model_check(self) -> Check:
        given = (check for check in self.extra_checks if check.name == "model")
        return next(given, Check("model", "off", "no model is configured"))

    def notified(self, body: bytes, principal: Principal) -> Notified:
        """One that was there before says nothing new."""
        known = body in self.notices
        self.notices.append(body)
        return Notified(int(not known), int(known))

    def release(self, principal: Principal, paths: Sequence[Path]) -> int:
        return 0

    def reindex(self) -> dict[str, int]:
        return {"words": self._sequence}

    def reconcile(self) -> dict[str, dict[str, int]]:
        return {"words": {"checked": len(self._evidence), "missing": 0, "extra": 0, "stale": 0, "repaired": 0}}

    def snapshot(self) -> dict[str, int]:
        return {"sequence": self._sequence, "files": 0, "bytes": 0}

    def keep(self, stop: threading.Event) -> None:
        stop.wait()

    def close(self) -> None:
        self.closed = True


def _visible(item: Evidence, principal: Principal) -> bool:
    return item.tenant == principal.tenant and (not item.labels or bool(set(item.labels) & set(principal.labels)))


def _passes(item: Evidence, filter_: Filter) -> bool:
    window = filter_.window
    return all(
        (
            not filter_.kinds or item.kind in filter_.kinds,
            not filter_.entities or bool({m.entity for m in item.entities} & set(filter_.entities)),
            not filter_.sources or item.source in filter_.sources,
            window is None or (item.valid is not None and item.valid.overlaps(window)),
            filter_.as_of is None or item.recorded_at <= filter_.as_of,
        )
    )


def _claim(item: Evidence) -> Claim:
    cited = Citation(item.id, item.kind, item.source, item.locator, item.valid, item.text[:200])
    return Claim(item.text[:200], Support.SUPPORTED, (cited,))


__all__ = ["LONGEST_QUESTION", "MemoryService"]
