"""Questions that eyes answer: was it seen, when, where, how many — and when not, whether anything could have seen it.

`not_observed` is said only where coverage was recorded and examined by something able to see what was asked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from app.answer.absence import silence
from app.answer.desk import Desk, Finding, claim
from app.answer.sights import Asked
from app.answer.views import View, coverage_notes, order
from app.answer.wording import offset, stretch
from app.words import source_name
from retrieval.types import (
    Claim,
    CoverageNote,
    Evidence,
    FrameAt,
    Interval,
    Kind,
    Verdict,
)

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
_CLIPS = 3


class Episode(NamedTuple):
    """A stretch in which a label was seen without a long break: its frames, the best one, and the most at once."""

    view: View
    label: str
    frames: tuple[Evidence, ...]
    best: Evidence
    most: int


def look(desk: Desk, asked: Asked, views: Sequence[View]) -> Finding:
    """Answer for what was asked over the views; without labels, a question that asks what was seen is told what comes and goes."""
    describing = not asked.labels and _OPEN.search(desk.question.text)
    wanted = {v.subject: notable(v) if describing else asked.labels for v in views}
    episodes = [e for view in views for label in wanted[view.subject] for e in find_episodes(view, label)]
    window = desk.question.when.window if desk.question.when else None
    notes = coverage_notes(desk, views, window)
    if not episodes:
        return _nothing(desk, asked.labels, views, notes)
    finding = _observed(desk, episodes, notes)
    missing = asked.together and not set(asked.labels) <= {e.label for e in episodes}
    return finding._replace(verdict=Verdict.PARTIAL) if missing else finding


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
        return later.locator.ms - earlier.locator.until_ms <= _JOIN_MS
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
        counted = _counted(desk, top)
        claims = (claim(text, (peak, _quote(peak))), *(_followed(desk, top, each) for each in counted))
        return Finding(Verdict.ANSWERED, claims, (peak, *counted), notes)
    chosen = _edge(desk, episodes) or _choose(episodes)
    chosen.sort(key=lambda e: order(e.frames[0]))
    claims = tuple(_episode_claim(desk, e) for e in chosen)
    return Finding(Verdict.ANSWERED, claims, tuple(e.best for e in chosen), notes)


def _counted(desk: Desk, episode: Episode) -> list[Evidence]:
    """What was counted by following the label through the clips of an episode, the first few."""
    sources = tuple(dict.fromkeys(frame.source for frame in episode.frames))[:_CLIPS]
    found = desk.scan(kinds=(Kind.PASSAGE,), sources=sources)
    return [each for each in found if "tracks" in each.data and each.data.get("label") == episode.label]


def _followed(desk: Desk, episode: Episode, counted: Evidence) -> Claim:
    """How many different ones, of the whole clip: it may be longer than the time asked for."""
    most, lasting, once = (
        counted.data["most"],
        counted.data["lasting"],
        counted.data["tracks"] - counted.data["lasting"],
    )
    more = f" and {once} more seen in one look only" if once else ""
    text = (
        f"Followed from look to look through {source_name(counted.source)}, {_at(desk, counted)}: {lasting} × {episode.label}{more}, "
        f"at most {most} at once; an estimate, since one lost and found again counts twice and two taken for one count once."
    )
    return claim(text, (counted, _quote(counted)))


def _edge(desk: Desk, episodes: Sequence[Episode]) -> list[Episode]:
    """The first or the last episode of each view, when that is what is asked; its evidence is then the frame at that edge."""
    which = _EDGE.search(desk.question.plain)
    if not which:
        return []
    last = "last" in which[0].lower()
    ordered = sorted(episodes, key=lambda e: order(e.frames[0]), reverse=last)
    found = {e.view.subject: e for e in reversed(ordered)}
    return [e._replace(best=e.frames[-1] if last else e.frames[0]) for e in found.values()]


def _choose(episodes: Sequence[Episode]) -> list[Episode]:
    """The longest episodes, at least one of every view before a second of any."""
    ranked = sorted(episodes, key=lambda e: (-len(e.frames), -_score(e.best, e.label)))
    first = {e.view.subject: e for e in reversed(ranked)}
    rest = [e for e in ranked if first[e.view.subject] is not e]
    return [*first.values(), *rest][: max(_EPISODES, len(first))]


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
    end = last.locator.until_ms if isinstance(last.locator, FrameAt) else 0
    return f"{offset(start)}–{offset(end)} into the clip (wall-clock time unknown)"


def _at(desk: Desk, frame: Evidence) -> str:
    if frame.valid:
        return stretch(frame.valid, desk.tools.zone)
    return f"{_span_in_clip(frame, frame)}"


def _quote(frame: Evidence) -> str:
    return " ".join(frame.text.split())[:200]


def _nothing(desk: Desk, labels: Sequence[str], views: Sequence[View], notes: tuple[CoverageNote, ...]) -> Finding:
    window = desk.question.when.window if desk.question.when else None
    said = silence(labels, views, window)
    frames = [f for v in views for f in v.frames]
    if said.verdict is Verdict.NOT_OBSERVED and (not frames or any(v.cut for v in views)):
        return Finding(Verdict.INSUFFICIENT, (), (), notes)
    if said.verdict is not Verdict.NOT_OBSERVED:
        return Finding(said.verdict, (), (), notes)
    shown = list({f.id: f for f in (frames[0], frames[-1])}.values())
    names, asked = ", ".join(v.name for v in views), " or ".join(labels)
    text = f"No {asked} was seen by {names}: {said.looked}."
    return Finding(Verdict.NOT_OBSERVED, (claim(text, *((f, _quote(f)) for f in shown)),), tuple(shown), notes)
