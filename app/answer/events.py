"""Questions about what happened: a typed plan of dependent steps, from the anchor event to what watched the place.

anchor (the alert, report or row the question means) → its time → the cameras and sensors that watch the place → the window.
Slots that stay empty get one further retrieval with the anchor's words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from app.answer import rows
from app.answer.desk import Desk, Finding, claim
from app.answer.figures import read_samples
from app.answer.passages import rank_sentences
from app.answer.places import Site
from app.answer.question import Wants
from app.answer.rows import by_key, row_claim
from app.answer.seen import Episode, find_episodes, notable
from app.answer.sentences import Sentence
from app.answer.series import Series, quantities
from app.answer.storms import gathered, is_storm
from app.answer.views import View, coverage_notes, find_views
from app.answer.wording import moment, number, stretch
from retrieval.types import Claim, CoverageNote, EntityType, Evidence, Interval, Kind, Layer, RowKey, Verdict

_MINUTE = 60_000_000
_BEFORE, _AFTER = 60 * _MINUTE, 90 * _MINUTE
_CAUSE = re.compile(
    r"\b(?:cause|caused|because|due to|owing to|found that|found to|root|fault was|traced|result(?:ed)? (?:of|from)|had)\b",
    re.I,
)
# the same without the words that also say other things; and how far down such a sentence is looked for
_GIVES_CAUSE = re.compile(
    r"\b(?:caus(?:e|ed|es)\b(?! (?:is |was |still )*(?:under|unknown|not))|because\b|due to\b|owing to\b|found that\b|root cause\b"
    r"|fault was\b|traced to\b|result(?:ed)? (?:of|from)\b)",
    re.I,
)
_RANKED_WELL = 12
_GRAVE = {
    3: ("critical", "emergency", "urgent", "1"),
    2: ("high", "major", "error", "2"),
    1: ("medium", "warning", "3"),
}


class Plan(NamedTuple):
    """The resolved slots: what the event hangs on, its time, and who watches."""

    anchor: Evidence | None
    things: tuple[str, ...]
    window: Interval | None


class Part(NamedTuple):
    """What one kind of source adds to the story."""

    claims: tuple[Claim, ...] = ()
    used: tuple[Evidence, ...] = ()
    notes: tuple[CoverageNote, ...] = ()


def reconstruct(desk: Desk, site: Site, all_series: Sequence[Series]) -> Finding:
    """Tell the event from every kind of source that has something to say about it."""
    plan = make_plan(desk, site)
    if plan.anchor is None and not (plan.things and plan.window):
        return Finding(Verdict.INSUFFICIENT)
    told = _words(desk, plan)
    parts = (
        _alerts(desk, plan),
        _figures(desk, plan, all_series, site),
        _pictures(desk, plan, site, told),
        told,
        _orders(desk, plan),
    )
    filled = sum(bool(p.claims) for p in parts)
    blind = wants_sight(desk) and not parts[2].claims
    whole = Verdict.PARTIAL if blind or filled == 1 else Verdict.ANSWERED
    verdict = whole if filled else Verdict.INSUFFICIENT
    claims = tuple(c for p in parts for c in p.claims)
    notes = tuple(n for p in parts for n in p.notes)
    return Finding(verdict, claims, tuple(e for p in parts for e in p.used), notes)


def digest(desk: Desk, window: Interval) -> Finding | None:
    """What happened in a time, wherever: its alerts, the gravest first, and the sentences that give causes."""
    found = gathered(desk.scan(500, kinds=(Kind.ALERT,), window=window), 5)
    alerts = sorted(found, key=lambda a: (-severity(a), a.valid or window))
    if not alerts:
        return None
    hits = desk.search(desk.question.text + " " + alerts[0].text, 8, kinds=(Kind.PASSAGE,), window=window)
    telling = [s for s in rank_sentences(desk, hits) if _CAUSE.search(s.text)][:2]
    claims = [row_claim(desk, a) for a in alerts[:5]] + [claim(s.text, (s.evidence, s.text)) for s in telling]
    if len(alerts) > 5:
        claims.append(claim(f"{len(alerts) - 5} more alerts in that time.", *((a, a.text[:140]) for a in alerts[5:8])))
    used = (*alerts[:5], *(s.evidence for s in telling))
    return Finding(Verdict.ANSWERED, tuple(claims), used)


def wants_sight(desk: Desk) -> bool:
    """Whether the question asks what was to be seen."""
    return Wants.SIGHT in desk.question.wants or bool(desk.tools.sights.asked(desk.question.plain))


def make_plan(desk: Desk, site: Site) -> Plan:
    """Find the anchor and, from it, the place and the time."""
    question = desk.question
    window = question.when.window if question.when else None
    things = tuple(e.id for e in site.of(question.entities, EntityType.ASSET, EntityType.ZONE, EntityType.SENSOR))
    anchor = _anchor(desk, things, window)
    if anchor is None:
        return Plan(None, things or question.entities, window)
    if not things:
        things = tuple(e.id for e in site.of((m.entity for m in anchor.entities), EntityType.ASSET, EntityType.ZONE))
    return Plan(anchor, things, _event_window(anchor, window))


def _anchor(desk: Desk, things: Sequence[str], window: Interval | None) -> Evidence | None:
    """The alert of the thing in the window that is nearest to the question; without one, a row or passage that tells of it."""
    named = [row for row in by_key(desk) if row.valid is not None]
    if named:
        return named[0]
    steps: tuple[tuple[tuple[Kind, ...], Interval | None], ...] = (
        ((Kind.ALERT,), window),
        ((Kind.ROW, Kind.PASSAGE), window),
        ((Kind.PASSAGE,), None),
    )
    for kinds, limit in steps:
        if not things and limit is None:
            continue
        hits = desk.search(desk.question.text, 8, kinds=kinds, entities=tuple(things), window=limit)
        timed = [h.evidence for h in hits if h.evidence.valid is not None and not is_storm(h.evidence)]
        if timed:
            # the gravest alert is the event; among equals, the one nearest to the question
            return max(timed, key=lambda e: (severity(e), -timed.index(e)))
    return None


def severity(evidence: Evidence) -> int:
    """How grave an alert says it is: 0 (unknown or low) to 3."""
    told = str(rows.fields(evidence).get("severity", rows.fields(evidence).get("priority", ""))).lower()
    return next((rank for rank, words in _GRAVE.items() if told in words), 0)


def _event_window(anchor: Evidence, window: Interval | None) -> Interval | None:
    """From an hour before the anchor to an hour and a half after, inside the question's window when it is a short one."""
    if anchor.valid is None:
        return window
    if anchor.kind is Kind.PASSAGE and window is not None:
        return window
    around = Interval(
        anchor.valid.t0 - _BEFORE, max(anchor.valid.t0, min(anchor.valid.t1, anchor.valid.t0 + _AFTER)) + _AFTER
    )
    if window is not None and window.seconds <= 4 * 3600:
        return window
    return around


def _alerts(desk: Desk, plan: Plan) -> Part:
    """The anchor, and alerts of the same thing that overlap it."""
    if plan.anchor is None or plan.anchor.kind is not Kind.ALERT:
        found = gathered(desk.scan(200, kinds=(Kind.ALERT,), entities=plan.things, window=plan.window), 3)[:3]
        return Part(tuple(row_claim(desk, a) for a in found), tuple(found))
    beside = gathered(desk.scan(20, kinds=(Kind.ALERT,), entities=plan.things, window=plan.anchor.valid), 3)
    chosen = {a.id: a for a in (plan.anchor, *beside[:2])}.values()
    return Part(tuple(row_claim(desk, a) for a in chosen), tuple(chosen))


def _figures(desk: Desk, plan: Plan, all_series: Sequence[Series], site: Site) -> Part:
    sensors = set(site.watchers(plan.things, EntityType.SENSOR))
    direct = [s for s in all_series if s.entities & set(plan.things)] or [s for s in all_series if s.subject in sensors]
    named = [s for s in direct if s.subject in desk.question.entities]
    asked = quantities(desk.question.words)
    meant = [s for s in named or direct if asked & quantities(s.tokens)] or named or direct
    peaks = sorted((p for s in meant if (p := _peak(desk, s, plan)) is not None), key=lambda p: -p.far)
    # a limit that was passed is the story; without one, the series that strayed farthest
    best = [p for p in peaks if p.over] or peaks[:1]
    return Part(tuple(p.claim for p in best[:2]), tuple(p.evidence for p in best[:2]))


class Peak(NamedTuple):
    """The farthest sample of a series: how far from the window's median in robust spreads, and whether past its limit."""

    far: float
    over: bool
    claim: Claim
    evidence: Evidence


def _peak(desk: Desk, series: Series, plan: Plan) -> Peak | None:
    """The sample farthest from the series' own median in the window."""
    samples = read_samples(desk, series, plan.window)
    if not len(samples.v):
        return None
    median = float(np.median(samples.v))
    spread = float(np.median(np.abs(samples.v - median))) or 1e-9
    over = series.high is not None and float(samples.v.max()) > series.high
    i = int(samples.v.argmax()) if over else int(np.abs(samples.v - median).argmax())
    value = f"{number(float(samples.v[i]))} {samples.unit}".strip()
    beyond = f", above its limit of {number(series.high)}" if over and series.high is not None else ""
    at = moment(int(samples.t[i]), desk.tools.zone)
    text = f"{series.name} reached {value} at {at}{beyond} (median of the window {number(median)})."
    evidence = samples.at(i)
    return Peak(abs(float(samples.v[i]) - median) / spread, over, claim(text, (evidence, f"{at}: {value}")), evidence)


def _pictures(desk: Desk, plan: Plan, site: Site, told: Part) -> Part:
    """What the cameras there saw about then; nothing when none was recording as it began."""
    views = find_views(desk, site, _watched(desk, plan, site), plan.window) if plan.things else []
    notes = coverage_notes(desk, views, plan.window)
    began = plan.anchor.valid.t0 if plan.anchor and plan.anchor.valid else None
    if began is not None and not any(_recording(v, began) for v in views):
        return Part((), (), notes)
    asked = desk.tools.sights.asked(desk.question.plain)
    # what reports of the event speak of is what to look for
    spoken = desk.tools.sights.asked(" ".join(c.text for c in told.claims))
    scored = [
        (_weight(e, asked, spoken), e)
        for v in views
        for label in notable(v, (*asked, *spoken))
        for e in find_episodes(v, label)
    ]
    ranked = [e for weight, e in sorted(scored, key=lambda pair: -pair[0]) if weight > 0]
    best = _one_each(ranked)[:2]
    claims = tuple(_episode_claim(desk, e) for e in best)
    return Part(claims, tuple(e.best for e in best), notes)


def _watched(desk: Desk, plan: Plan, site: Site) -> tuple[str, ...]:
    """The cameras the question names, else what happened to the thing is seen by those that watch it."""
    named = tuple(e.id for e in site.of(desk.question.entities, EntityType.CAMERA))
    return named or plan.things


def _recording(view: View, at: int) -> bool:
    return any(c.layer is Layer.RECORDED and c.valid and c.valid.t0 <= at < c.valid.t1 for c in view.coverage)


def _weight(episode: Episode, asked: Sequence[str], spoken: Sequence[str]) -> float:
    """How likely an episode is the event: asked for, spoken of in reports, rare in this view; people and traffic are common."""
    rare = 1.0 - len(episode.frames) / max(len(episode.view.frames), 1)
    lasting = min(len(episode.frames), 10) / 10
    return 4.0 * (episode.label in asked) + 2.0 * (episode.label in spoken) + rare * lasting


def _one_each(episodes: Sequence[Episode]) -> list[Episode]:
    return list({(e.view.subject, e.label): e for e in reversed(episodes)}.values())[::-1]


def _episode_claim(desk: Desk, episode: Episode) -> Claim:
    first, last = episode.frames[0], episode.frames[-1]
    when = ""
    if first.valid and last.valid:
        when = f": {stretch(Interval(first.valid.t0, max(first.valid.t0, last.valid.t1)), desk.tools.zone)}"
    return claim(
        f"{episode.view.name} shows {episode.label}{when}.", (episode.best, " ".join(episode.best.text.split())[:200])
    )


def _words(desk: Desk, plan: Plan) -> Part:
    """The sentences of reports about the thing, near the time; then, once more, without the time."""
    near = Interval(plan.window.t0 - 12 * 60 * _MINUTE, plan.window.t1 + 48 * 60 * _MINUTE) if plan.window else None
    text = desk.question.text + (f" {plan.anchor.text}" if plan.anchor else "")
    kinds = (Kind.PASSAGE, Kind.TRANSCRIPT)
    hits = desk.search(text, 10, kinds=kinds, entities=plan.things, window=near)
    hits += [h for h in desk.search(text, 6, kinds=kinds, entities=plan.things) if h.evidence.valid is None]
    if not hits:
        hits = desk.search(text, 5, kinds=kinds, entities=plan.things)
    sentences = [s._replace(fit=_fit(s, plan)) for s in rank_sentences(desk, hits)]
    ranked = [s for s in sorted(sentences, key=lambda s: -s.score) if s.fit >= 0]
    chosen = _with_cause(list({s.evidence.id: s for s in reversed(ranked[:6])}.values())[::-1][:3], ranked)
    claims = tuple(claim(s.text, (s.evidence, s.text)) for s in chosen)
    return Part(claims, tuple(s.evidence for s in chosen))


def _with_cause(chosen: list[Sentence], ranked: Sequence[Sentence]) -> list[Sentence]:
    """Whoever asks what happened wants to know why: the best sentence that gives a cause has a place of its own."""
    if any(_GIVES_CAUSE.search(s.text) for s in chosen):
        return chosen
    cause = [s for s in ranked[:_RANKED_WELL] if _GIVES_CAUSE.search(s.text)][:1]
    return [*chosen[:2], *cause] if cause else chosen


def _fit(sentence: Sentence, plan: Plan) -> float:
    """A sentence that gives a cause, or stands by the anchor's own key, tells more; one by another alert's key is of that event."""
    key = plan.anchor.locator.key if plan.anchor and isinstance(plan.anchor.locator, RowKey) else ""
    stem = _stem_of(key)
    keys = set(re.findall(rf"\b{re.escape(stem)}\d+\b", _paragraph(sentence))) if stem else set()
    if keys and key not in keys:
        return -1.0
    return 0.3 * (key in keys) + 0.25 * bool(_CAUSE.search(sentence.text))


def _paragraph(sentence: Sentence) -> str:
    """The lines around a sentence, up to the next empty ones."""
    paragraphs = (" ".join(p.split()) for p in re.split(r"\n\s*\n", sentence.evidence.text))
    return next((p for p in paragraphs if sentence.text in p), sentence.text)


def _stem_of(key: str) -> str:
    """The letters that keys of one table share: "AL-" of "AL-246"."""
    match = re.fullmatch(r"([A-Za-z]+[-_]?)\d+", key)
    return match[1] if match else ""


def _orders(desk: Desk, plan: Plan) -> Part:
    """The work order that followed: of the same thing, opened after the anchor, nearest to it in words."""
    if plan.anchor is None or plan.anchor.valid is None:
        return Part()
    began = plan.anchor.valid.t0
    after = Interval(began, began + 3 * 24 * 60 * _MINUTE)
    text = f"{desk.question.text} {plan.anchor.text}"
    hits = desk.search(text, 10, kinds=(Kind.ROW,), entities=plan.things, window=after)
    opened = [
        h.evidence for h in hits if rows.is_work_order(h.evidence) and h.evidence.valid and h.evidence.valid.t0 >= began
    ]
    return Part(tuple(row_claim(desk, r) for r in opened[:1]), tuple(opened[:1]))
