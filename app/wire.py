"""How values look outside: the JSON of HTTP, of the command line and of Slack. The way back is in unwire.py.

Field names are promises to callers. Times are RFC 3339 in UTC ("2026-03-04T02:10:05Z"); an interval is {start, end},
half open, or null where the time is unknown.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from app.ports import Check, Conversation, Found, IngestSummary, Samples, SourceReport
from retrieval.ports import Explained
from retrieval.times import iso
from retrieval.types import (
    Answer,
    CharSpan,
    Citation,
    Claim,
    ClipSpan,
    Evidence,
    FrameAt,
    Hit,
    Interval,
    Kind,
    Locator,
    Mention,
    PageBox,
    RowKey,
    SeriesWindow,
    Sighting,
    Support,
    Verdict,
)


class Span(msgspec.Struct, frozen=True):
    """[start, end) as RFC 3339 UTC strings."""

    start: str
    end: str


class WindowAt(msgspec.Struct, frozen=True, tag="window"):
    """Samples of one series with start <= time < end; rows first..last of its file, from 1 (0 = not known)."""

    series: str
    start: str
    end: str
    first: int = 0
    last: int = 0


WireLocator: TypeAlias = FrameAt | ClipSpan | PageBox | CharSpan | WindowAt | RowKey


class WireCitation(msgspec.Struct, frozen=True):
    """Where a claim can be checked."""

    evidence: str
    kind: Kind
    source: str
    locator: WireLocator
    valid: Span | None
    quote: str


class WireClaim(msgspec.Struct, frozen=True):
    """One statement and what holds it up. `why` says what of it does not stand; `recomputed` which figures were computed anew;
    `sighting` what a second look at its frame said (null = none was taken)."""

    text: str
    support: Support
    citations: list[WireCitation]
    why: str = ""
    recomputed: list[str] = []
    sighting: Sighting | None = None


class WireTimeline(msgspec.Struct, frozen=True):
    """One thing that happened."""

    valid: Span
    kind: Kind
    text: str
    evidence: str


class WireCoverage(msgspec.Struct, frozen=True):
    """What was or was not looked at: status is examined, recorded or gap."""

    subject: str
    status: str
    valid: Span | None
    text: str


class WireUsage(msgspec.Struct, frozen=True):
    """Tokens of the model, as its server counts them."""

    prompt_tokens: int
    completion_tokens: int


class WireAnswer(msgspec.Struct, frozen=True):
    """The whole answer. `confidence` is null where nothing calibrates it; `resolved` is how a question that leans on its
    conversation was understood ("" = as asked); `usage` is null where no model took part."""

    id: str
    question: str
    verdict: Verdict
    confidence: float | None
    claims: list[WireClaim]
    timeline: list[WireTimeline]
    coverage: list[WireCoverage]
    as_of: str
    sequence: int
    model: str
    degraded: list[str]
    timings_ms: dict[str, float]
    calibration: str = ""
    conversation: str = ""
    resolved: str = ""
    prompts: list[str] = []
    usage: WireUsage | None = None


class WireTurn(msgspec.Struct, frozen=True):
    """A question of a conversation and what was answered, in short; `evidence` are the ids cited that the reader may see."""

    question: str
    asked_at: str
    resolved: str
    answer: str
    verdict: str
    reply: str
    evidence: list[str]


class WireConversation(msgspec.Struct, frozen=True):
    """A conversation of the reader's; lists of them leave `turns` empty, and `count` says how many there are."""

    id: str
    title: str
    began_at: str
    last_at: str
    count: int
    turns: list[WireTurn] = []


class WireHit(msgspec.Struct, frozen=True):
    """Ranked evidence; `channels` gives each channel's rank, from 1."""

    evidence: str
    kind: Kind
    source: str
    score: float
    text: str
    locator: WireLocator
    valid: Span | None
    channels: dict[str, int]


class WireExplained(msgspec.Struct, frozen=True):
    """How the vectors of one space, or the words, were searched: of `total`, `passing` passed the filter, `compared` were compared exactly.

    `plan` is the way ("failed" where it cannot be searched), `why` what made it so, `ms` the milliseconds it took in the index.
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


class WireEvidence(msgspec.Struct, frozen=True):
    """A piece of evidence; `media` is the path that plays it back, or null where only its text can be shown."""

    id: str
    revision: int
    tenant: str
    source: str
    kind: Kind
    locator: WireLocator
    text: str
    media: str | None
    valid: Span | None
    recorded_at: str
    superseded_at: str | None
    entities: list[Mention]
    labels: list[str]
    data: dict[str, Any]
    provenance: dict[str, Any]


class WireSamples(msgspec.Struct, frozen=True):
    """The readings of a window, in order of time."""

    times: list[str]
    values: list[float | None]
    unit: str


class AskOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may stand beside a question, wherever it is asked. Times are RFC 3339 with a zone.

    `asked_at` anchors relative times (default: now); `as_of` asks what was known then; `deadline_s` is how long the answer may take.
    `about` are ids of evidence it points at ("like this frame"). `conversation` is the one it belongs to; "new" begins one, whose id
    comes with the answer.
    """

    asked_at: str | None = None
    as_of: str | None = None
    deadline_s: float | None = None
    about: tuple[str, ...] = ()
    conversation: str | None = None


class AskFields(AskOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question. `pictures` are data: URIs of pictures it carries: four, of 8 MiB each and 11 MiB together, at most."""

    question: str
    pictures: list[str] = []


class SearchFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A search as it is asked for. Times are RFC 3339 with a zone; a missing end of the window is open. `explain`: tell how it was done."""

    text: str
    k: int = 10
    kinds: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    as_of: str | None = None
    explain: bool = False


# --- values out -------------------------------------------------------------------------------------------------------


def span_of(valid: Interval | None) -> Span | None:
    return None if valid is None else Span(iso(valid.t0), iso(valid.t1))


def locator_out(locator: Locator) -> WireLocator:
    if isinstance(locator, SeriesWindow):
        return WindowAt(locator.series, iso(locator.t0), iso(locator.t1), locator.first, locator.last)
    return locator


def citation_out(citation: Citation) -> WireCitation:
    return WireCitation(
        evidence=citation.evidence,
        kind=citation.kind,
        source=citation.source,
        locator=locator_out(citation.locator),
        valid=span_of(citation.valid),
        quote=citation.quote,
    )


def claim_out(claim: Claim) -> WireClaim:
    citations = [citation_out(citation) for citation in claim.citations]
    return WireClaim(claim.text, claim.support, citations, claim.why, list(claim.recomputed), claim.sighting)


def answer_out(answer: Answer) -> WireAnswer:
    return WireAnswer(
        id=answer.id,
        question=answer.question,
        verdict=answer.verdict,
        confidence=answer.confidence,
        claims=[claim_out(claim) for claim in answer.claims],
        timeline=[
            WireTimeline(Span(iso(item.valid.t0), iso(item.valid.t1)), item.kind, item.text, item.evidence)
            for item in answer.timeline
        ],
        coverage=[WireCoverage(note.subject, note.status, span_of(note.valid), note.text) for note in answer.coverage],
        as_of=iso(answer.as_of),
        sequence=answer.sequence,
        model=answer.model,
        degraded=list(answer.degraded),
        timings_ms=answer.timings_ms,
        calibration=answer.calibration,
        conversation=answer.conversation,
        resolved=answer.resolved,
        prompts=list(answer.prompts),
        usage=None if answer.usage is None else WireUsage(*answer.usage),
    )


def conversation_out(talk: Conversation) -> WireConversation:
    turns = [
        WireTurn(t.question, iso(t.asked_at), t.resolved, t.answer, t.verdict, t.reply, list(t.evidence))
        for t in talk.turns
    ]
    return WireConversation(talk.id, talk.title, iso(talk.began_at), iso(talk.last_at), talk.count, turns)


def hit_out(hit: Hit) -> WireHit:
    found = hit.evidence
    return WireHit(
        evidence=found.id,
        kind=found.kind,
        source=found.source,
        score=hit.score,
        text=found.text,
        locator=locator_out(found.locator),
        valid=span_of(found.valid),
        channels=hit.channels,
    )


def evidence_out(found: Evidence) -> WireEvidence:
    playable = found.media is not None or found.kind is Kind.WINDOW
    return WireEvidence(
        id=found.id,
        revision=found.revision,
        tenant=found.tenant,
        source=found.source,
        kind=found.kind,
        locator=locator_out(found.locator),
        text=found.text,
        media=f"/v1/evidence/{found.id}/media" if playable else None,
        valid=span_of(found.valid),
        recorded_at=iso(found.recorded_at),
        superseded_at=None if found.superseded_at is None else iso(found.superseded_at),
        entities=list(found.entities),
        labels=list(found.labels),
        data=found.data,
        provenance=msgspec.to_builtins(found.provenance),
    )


def samples_out(samples: Samples) -> WireSamples:
    return WireSamples([iso(time) for time in samples.t], list(samples.v), samples.unit)


def as_json(value: Any) -> Any:
    """Any of the structs here, or of the ports, as plain dicts, lists and strings."""
    return msgspec.to_builtins(value)


def answer_json(answer: Answer) -> dict[str, Any]:
    """The answer as a JSON-able dict."""
    return dict(as_json(answer_out(answer)))


def explained_out(told: Explained) -> WireExplained:
    return WireExplained(**told._asdict())


def hits_json(found: Found, explained: list[Explained] | None = None) -> dict[str, Any]:
    """{"hits": [...]}, best first; with "degraded" where anything was left out, with "explain" where it was asked for."""
    told: dict[str, Any] = {"hits": [as_json(hit_out(hit)) for hit in found.hits]}
    told |= {"degraded": list(found.degraded)} if found.degraded else {}
    return told if explained is None else told | {"explain": [as_json(explained_out(each)) for each in explained]}


def evidence_json(found: Evidence) -> dict[str, Any]:
    """A piece of evidence as a JSON-able dict."""
    return dict(as_json(evidence_out(found)))


def report_json(report: SourceReport) -> dict[str, Any]:
    """One line of an ingest: {source, status, evidence, sequence, reason}."""
    fields = as_json(report)
    return {name: fields[name] for name in ("source", "status", "evidence", "sequence", "reason")}


def summary_json(summary: IngestSummary) -> dict[str, Any]:
    """The last line of an ingest: {ingested, unchanged, rejected, evidence_by_kind, sequence}, and notes and quality if any."""
    fields = dict(as_json(summary))
    return {name: value for name, value in fields.items() if value or name not in ("notes", "quality", "stopped")}


def checks_json(checks: list[Check]) -> dict[str, Any]:
    """{"ready", "checks", "degraded"}: ready unless a part has failed."""
    return {
        "ready": all(check.state != "failed" for check in checks),
        "checks": [as_json(check) for check in checks],
        "degraded": [f"{check.name}: {check.detail}" for check in checks if check.state == "degraded"],
    }


def error_json(code: str, message: str) -> dict[str, Any]:
    """The one shape of a failure."""
    return {"error": {"code": code, "message": message}}
