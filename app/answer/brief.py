"""The evidence brief: an extractive, fully cited answer made without a language model. It is always there."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable, Sequence

from app.answer import events, figures, hearing, passages, pointed, rows, seen, views
from app.answer.desk import Desk, Finding, Tools, timeline
from app.answer.outgoing import sealed, told
from app.answer.passages import gives
from app.answer.phrases import unreadable
from app.answer.places import Site
from app.answer.question import Question, Statistic, Wants, parse
from app.answer.series import Series, match, quantities
from app.confidence.assessor import Assessor
from app.confidence.features import features_of
from app.deadline import left_s
from app.ports import Ask, Event
from app.turns import Turns
from app.verify.port import Judgement
from retrieval.errors import BadQuery, EvidenceNotFound, QuestionTooLong
from retrieval.pictures import decoded
from retrieval.ports import Clock
from retrieval.times import iso
from retrieval.types import Answer, CoverageNote, EntityType, Evidence, Kind, Principal, Verdict

# more series than this are not set side by side
_COMPARED = 8
# each becomes a claim: more than this nobody reads
_POINTED = 64
_WHO = re.compile(r"\bwho (?:is|was|were|are)\b|\bnames? of\b", re.I)


class EvidenceBrief:
    """Answers by rules and retrieval alone. Safe to share between threads: all state of a question is on its Desk."""

    name = "evidence-brief.v1"

    def __init__(
        self,
        tools: Tools,
        clock: Clock,
        longest_question: int = 4000,
        turns: Turns | None = None,
        assessor: Assessor | None = None,
    ) -> None:
        self._tools, self._clock, self._longest = tools, clock, longest_question
        self._turns = turns or Turns()
        self._assessor = assessor or Assessor()

    def answer(
        self, ask: Ask, principal: Principal, listen: Callable[[Event], None], stop: threading.Event | None = None
    ) -> Answer:
        """Answer from what the principal may see. Raises QuestionTooLong, EvidenceNotFound, BadQuery."""
        started = time.perf_counter()
        desk, finding = self.find(ask, principal, listen)
        for made in finding.claims:
            listen(Event("claim", told(made)))
        return self.close(ask, desk, finding, {"total": (time.perf_counter() - started) * 1e3})

    def find(self, ask: Ask, principal: Principal, listen: Callable[[Event], None]) -> tuple[Desk, Finding]:
        """Plan and evidence of a question, told as they come; askers take turns. Raises as `answer` does."""
        desk = self.open(ask, principal)
        listen(Event("plan", describe(desk.question)))
        with self._turns.mine(principal, left_s(ask)):
            finding = investigate(desk)
        listen(Event("evidence", [e.id for e in finding.used]))
        return desk, finding

    def open(self, ask: Ask, principal: Principal) -> Desk:
        """Take the question apart and lay out the tools. Raises QuestionTooLong, EvidenceNotFound, BadQuery."""
        if len(ask.question) > self._longest:
            raise QuestionTooLong(f"the question has {len(ask.question)} characters; the limit is {self._longest}")
        question = parse(ask.question, ask.asked_at, self._tools.zone, self._tools.find_entities)
        for data in ask.pictures:
            decoded(data)
        return Desk(self._tools, question, principal, ask.as_of, self._pinned(ask, principal), ask.pictures)

    def _pinned(self, ask: Ask, principal: Principal) -> tuple[Evidence, ...]:
        about = list(dict.fromkeys(ask.about))
        if len(about) > _POINTED:
            raise BadQuery(f"the question points at {len(about)} pieces of evidence; {_POINTED} at most")
        found = self._tools.catalog.get(about, principal, ask.as_of) if about else {}
        missing = next((id_ for id_ in about if id_ not in found), None)
        if missing is not None:
            raise EvidenceNotFound(f"no evidence {missing[:64]!r} is visible to you")
        return tuple(found[id_] for id_ in about)

    def close(
        self,
        ask: Ask,
        desk: Desk,
        finding: Finding,
        timings_ms: dict[str, float],
        judgements: Sequence[Judgement] = (),
        logprobs: Sequence[float] = (),
        answerer: str | None = None,
    ) -> Answer:
        """The finding as an Answer with its confidence; `judgements` and `logprobs` are of the claims of the model `answerer`."""
        answer = Answer(
            id=f"an_{uuid.uuid4().hex}",
            question=ask.question,
            verdict=finding.verdict,
            confidence=None,
            claims=finding.claims,
            timeline=timeline(finding.used),
            coverage=finding.notes,
            as_of=ask.as_of if ask.as_of is not None else self._clock(),
            sequence=self._tools.catalog.sequence(),
            model=answerer or self.name,
            degraded=tuple(desk.degraded),
            timings_ms=timings_ms,
        )
        return sealed(self._assessor.assess(answer, features_of(desk, finding, judgements, logprobs)))


def describe(question: Question) -> dict[str, object]:
    """The plan as a reader sees it: the time, the things and what is wanted."""
    window = question.when.window if question.when else None
    return {
        "wants": sorted(w.value for w in question.wants),
        "entities": list(question.entities),
        "window": {"start": iso(window.t0), "end": iso(window.t1)} if window else None,
    }


def investigate(desk: Desk) -> Finding:
    """Choose the strategy by what the question wants; one that finds itself not meant hands over to the next."""
    impossible = _impossible(desk)
    if impossible is not None:
        desk.strategy = "impossible"
        return impossible
    if desk.pictures or pointed.at(desk):
        desk.strategy = "pointed"
        return pointed.tell(desk)
    site, all_series = desk.known.site, desk.known.series
    strategies: dict[str, Callable[[], Finding | None]] = {
        "event": lambda: _event(desk, site, all_series),
        "sight": lambda: _sight(desk, site),
        "table": lambda: _table(desk),
        "figure": lambda: _figure(desk, all_series, site),
    }
    for name, strategy in strategies.items():
        finding = strategy()
        if finding is not None:
            desk.strategy = name
            return finding
    desk.strategy = "fact"
    found = _fact(desk)
    return (hearing.unheard(desk) if found.verdict is Verdict.INSUFFICIENT else None) or found


def _impossible(desk: Desk) -> Finding | None:
    """A time that cannot be, or lies ahead of the question, has no evidence: that is said, not guessed around."""
    phrase, when = unreadable(desk.question.text), desk.question.when
    if phrase is None and (when is None or when.window.t0 < desk.question.asked_at):
        return None
    told = f"there is no such time as {phrase!r}" if phrase else "the time asked about lies ahead of the question"
    note = CoverageNote("question", "gap", when.window if when else None, told)
    return Finding(Verdict.INSUFFICIENT, (), (), (note,))


def _event(desk: Desk, site: Site, all_series: Sequence[Series]) -> Finding | None:
    question = desk.question
    things = site.of(question.entities, EntityType.ASSET, EntityType.ZONE, EntityType.SENSOR)
    sides = sum(
        (
            Wants.SIGHT in question.wants or bool(desk.tools.sights.asked(question.plain)),
            Wants.ALERT in question.wants,
            Wants.WORK_ORDER in question.wants,
            bool(question.statistics and quantities(question.words)),
        )
    )
    if (
        not things
        and Wants.EVENT in question.wants
        and question.when
        and not question.entities
        and not question.unknown_tags
    ):
        return events.digest(desk, question.when.window)
    if not (things and (Wants.EVENT in question.wants or sides >= 2)):
        return None
    finding = events.reconstruct(desk, site, all_series)
    return finding if finding.verdict is not Verdict.INSUFFICIENT else None


def _sight(desk: Desk, site: Site) -> Finding | None:
    question = desk.question
    text = views.without_clip_names(desk)
    asked = desk.tools.sights.read(text)
    watched = site.of(question.entities, EntityType.CAMERA, EntityType.ZONE)
    sight = Wants.SIGHT in question.wants
    if not (((question.filmed or watched) and (asked.labels or sight)) or (asked.labels and sight)):
        return None
    if Wants.WORK_ORDER in question.wants or (Wants.ALERT in question.wants and not asked.labels):
        return None
    nowhere = any(tag in text for tag in question.unknown_tags)
    if nowhere or asked.beyond or _WHO.search(question.plain):
        # no eye here watches that place, sees that, or tells who somebody is
        return Finding(Verdict.INSUFFICIENT)
    found = views.find_views(desk, site, question.entities, question.when.window if question.when else None)
    if not found:
        return Finding(Verdict.INSUFFICIENT) if asked.labels else None
    return seen.look(desk, asked, found)


def _table(desk: Desk) -> Finding | None:
    question = desk.question
    keyed = rows.by_key(desk)
    if keyed:
        return rows.told(desk, keyed)
    if Wants.WORK_ORDER in question.wants:
        return _rows(desk, Kind.ROW, "work order")
    if Wants.ALERT in question.wants:
        return _rows(desk, Kind.ALERT, "alert")
    return None


def _rows(desk: Desk, kind: Kind, what: str) -> Finding | None:
    found = [row for row in rows.candidates(desk, kind) if gives(desk.question.plain, row.text)]
    if not found or not (desk.question.entities or desk.question.when or rows.narrow(desk, found).by):
        return None
    return rows.count(desk, found, what) if desk.question.asks_count else rows.listing(desk, found)


def _figure(desk: Desk, all_series: Sequence[Series], site: Site) -> Finding | None:
    question = desk.question
    if not question.statistics and not (question.when and question.when.instant):
        return None
    found = match(question, all_series, site)
    if not found:
        return None
    tied = [m.series for m in found if m.score >= found[0].score - 1e-9][:_COMPARED]
    if len(tied) > 1:
        return figures.compare(desk, tied, _statistics(question))
    return figures.measure(desk, tied[0], _statistics(question))


def _statistics(question: Question) -> tuple[Statistic, ...]:
    """A named statistic wins over the plain "what was", and a limit over a maximum."""
    named = tuple(s for s in question.statistics if s is not Statistic.VALUE)
    if Statistic.ABOVE in named:
        return (Statistic.ABOVE,)
    return named or (Statistic.VALUE,)


def _fact(desk: Desk) -> Finding:
    question = desk.question
    finding = passages.tell(desk, window=question.when.window if question.when else None, entities=question.entities)
    if finding.verdict is Verdict.ANSWERED:
        return finding
    return passages.tell(desk)
