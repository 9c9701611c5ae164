"""From JSON back to values: what a request asks for, and what the remote client reads. The way out is in wire.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from app.ports import Ask, Conversation, Samples, Turn
from app.wire import (
    AskOptions,
    SearchFields,
    Span,
    WindowAt,
    WireAnswer,
    WireCitation,
    WireClaim,
    WireConversation,
    WireEvidence,
    WireHit,
    WireLocator,
    WireSamples,
    WireTimeline,
)
from retrieval.errors import BadQuery
from retrieval.times import to_micros
from retrieval.types import (
    Answer,
    Citation,
    Claim,
    CoverageNote,
    Evidence,
    Filter,
    Hit,
    Interval,
    Kind,
    Locator,
    Micros,
    Provenance,
    Query,
    SeriesWindow,
    TimelineEntry,
)

FIRST_INSTANT: Micros = to_micros(datetime(1, 1, 1, tzinfo=UTC))
LAST_INSTANT: Micros = to_micros(datetime(9999, 12, 31, tzinfo=UTC))
MOST_HITS = 1000
_LONGEST_DEADLINE_S = 3600.0


def parse_time(text: str, name: str = "time") -> Micros:
    """RFC 3339 with a zone → UTC microseconds. Raises BadQuery naming the field."""
    try:
        moment = datetime.fromisoformat(text.strip())
        return to_micros(moment)
    except (ValueError, OverflowError) as error:
        raise BadQuery(f"{name} {text[:40]!r} is not a time with a zone; write it like 2026-03-04T02:10:05Z") from error


def interval_of(span: Span | None) -> Interval | None:
    return None if span is None else Interval(parse_time(span.start), parse_time(span.end))


def ask_in(
    question: str,
    options: AskOptions,
    now: Micros,
    deadline_s: float | None = None,
    pictures: Sequence[bytes] = (),
) -> Ask:
    """A question and what stands beside it → Ask. `now` and `deadline_s` hold where it names none.

    Raises BadQuery naming the field that is wrong.
    """
    own = deadline_in(options.deadline_s)
    return Ask(
        question=question,
        asked_at=now if options.asked_at is None else parse_time(options.asked_at, "asked_at"),
        as_of=None if options.as_of is None else parse_time(options.as_of, "as_of"),
        deadline_s=deadline_s if own is None else own,
        pictures=tuple(pictures),
        about=options.about,
        conversation=options.conversation,
    )


def deadline_in(seconds: float | None, name: str = "deadline_s") -> float | None:
    """The seconds an answer may take, where they are named. Raises BadQuery for none at all and for more than an hour."""
    if seconds is not None and not 0 < seconds <= _LONGEST_DEADLINE_S:
        raise BadQuery(f"{name} is {seconds}; give seconds above 0, up to 3600")
    return seconds


def query_in(fields: SearchFields) -> Query:
    """A search request → Query. Raises BadQuery naming the field that is wrong."""
    if not fields.text.strip():
        raise BadQuery("text is empty; say what to look for")
    if not 1 <= fields.k <= MOST_HITS:
        raise BadQuery(f"k is {fields.k}; give a number from 1 to {MOST_HITS}")
    filter_ = Filter(
        kinds=tuple(kind_in(name) for name in fields.kinds),
        entities=fields.entities,
        window=window_in(fields.start, fields.end),
        as_of=None if fields.as_of is None else parse_time(fields.as_of, "as_of"),
    )
    return Query(text=fields.text, filter=filter_, k=fields.k)


def kind_in(name: str) -> Kind:
    """A kind by its name. Raises BadQuery listing the kinds there are."""
    try:
        return Kind(name)
    except ValueError as error:
        raise BadQuery(f"no kind {name[:40]!r}; there are {', '.join(Kind)}") from error


def window_in(start: str | None, end: str | None) -> Interval | None:
    """Two times, either of which may be missing → interval. Raises BadQuery when it ends before it begins."""
    if start is None and end is None:
        return None
    t0 = FIRST_INSTANT if start is None else parse_time(start, "start")
    t1 = LAST_INSTANT if end is None else parse_time(end, "end")
    if t1 < t0:
        raise BadQuery(f"the window ends ({end}) before it begins ({start})")
    return Interval(t0, t1)


def locator_in(locator: WireLocator) -> Locator:
    if isinstance(locator, WindowAt):
        t0, t1 = parse_time(locator.start), parse_time(locator.end)
        return SeriesWindow(locator.series, t0, t1, locator.first, locator.last)
    return locator


def evidence_in(wire: WireEvidence) -> Evidence:
    """The way back of evidence_out; `media` is then the path that plays it back."""
    return Evidence(
        id=wire.id,
        revision=wire.revision,
        tenant=wire.tenant,
        source=wire.source,
        kind=wire.kind,
        locator=locator_in(wire.locator),
        text=wire.text,
        media=wire.media,
        valid=interval_of(wire.valid),
        recorded_at=parse_time(wire.recorded_at),
        superseded_at=None if wire.superseded_at is None else parse_time(wire.superseded_at),
        entities=tuple(wire.entities),
        labels=tuple(wire.labels),
        data=wire.data,
        provenance=msgspec.convert(wire.provenance, Provenance),
    )


def samples_in(wire: WireSamples) -> Samples:
    """The way back of samples_out; a reading that was no number (null in JSON) is NaN again."""
    values = [math.nan if value is None else value for value in wire.values]
    return Samples([parse_time(text) for text in wire.times], values, wire.unit)


def hit_in(wire: WireHit, tenant: str) -> Hit:
    """The way back of hit_out: the evidence holds what a hit shows, and says nothing of its provenance."""
    found = Evidence(
        id=wire.evidence,
        tenant=tenant,
        source=wire.source,
        kind=wire.kind,
        locator=locator_in(wire.locator),
        text=wire.text,
        valid=interval_of(wire.valid),
        provenance=Provenance(ingester=""),
    )
    return Hit(found, wire.score, wire.channels)


def citation_in(wire: WireCitation) -> Citation:
    return Citation(
        wire.evidence, wire.kind, wire.source, locator_in(wire.locator), interval_of(wire.valid), wire.quote
    )


def claim_in(wire: WireClaim) -> Claim:
    citations = tuple(map(citation_in, wire.citations))
    return Claim(wire.text, wire.support, citations, wire.why, tuple(wire.recomputed), wire.sighting)


def answer_in(wire: WireAnswer) -> Answer:
    """The way back of answer_out."""
    return Answer(
        id=wire.id,
        question=wire.question,
        verdict=wire.verdict,
        confidence=wire.confidence,
        claims=tuple(map(claim_in, wire.claims)),
        timeline=tuple(_timeline_in(item) for item in wire.timeline),
        coverage=tuple(
            CoverageNote(note.subject, note.status, interval_of(note.valid), note.text) for note in wire.coverage
        ),
        as_of=parse_time(wire.as_of),
        sequence=wire.sequence,
        model=wire.model,
        degraded=tuple(wire.degraded),
        timings_ms=wire.timings_ms,
        calibration=wire.calibration,
        conversation=wire.conversation,
        resolved=wire.resolved,
        prompts=tuple(wire.prompts),
        usage=None if wire.usage is None else (wire.usage.prompt_tokens, wire.usage.completion_tokens),
    )


def conversation_in(wire: WireConversation) -> Conversation:
    """The way back of conversation_out."""
    turns = tuple(
        Turn(
            question=t.question,
            asked_at=parse_time(t.asked_at),
            resolved=t.resolved,
            answer=t.answer,
            verdict=t.verdict,
            reply=t.reply,
            evidence=tuple(t.evidence),
        )
        for t in wire.turns
    )
    began, last = parse_time(wire.began_at), parse_time(wire.last_at)
    return Conversation(id=wire.id, title=wire.title, began_at=began, last_at=last, count=wire.count, turns=turns)


def _timeline_in(item: WireTimeline) -> TimelineEntry:
    valid = Interval(parse_time(item.valid.start), parse_time(item.valid.end))
    return TimelineEntry(valid, item.kind, item.text, item.evidence)
