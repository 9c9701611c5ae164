"""The cameras and clips a question is about: their coverage, their frames, and what is said of both."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import PurePosixPath
from typing import NamedTuple

from app.answer.desk import Desk
from app.answer.places import Site
from app.answer.series import stem, tokens_of
from app.answer.wording import duration, stretch
from retrieval.intervals import clip, gaps, union
from retrieval.types import Coverage, CoverageNote, EntityType, Evidence, FrameAt, Interval, Kind, Layer

# some 35 hours of one busy camera
_FRAMES = 50_000
_WORDS = re.compile(r"[A-Za-z]+|\d+")
_COMMON = frozenset(
    stem(w) for w in ("video", "clip", "footage", "detection", "camera", "film", "the", "a", "one", "by")
)
# readers of pictures, by the start of their names
LOOKERS = ("motion-sampling", "scene-sampling", "zero-shot", "ssd", "image-reader")


class View(NamedTuple):
    """One camera (or one clip without a camera): its coverage and its frames in the window, in order of time; `cut` when there are more."""

    subject: str
    name: str
    coverage: Sequence[Coverage]
    frames: Sequence[Evidence]
    cut: bool = False


def order(frame: Evidence) -> tuple[int, int]:
    """By wall clock, then by position in the clip."""
    ms = frame.locator.ms if isinstance(frame.locator, FrameAt) else 0
    return (frame.valid.t0 if frame.valid else 0, ms)


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
    return [_camera_view(desk, site, c, window) for c in cameras] + _clip_views(desk, window)


def _camera_view(desk: Desk, site: Site, camera: str, window: Interval | None) -> View:
    found = desk.scan(_FRAMES, kinds=(Kind.FRAME,), entities=(camera,), window=window)
    # a figure of a report that names the camera is no view of it
    frames = [frame for frame in found if isinstance(frame.locator, FrameAt)]
    if len(found) == _FRAMES:
        desk.degraded.append(
            f"{site.name(camera)}: only the first {_FRAMES} frames were looked through; ask for a shorter time"
        )
    return View(camera, site.name(camera), desk.coverage([camera]), frames, len(found) == _FRAMES)


def _clip_views(desk: Desk, window: Interval | None) -> list[View]:
    """Clips and pictures that belong to no camera of the site: those the question names, else all of them."""
    clips = _clips(desk)
    runs = {uri: _named_run(desk, uri) for uri in clips}
    longest = max((len(run) for run in runs.values()), default=0)
    chosen = [uri for uri, run in runs.items() if len(run) == longest]
    return [_clip_view(desk, uri, clips[uri], window) for uri in sorted(chosen)]


def _clips(desk: Desk) -> dict[str, list[Coverage]]:
    """The coverage of every clip without a camera, by its uri."""
    clips: dict[str, list[Coverage]] = {}
    for record in desk.coverage([]):
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
    return View(uri, PurePosixPath(uri).name, coverage, sorted(frames, key=order))


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
