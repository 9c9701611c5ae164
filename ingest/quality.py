"""What a run says of its data: how much of what, and what is missing, doubtful, unknown, double or refused."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import msgspec

from ingest.video.skew import CameraSkew, ClipSkew, of_camera, told_by
from retrieval.intervals import gaps, union
from retrieval.ports import Unit
from retrieval.times import iso
from retrieval.types import Coverage, Interval, Kind, Layer, Micros, RowKey

# of each list so many are told; how many there are in all is told beside it
MOST = 50
_SECOND = 1_000_000
_TAG = re.compile(r"\b[A-Z]{1,5}-\d{2,6}[A-Z]?(?:-[A-Z0-9]+)*\b")
# letters, a dash and digits that name no thing
_NO_TAGS = re.compile(r"(?:UTC|GMT|ISO|EN|DIN|IEC|RFC|CVE|COVID|UTF|SHA|MD|PM|NO)-")
_OF_TIME = re.compile(r"\b(?:times?|clocks?|zones?|dated?|dates|wall-clock|EXIF)\b", re.I)


def tags_in(text: str) -> set[str]:
    """What is written as the tag of a thing ("P-101"), known or not."""
    return {tag for tag in _TAG.findall(text) if not _NO_TAGS.match(tag)}


class Counted(msgspec.Struct, frozen=True):
    """Something found several times: how often, and one source it was found in."""

    what: str
    times: int
    example: str


class Gap(msgspec.Struct, frozen=True):
    """Between two recordings of a camera or sensor that this run read nothing was recorded; times in ISO 8601, UTC."""

    subject: str
    start: str
    end: str
    seconds: float


class Recorded(msgspec.Struct, frozen=True):
    """When a camera or sensor recorded, as [start, end] pairs in ISO 8601, UTC."""

    subject: str
    spans: tuple[tuple[str, str], ...]


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """The data quality of one run, plain JSON. Lists hold the 50 worst; `totals` says how many there are of each in all.

    `evidence` maps kind → {pieces, untimed}. `clocks` and `notes` are what readers had to assume, about time and else. `skews` are
    how far the clocks in cameras' pictures run ahead of the time known otherwise, the furthest first. `unknown` are
    tags in texts that name no known thing. `duplicates` are [source, the source with the same bytes].
    """

    sources: dict[str, int]
    evidence: dict[str, dict[str, int]]
    first: str | None
    last: str | None
    future: int
    totals: dict[str, int]
    recorded: tuple[Recorded, ...] = ()
    gaps: tuple[Gap, ...] = ()
    clocks: tuple[Counted, ...] = ()
    notes: tuple[Counted, ...] = ()
    skews: tuple[CameraSkew, ...] = ()
    unknown: tuple[Counted, ...] = ()
    duplicates: tuple[tuple[str, str], ...] = ()
    rejected: tuple[tuple[str, str, str], ...] = ()


class _Seen(NamedTuple):
    """How often something was found, by what it is, and where first."""

    times: Counter[str]
    first: dict[str, str]

    def add(self, what: str, source: str) -> None:
        self.times[what] += 1
        self.first.setdefault(what, source)

    def absorb(self, other: _Seen) -> None:
        self.times.update(other.times)
        for what, source in other.first.items():
            self.first.setdefault(what, source)

    def told(self, left_out: Iterable[str] = ()) -> list[Counted]:
        without = set(left_out)
        found = [Counted(what, n, self.first[what]) for what, n in self.times.items() if what not in without]
        return sorted(found, key=lambda each: (-each.times, each.what))


class QualityBook:
    """Collects, unit by unit. A source is collected apart and absorbed when it is whole: of one that breaks off nothing is kept."""

    def __init__(self, now: Micros) -> None:
        """`now` in UTC µs: what is dated later is counted as future."""
        self._now = now
        self._statuses: Counter[str] = Counter()
        self._pieces: Counter[str] = Counter()
        self._untimed: Counter[str] = Counter()
        self._hull: Interval | None = None
        self.future = 0
        self._recorded: dict[str, list[Interval]] = defaultdict(list)
        self._clocks, self._notes, self._tags = (_Seen(Counter(), {}) for _ in range(3))
        self._skews: dict[str, dict[str, ClipSkew]] = defaultdict(dict)
        self._keys: set[str] = set()
        self._by_hash: dict[str, str] = {}
        self._duplicates: list[tuple[str, str]] = []
        self._rejected: list[tuple[str, str, str]] = []

    def source(self, source: str, digest: str) -> None:
        """A source is about to be read; one with the bytes of an earlier one of the run is a duplicate."""
        first = self._by_hash.setdefault(digest, source)
        if first != source:
            self._duplicates.append((source, first))

    def unit(self, unit: Unit, known: Callable[[str], bool]) -> None:
        """What was committed; `known` says whether a tag names an entity by now."""
        notes: set[str] = set()
        for piece in unit.evidence:
            self._pieces[piece.kind.value] += 1
            self._time(piece.kind, piece.valid)
            notes.update(piece.provenance.notes)
            if told := told_by(piece):
                self._skews[told[0]][told[1].source] = told[1]
            if isinstance(piece.locator, RowKey):
                self._keys.add(piece.locator.key)
            for tag in tags_in(piece.text):
                if not known(tag):
                    self._tags.add(tag, unit.source)
        for note in notes:
            (self._clocks if _OF_TIME.search(note) else self._notes).add(note, unit.source)
        self._cover(unit.coverage)

    def apart(self) -> QualityBook:
        """An empty one for a single source."""
        return QualityBook(self._now)

    def absorb(self, other: QualityBook) -> None:
        """Take over what was collected of a source."""
        self._pieces.update(other._pieces)
        self._untimed.update(other._untimed)
        self._stretch(other._hull)
        self.future += other.future
        for subject, spans in other._recorded.items():
            self._recorded[subject] += spans
        for subject, clips in other._skews.items():
            self._skews[subject] |= clips
        for mine, its in ((self._clocks, other._clocks), (self._notes, other._notes), (self._tags, other._tags)):
            mine.absorb(its)
        self._keys |= other._keys

    def ended(self, source: str, status: str, code: str = "", reason: str = "") -> None:
        """A source is done with."""
        self._statuses[status] += 1
        if status == "rejected":
            self._rejected.append((source, code, reason))

    def close(self) -> Quality:
        """The whole run."""
        all_gaps = sorted(self._gaps(), key=lambda gap: (-gap.seconds, gap.subject, gap.start))
        # documents are called by their tags, and rows by their keys: neither is a thing nobody knows
        stems = {PurePosixPath(source).stem for source in self._by_hash.values()}
        named = [tag for tag in self._tags.times if tag in self._keys or any(tag in stem for stem in stems)]
        lists: dict[str, Sequence[Any]] = {
            "gaps": all_gaps,
            "clocks": self._clocks.told(),
            "notes": self._notes.told(),
            "skews": self._all_skews(),
            "unknown": self._tags.told(named),
            "duplicates": self._duplicates,
            "rejected": self._rejected,
            "recorded": [self._spans(subject) for subject in sorted(self._recorded)],
        }
        return Quality(
            sources={name: self._statuses[name] for name in ("ingested", "unchanged", "rejected")},
            evidence={kind: {"pieces": n, "untimed": self._untimed[kind]} for kind, n in sorted(self._pieces.items())},
            first=iso(self._hull.t0) if self._hull else None,
            last=iso(self._hull.t1) if self._hull else None,
            future=self.future,
            totals={name: len(found) for name, found in lists.items()},
            **{name: tuple(found[:MOST]) for name, found in lists.items()},
        )

    def _all_skews(self) -> list[CameraSkew]:
        found = [each for subject, clips in self._skews.items() for each in of_camera(subject, clips.values())]
        return sorted(found, key=lambda each: (-abs(each.seconds), each.subject, each.against))

    def _time(self, kind: Kind, valid: Interval | None) -> None:
        if valid is None:
            self._untimed[kind.value] += 1
            return
        self.future += valid.t0 > self._now
        self._stretch(valid)

    def _stretch(self, valid: Interval | None) -> None:
        if valid is not None:
            hull = self._hull or valid
            self._hull = Interval(min(hull.t0, valid.t0), max(hull.t1, valid.t1))

    def _cover(self, coverage: Iterable[Coverage]) -> None:
        for record in coverage:
            if record.layer is Layer.RECORDED and record.valid is not None:
                self._recorded[record.subject].append(record.valid)

    def _spans(self, subject: str) -> Recorded:
        spans = union(self._recorded[subject], join_within=_SECOND)
        return Recorded(subject, tuple((iso(span.t0), iso(span.t1)) for span in spans[:MOST]))

    def _gaps(self) -> Iterable[Gap]:
        for subject, recorded in self._recorded.items():
            spans = union(recorded, join_within=_SECOND)
            for gap in gaps(spans, Interval(spans[0].t0, spans[-1].t1)):
                yield Gap(subject, iso(gap.t0), iso(gap.t1), round(gap.seconds, 3))
