"""The moment a frame belongs to: from when to when, its frames, and a short clip of it.

Without a label a moment is a run of like frames, as they were ingested: a still scene, or one stretch of motion. With one it is the
stretch in which the label was seen, without a break of more than five seconds; where no detector reports the label, the stretch in which
frames look like the words nearly as much as this one does. What is said of a thing lasts as long as the thing is in view: somebody seen
with a hard hat is the same person in the looks that show a person and cannot tell the hat.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

import msgspec

from ingest.media_types import demuxer, media_type
from ingest.sandbox import Limits, run_as
from ingest.video.cut import DRAWN, Cut, CutOrder, Still
from ingest.video.likely import Scores, Shown, margins, stands_out
from ingest.walk import fingerprint
from retrieval.errors import EvidenceNotFound
from retrieval.ids import content_hash
from retrieval.moment import Moment
from retrieval.ports import Blobs, CatalogReader, SourceState
from retrieval.types import Evidence, Filter, FrameAt, Interval, Kind, Micros, Principal

BREAK_MS = 5_000
GONE = "the recording is not kept any more: this is made of its kept frames"
_MINUTE_US = 60_000_000
_REACHES_US = (20 * _MINUTE_US, 3 * 60 * _MINUTE_US, 24 * 60 * _MINUTE_US)
_KEPT_BYTES = 2 << 30
_MOST = 20_000
_SHOWN_MS = 30_000
_STILLS = 240
_BLURRED = "blur"
_ENDINGS = {"video/mp4": ".mp4", "video/webm": ".webm"}

_WORKER = "ingest.video.cut:clip"
_LIMITS = Limits(wall_s=60, cpu_s=120)

# how far from what the clip looks like at most times to what the frame in hand looks like
_HALF = 0.5

StateOf = Callable[[str, str], SourceState | None]
Fetched = Callable[[str, SourceState], Path | None]


class Likely(Protocol):
    """How much frames look like what words say."""

    def scores(self, words: str, filter_: Filter, principal: Principal) -> dict[str, float]:
        """Evidence id → likeness; empty where nothing can compare them."""


class Playable(NamedTuple):
    """A file to play, its media type, and what must be said of it, "" where that is nothing."""

    path: Path
    media_type: str
    note: str = ""


def cut_apart(order: CutOrder) -> Cut:
    """Make a clip in a child process. Raises SourceRejected: unreadable, timeout, too_large."""
    return next(iter(run_as(Cut, _WORKER, msgspec.to_builtins(order, builtin_types=(bytes,)), _LIMITS)))


class Moments:
    """`state` tells what was ingested of a tenant's source, `fetched` gives a file of what lies elsewhere, as it was ingested. Clips are
    kept below `folder`. Safe to share between threads."""

    def __init__(
        self,
        catalog: CatalogReader,
        blobs: Blobs,
        folder: Path,
        state: StateOf,
        likeness: Likely | None = None,
        fetched: Fetched | None = None,
    ) -> None:
        self._catalog, self._blobs, self._folder, self._state = catalog, blobs, folder, state
        self._likeness, self._fetched = likeness, fetched
        # each takes a process and up to two cores: one at a time, so that questions go on
        self._making = threading.Lock()

    def of(self, frame: Evidence, label: str | None, principal: Principal) -> Moment:
        """The moment around a frame. Raises EvidenceNotFound for anything that is no frame of a clip, and for a label that no detector
        saw in it and no encoder can compare it with."""
        if frame.kind is not Kind.FRAME or "moment" not in frame.data:
            raise EvidenceNotFound(f"{frame.id} is no frame of a clip, so it has no moment")
        run = self._run(frame, label, principal)
        last = max(_end(each) for each in run)
        span = (_begin(run[0]), last)
        valid = Interval(run[0].valid.t0, run[0].valid.t0 + (span[1] - span[0]) * 1000) if run[0].valid else None
        return Moment(frame=frame.id, source=frame.source, label=label, span_ms=span, valid=valid, frames=tuple(run))

    def _run(self, frame: Evidence, label: str | None, principal: Principal) -> list[Evidence]:
        """The moment's frames; looked for further away as long as it may go on there."""
        frames: list[Evidence] = []
        for reach in _REACHES_US:
            wanted = _around(frame, reach)
            near = {each.id: each for each in (*self._catalog.scan(wanted, principal, _MOST), frame)}
            if len(near) == len(frames):  # nothing more lies further away
                break
            frames = sorted(near.values(), key=_begin)
            scores = partial(self._scores, wanted, principal)
            run = _stretch(frames, frame, self._alike(frame, label, frames, scores)) if label else _like(frames, frame)
            if frame.valid is None or (run[0] is not frames[0] and run[-1] is not frames[-1]):
                break
        return run

    def _scores(self, wanted: Filter, principal: Principal, words: str) -> Mapping[str, float]:
        return self._likeness.scores(words, wanted, principal) if self._likeness else {}

    def clip(self, moment: Moment) -> Playable:
        """The clip, made once and kept. Raises EvidenceNotFound where its frames are gone, SourceRejected where no clip can be made."""
        key = content_hash(*(f"{each.id}.{each.revision}" for each in moment.frames))[:32]
        for kind, ending in _ENDINGS.items():
            if (path := self._folder / f"{key}{ending}").is_file():
                return Playable(path, kind, _note(kind, moment))
        with self._making:
            made = cut_apart(self._order(moment))
        path = self._folder / f"{key}{_ENDINGS[made.media_type]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{threading.get_ident()}.tmp")
        fresh.write_bytes(made.data)
        fresh.replace(path)
        _forget_oldest(self._folder, _KEPT_BYTES, path)
        return Playable(path, made.media_type, _note(made.media_type, moment))

    def _alike(
        self, frame: Evidence, label: str, frames: Sequence[Evidence], scores: Scores
    ) -> Callable[[Evidence], bool]:
        """What tells whether a frame shows the label."""
        if _shows(frame, label):
            thing = said_of(label, _counts(frame))
            return lambda each: may_show(_counts(each), label, thing)
        shown = [Shown(each.id, _end(each) - _begin(each), frozenset(_counts(each))) for each in frames]
        words = margins(shown, scores(label))
        if frame.id not in words:
            raise EvidenceNotFound(f"nothing called {label[:64]!r} was seen in {frame.id}")
        if not stands_out(frame.id, words, shown, scores):
            raise EvidenceNotFound(f"{frame.id} looks no more like {label[:64]!r} than the rest of its clip")
        least = _HALF * words[frame.id]
        return lambda each: each.id == frame.id or words.get(each.id, -1.0) >= least

    def _order(self, moment: Moment) -> CutOrder:
        start, end = moment.span_ms
        chosen = moment.frames[:: -(-len(moment.frames) // _STILLS)]
        stills = tuple(Still(_begin(f), self._blobs.get(f.tenant, f.media)) for f in chosen if f.media)
        path = self._original(moment.frames)
        form = demuxer(media_type(Path(path))) if path else ""
        return CutOrder(
            path=path, demuxer=form, start_ms=start, end_ms=end, stills=stills, shown_ms=min(end - start, _SHOWN_MS)
        )

    def _original(self, frames: Sequence[Evidence]) -> str:
        """The file the frames come from; "" where it is not there as it was, or something in it had to be hidden."""
        first, place = frames[0], urlsplit(frames[0].source)
        state = self._state(first.tenant, first.source)
        if state is None or any(_BLURRED in each.provenance.models for each in frames):
            return ""
        if place.scheme != "file":
            found = self._fetched(first.source, state) if self._fetched else None
            return str(found or "")
        path = Path(unquote(place.path))
        same = path.is_file() and fingerprint(path) == state.content_hash
        return str(path) if same else ""


def _note(kind: str, moment: Moment) -> str:
    """Said where kept frames are shown because the recording is no longer there."""
    place = urlsplit(moment.source)
    there = place.scheme != "file" or Path(unquote(place.path)).is_file()
    return "" if kind != DRAWN or there else GONE


def _around(frame: Evidence, reach: Micros) -> Filter:
    """Frames of the same source; where times are known, those within `reach` of it."""
    span = frame.valid
    near = Interval(span.t0 - reach, span.t1 + reach) if span else None
    return Filter(kinds=(Kind.FRAME,), sources=(frame.source,), window=near)


def _like(frames: Sequence[Evidence], frame: Evidence) -> list[Evidence]:
    """The frames of the same run of like ones."""
    number = frame.data.get("moment")
    return [each for each in frames if each.id == frame.id or (number and each.data.get("moment") == number)]


def _stretch(frames: Sequence[Evidence], frame: Evidence, shows: Callable[[Evidence], bool]) -> list[Evidence]:
    """The frames that show it, without a long break, around this one."""
    showing = [each for each in frames if shows(each)]
    at = next(index for index, each in enumerate(showing) if each.id == frame.id)
    first, last = at, at
    while first > 0 and _begin(showing[first]) - _end(showing[first - 1]) <= BREAK_MS:
        first -= 1
    while last + 1 < len(showing) and _begin(showing[last + 1]) - _end(showing[last]) <= BREAK_MS:
        last += 1
    return showing[first : last + 1]


def _forget_oldest(folder: Path, most: int, spare: Path) -> None:
    """Delete the clips made longest ago until the rest takes at most so many bytes; they are made again when asked for."""
    clips = sorted((path.stat().st_mtime_ns, path.stat().st_size, path) for path in folder.iterdir() if path.is_file())
    held = sum(size for _, size, _ in clips)
    for _, size, path in clips:
        if held <= most:
            return
        if path != spare:
            path.unlink(missing_ok=True)
            held -= size


def said_of(label: str, counts: Mapping[str, int]) -> str:
    """The thing that a label says more of: "person" for "person with hard hat", where it was counted too; else the label itself."""
    return max((each for each in counts if each != label and _within(each, label)), key=len, default=label)


def may_show(counts: Mapping[str, int], label: str, thing: str) -> bool:
    """Whether what was counted in a frame is the label, or has a thing more than what else is said of such things ("red forklift" for a
    blue one)."""
    if counts.get(label):
        return True
    others = sum(count for each, count in counts.items() if each != thing and _within(thing, each))
    return counts.get(thing, 0) > others


def _within(short: str, long: str) -> bool:
    """Whether the words of one stand in the other, one after the other."""
    return f" {short} " in f" {long} "


def _shows(frame: Evidence, label: str) -> bool:
    return bool(_counts(frame).get(label))


def _counts(frame: Evidence) -> Mapping[str, int]:
    counts: Mapping[str, int] = frame.data.get("counts", {})
    return counts


def _begin(frame: Evidence) -> int:
    return frame.locator.ms if isinstance(frame.locator, FrameAt) else 0


def _end(frame: Evidence) -> int:
    return frame.locator.until_ms if isinstance(frame.locator, FrameAt) else 0
