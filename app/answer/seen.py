"""Questions that eyes answer: was it seen, when, where, how many — and when not, whether anything could have seen it.

`not_observed` is said only where coverage was recorded and examined by something able to see what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import PurePosixPath
from typing import NamedTuple

from app.answer.desk import Desk, Finding, claim
from app.answer.places import Site
from app.answer.series import stem, tokens_of
from app.answer.sights import miss_rate
from app.answer.wording import duration, offset, stretch
from retrieval.intervals import clip, covered, gaps, union
from retrieval.types import (
    Claim,
    Coverage,
    CoverageNote,
    EntityType,
    Evidence,
    FrameAt,
    Interval,
    Kind,
    Layer,
    Verdict,
)

# a detector that misses more than this share is not trusted to say that nothing was there
ABLE_MISS_RATE = 0.35
# below this share of the window recorded, silence means nothing
ENOUGH_RECORDED = 0.98
# what stands in view for most of the time is scenery, not an event
SCENERY = 0.5
_OPEN = re.compile(
    r"\bwhat\b.*\b(?:see|saw|seen|show|shows|shown|visible|happen\w*|going on|record\w*|watch\w*)\b", re.I
)
_EDGE = re.compile(
    r"\b(?:first (?:\w+ ){0,3}(?:show|appear|seen|see|drive|come|enter|visible|arriv|spotted)\w*|when (?:does|did|is|was) the first|"
    r"how far in\b|last (?:seen|visible|show\w*|appear\w*|spotted)|earliest|latest)",
    re.I,
)
_JOIN = 30_000_000
_JOIN_MS = 30_000
_EPISODES = 6
_FRAMES = 5000
_WORDS = re.compile(r"[A-Za-z]+|\d+")
_COMMON = frozenset(
    stem(w) for w in ("video", "clip", "footage", "detection", "camera", "film", "the", "a", "one", "by")
)
# readers of pictures, by the start of their names
LOOKERS = ("motion-sampling", "image-reader")


class View(NamedTuple):
    """One camera (or one clip without a camera): its coverage and its frames in the window, in order of time."""

    subject: str
    name: str
    coverage: Sequence[Coverage]
    frames: Sequence[Evidence]


class Episode(NamedTuple):
    """A stretch in which a label was seen without a long break: its frames, the best one, and the most at once."""

    view: View
    label: str
    frames: tuple[Evidence, ...]
    best: Evidence
    most: int


def look(desk: Desk, labels: Sequence[str], views: Sequence[View]) -> Finding:
    """Answer for the labels over the views; without labels, a question that asks what was seen is told what comes and goes."""
    describing = not labels and _OPEN.search(desk.question.text)
    wanted = {v.subject: notable(v) if describing else labels for v in views}
    episodes = [e for view in views for label in wanted[view.subject] for e in find_episodes(view, label)]
    window = desk.question.when.window if desk.question.when else None
    notes = coverage_notes(desk, views, window)
    if episodes:
        return _observed(desk, episodes, notes)
    return _nothing(desk, labels, views, notes)


def notable(view: View, asked: Sequence[str] = ()) -> list[str]:
    """Labels that come and go in the view, those asked for first, then the most frequent."""
    seen: dict[str, int] = {}
    for frame in view.frames:
        for label in frame.data.get("counts", {}):
            seen[label] = seen.get(label, 0) + 1
    passing = [label for label, n in seen.items() if n < SCENERY * max(len(view.frames), 1) or label in asked]
    return sorted(passing or seen, key=lambda label: (label not in asked, -seen[label]))


def find_episodes(view: View, label: str) -> list[Episode]:
    """Runs of frames that show the label."""
    showing = [f for f in view.frames if _count(f, label)]
    runs: list[list[Evidence]] = []
    for frame in showing:
        if runs and _near(runs[-1][-1], frame):
            runs[-1].append(frame)
        else:
            runs.append([frame])
    return [
        Episode(view, label, tuple(run), max(run, key=lambda f: _score(f, label)), max(_count(f, label) for f in run))
        for run in runs
    ]


def _near(earlier: Evidence, later: Evidence) -> bool:
    if earlier.source == later.source and isinstance(earlier.locator, FrameAt) and isinstance(later.locator, FrameAt):
        return later.locator.ms - max(earlier.locator.end_ms, earlier.locator.ms) <= _JOIN_MS
    if earlier.valid is None or later.valid is None:
        return False
    return later.valid.t0 - earlier.valid.t1 <= _JOIN


def _count(frame: Evidence, label: str) -> int:
    return int(frame.data.get("counts", {}).get(label, 0))


def _score(frame: Evidence, label: str) -> float:
    return max((float(d["score"]) for d in frame.data.get("detections", ()) if d["label"] == label), default=0.0)


def _observed(desk: Desk, episodes: Sequence[Episode], notes: tuple[CoverageNote, ...]) -> Finding:
    if desk.question.asks_count:
        top = max(episodes, key=lambda e: e.most)
        peak = max(top.frames, key=lambda f: (_count(f, top.label), _score(f, top.label)))
        text = f"At most {top.most} × {top.label} at once on {top.view.name}, {_at(desk, peak)}."
        return Finding(Verdict.ANSWERED, (claim(text, (peak, _quote(peak))),), (peak,), notes)
    chosen = _edge(desk, episodes) or _choose(episodes)
    chosen.sort(key=lambda e: _order(e.frames[0]))
    claims = tuple(_episode_claim(desk, e) for e in chosen)
    return Finding(Verdict.ANSWERED, claims, tuple(e.best for e in chosen), notes)


def _edge(desk: Desk, episodes: Sequence[Episode]) -> list[Episode]:
    """The first or the last episode of each view, when that is what is asked; its evidence is then the frame at that edge."""
    which = _EDGE.search(desk.question.plain)
    if not which:
        return []
    last = "last" in which[0].lower()
    ordered = sorted(episodes, key=lambda e: _order(e.frames[0]), reverse=last)
    found = {e.view.subject: e for e in reversed(ordered)}
    return [e._replace(best=e.frames[-1] if last else e.frames[0]) for e in found.values()]


def _choose(episodes: Sequence[Episode]) -> list[Episode]:
    """The longest episodes, at least one of every view before a second of any."""
    ranked = sorted(episodes, key=lambda e: (-len(e.frames), -_score(e.best, e.label)))
    first = {e.view.subject: e for e in reversed(ranked)}
    rest = [e for e in ranked if first[e.view.subject] is not e]
    return [*first.values(), *rest][: max(_EPISODES, len(first))]


def _order(frame: Evidence) -> tuple[int, int]:
    ms = frame.locator.ms if isinstance(frame.locator, FrameAt) else 0
    return (frame.valid.t0 if frame.valid else 0, ms)


def _episode_claim(desk: Desk, episode: Episode) -> Claim:
    first, last = episode.frames[0], episode.frames[-1]
    how_many = f"up to {episode.most} × {episode.label}" if episode.most > 1 else episode.label
    if first.valid and last.valid:
        when = stretch(Interval(first.valid.t0, max(first.valid.t0, last.valid.t1)), desk.tools.zone)
    else:
        when = _span_in_clip(first, last)
    return claim(f"{episode.view.name} shows {how_many}: {when}.", (episode.best, _quote(episode.best)))


def _span_in_clip(first: Evidence, last: Evidence) -> str:
    start = first.locator.ms if isinstance(first.locator, FrameAt) else 0
    end = max(last.locator.ms, last.locator.end_ms) if isinstance(last.locator, FrameAt) else 0
    return f"{offset(start)}–{offset(end)} into the clip (wall-clock time unknown)"


def _at(desk: Desk, frame: Evidence) -> str:
    if frame.valid:
        return stretch(frame.valid, desk.tools.zone)
    return f"{_span_in_clip(frame, frame)}"


def _quote(frame: Evidence) -> str:
    return " ".join(frame.text.split())[:200]


def _nothing(desk: Desk, labels: Sequence[str], views: Sequence[View], notes: tuple[CoverageNote, ...]) -> Finding:
    window = desk.question.when.window if desk.question.when else None
    recorded = [c.valid for v in views for c in v.coverage if c.layer is Layer.RECORDED and c.valid]
    asked = " or ".join(labels)
    if window is not None and covered(recorded, window) < ENOUGH_RECORDED:
        return Finding(Verdict.NOT_RECORDED, (), (), notes)
    if not labels:
        return Finding(Verdict.INSUFFICIENT, (), (), notes)
    rates = [miss_rate(label, [c for v in views for c in v.coverage if _in_window(c, window)]) for label in labels]
    if any(rate is None or rate > ABLE_MISS_RATE for rate in rates):
        return Finding(Verdict.INSUFFICIENT, (), (), notes)
    frames = [f for v in views for f in v.frames]
    if not frames:
        return Finding(Verdict.INSUFFICIENT, (), (), notes)
    shown = list({f.id: f for f in (frames[0], frames[-1])}.values())
    worst = max(rate for rate in rates if rate is not None)
    names = ", ".join(v.name for v in views)
    text = f"No {asked} was seen by {names} in the {len(frames)} frames kept (measured miss rate {worst:.0%} a frame)."
    return Finding(Verdict.NOT_OBSERVED, (claim(text, *((f, _quote(f)) for f in shown)),), tuple(shown), notes)


def _in_window(coverage: Coverage, window: Interval | None) -> bool:
    return window is None or coverage.valid is None or coverage.valid.overlaps(window)


def coverage_notes(desk: Desk, views: Sequence[View], window: Interval | None) -> tuple[CoverageNote, ...]:
    """What each view recorded and examined in the window, and its gaps."""
    return tuple(note for view in views for note in _view_notes(view, window, desk.tools.zone))


def _view_notes(view: View, window: Interval | None, zone: tzinfo) -> list[CoverageNote]:
    recorded = [c.valid for c in view.coverage if c.layer is Layer.RECORDED and c.valid]
    readers = sorted({c.by for c in view.coverage if c.layer is Layer.EXAMINED and c.by})
    status = "examined" if readers else "recorded"
    looked = f"{view.name}: examined by {', '.join(readers)}" if readers else f"{view.name}: recorded, not examined"
    if window is None:
        spans = union(recorded, join_within=1_000_000)[:3]
        unknown = [CoverageNote(view.subject, status, None, looked + "; wall-clock time unknown")]
        return [CoverageNote(view.subject, status, s, looked) for s in spans] or unknown
    inside = [CoverageNote(view.subject, status, s, looked) for s in clip(recorded, window)]
    return inside + [
        CoverageNote(
            view.subject, "gap", g, f"{view.name}: not recording for {duration(g.seconds)}, {stretch(g, zone)}"
        )
        for g in gaps(recorded, window)
    ]


def find_views(desk: Desk, site: Site, entities: Sequence[str], window: Interval | None) -> list[View]:
    """The cameras that watch what is named; without a name, every camera, and the clips without a camera that the words name."""
    named = site.of(entities, EntityType.CAMERA, EntityType.ZONE, EntityType.ASSET, EntityType.SENSOR)
    if named:
        return [_camera_view(desk, site, c, window) for c in site.watchers([e.id for e in named], EntityType.CAMERA)]
    cameras = [e.id for e in site.entities.values() if e.type is EntityType.CAMERA]
    return [_camera_view(desk, site, c, window) for c in cameras] + _clip_views(desk, site, window)


def _camera_view(desk: Desk, site: Site, camera: str, window: Interval | None) -> View:
    frames = desk.scan(_FRAMES, kinds=(Kind.FRAME,), entities=(camera,), window=window)
    coverage = desk.tools.catalog.coverage(desk.principal, [camera])
    return View(camera, site.name(camera), coverage, frames)


def _clip_views(desk: Desk, site: Site, window: Interval | None) -> list[View]:
    """Clips and pictures that belong to no camera of the site: those the question names, else all of them."""
    clips = _clips(desk)
    runs = {uri: _named_run(desk, uri) for uri in clips}
    longest = max((len(run) for run in runs.values()), default=0)
    chosen = [uri for uri, run in runs.items() if len(run) == longest]
    return [_clip_view(desk, uri, clips[uri], window) for uri in sorted(chosen)]


def _clips(desk: Desk) -> dict[str, list[Coverage]]:
    """The coverage of every clip without a camera, by its uri."""
    clips: dict[str, list[Coverage]] = {}
    for record in desk.tools.catalog.coverage(desk.principal, []):
        if record.subject == record.source and (record.span_ms is not None or record.by.startswith(LOOKERS)):
            clips.setdefault(record.source, []).append(record)
    return clips


def _named_run(desk: Desk, uri: str) -> list[str]:
    """The longest run of the question's words that stand in a clip's file name; a word alone must be no label and no common one."""
    name = tokens_of(PurePosixPath(uri).stem)
    best: list[str] = []
    run: list[str] = []
    for word in [*_WORDS.findall(desk.question.plain), ""]:
        if word and stem(word) in name:
            run.append(word)
            continue
        alone = len(run) == 1 and (stem(run[0]) in _COMMON or desk.tools.sights.asked(run[0]))
        if len(run) > len(best) and not alone:
            best = run
        run = []
    return best


def without_clip_names(desk: Desk) -> str:
    """The question without the names of clips: "car detection video: any pedestrians?" does not ask for cars."""
    text = desk.question.plain
    for uri in _clips(desk):
        run = _named_run(desk, uri)
        if len(run) > 1:
            text = re.sub(r"[\W_]+".join(map(re.escape, run)), " ", text, count=1)
    return text


def _clip_view(desk: Desk, uri: str, coverage: Sequence[Coverage], window: Interval | None) -> View:
    frames = desk.scan(_FRAMES, kinds=(Kind.FRAME,), sources=(uri,), window=window)
    part = clip_part(desk.question.plain)
    if part is not None:
        frames = [f for f in frames if isinstance(f.locator, FrameAt) and _shares(f.locator, part)]
    return View(uri, PurePosixPath(uri).name, coverage, sorted(frames, key=_order))


def _shares(at: FrameAt, part: tuple[int, int]) -> bool:
    return at.ms < part[1] and max(at.end_ms, at.ms + 1) > part[0]


def clip_part(text: str) -> tuple[int, int] | None:
    """The part of a clip a question speaks of, in milliseconds from its start: "in the first 5 seconds", "30 seconds in"."""
    if match := re.search(r"\bfirst (\d+|few|couple of) (second|minute)s?\b", text, re.I):
        count = int(match[1]) if match[1].isdigit() else 3
        return 0, count * (1000 if match[2].lower() == "second" else 60_000)
    if match := re.search(r"\b(\d+) (second|minute)s? in(?:to)?\b", text, re.I):
        at = int(match[1]) * (1000 if match[2].lower() == "second" else 60_000)
        return max(0, at - 3000), at + 3000
    if re.search(r"\b(?:right )?at the (?:very )?(?:start|beginning)\b", text, re.I):
        return 0, 2000
    return None
