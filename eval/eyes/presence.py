"""Suite `presence`: in which seconds of eight clips somebody, or a vehicle, is there, against one person's annotation.

The clips are taken in as any others; what the stored evidence says of the middle of each second is compared with what a person saw
in the frame there (eval/cases/presence). A frame of evidence stands for the time until the next one. A vehicle is a car, truck, bus,
motorcycle or bicycle, and is right under any of these names; each kind is scored apart beside that. Intervals are by drawing runs of
seconds anew (a run is a stretch of a clip with the same truth), as the seconds of a run resemble each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eval.eyes.annotations import KINDS, LABELS, PERSON, VEHICLE, Annotation, read_all
from eval.resampling import interval
from retrieval.catalog import Catalog
from retrieval.errors import InputError
from retrieval.types import Coverage, Evidence, Filter, FrameAt, Kind, Layer, Principal

Progress = Callable[[int, int, str], None]
FOLDER = "video"
_MOST = 100_000


class Stored(NamedTuple):
    """What the store holds of a clip: frames, and what was examined in it."""

    frames: list[Evidence]
    examined: list[Coverage]


class Second(NamedTuple):
    """One label in one second of a clip: what is there (None = unsure) and what the evidence says."""

    clip: str
    there: bool | None
    seen: bool


class Rates(NamedTuple):
    """Of seconds. In a draw in which nothing is claimed no claim is wrong, so precision is 1; where nothing is there, nothing is missed."""

    precision: float
    recall: float
    f1: float


def run(data_dir: Path, progress: Progress | None = None) -> dict[str, Any]:
    """{suite, items, n, detectors, metrics, by_kind, by_clip, counts, missed}. Raises InputError where a clip is missing or no detector is
    installed."""
    annotated = read_all()
    paths = [data_dir / FOLDER / each.clip for each in annotated]
    stored = take_in(paths, progress)
    seconds = {label: [one for each in annotated for one in judged(each, stored[each.clip], label)] for label in LABELS}
    looked = sorted({record.by for each in stored.values() for record in each.examined if PERSON in record.able})
    return {
        "suite": "presence",
        "items": "seconds",
        "n": sum(each.seconds for each in annotated),
        "detectors": looked,
        "metrics": figures(seconds[PERSON] + seconds[VEHICLE]),
        "by_kind": {label: figures(some) for label, some in seconds.items()},
        "by_clip": {
            each.clip: {
                label: tally([one for one in seconds[label] if one.clip == each.clip]) for label in (PERSON, VEHICLE)
            }
            for each in annotated
        },
        "counts": {label: counting(annotated, stored, label) for label in (PERSON, VEHICLE)},
        "missed": {label: missing(seconds[label], stored.values(), label) for label in (PERSON, "car")},
    }


def take_in(paths: Sequence[Path], progress: Progress | None = None) -> dict[str, Stored]:
    """Ingest clips into a store of their own as the product does; what it holds of each, by file name. Raises InputError."""
    from app.settings import load
    from app.wiring import build

    if absent := [path.name for path in paths if not path.is_file()]:
        raise InputError(f"clips are missing: {', '.join(absent)}")
    with TemporaryDirectory(prefix="watchfloor-eval-") as folder:
        settings = load(data_dir=Path(folder))
        principal = Principal(settings.tenant)
        service = build(settings)
        try:
            summary = service.ingest(
                paths, principal, lambda step: progress(step.done, step.total, step.source) if progress else None
            )
        finally:
            service.close()
        if summary.rejected:
            raise InputError(f"clips were refused: {', '.join(row['reason'] for row in summary.rejected)}")
        book = Catalog(Path(folder) / "catalog.sqlite3")
        try:
            return {path.name: _stored(book, path.absolute().as_uri(), principal) for path in paths}
        finally:
            book.close()


def _stored(book: Catalog, source: str, principal: Principal) -> Stored:
    frames = book.scan(Filter(kinds=(Kind.FRAME,), sources=(source,)), principal, _MOST)
    examined = [each for each in book.coverage(principal, (), Layer.EXAMINED) if each.source == source]
    if not any(PERSON in record.able for record in examined):
        raise InputError("nothing looks for people: install the extra [eyes], or name a detector")
    return Stored(frames, examined)


def judged(annotation: Annotation, stored: Stored, label: str) -> list[Second]:
    """Each second of a clip."""
    seen = [standing(stored.frames, second * 1000 + 500) for second in range(annotation.seconds)]
    truth = annotation.truth(label)
    return [Second(annotation.clip, there, many(frame, label) > 0) for there, frame in zip(truth, seen, strict=True)]


def standing(frames: Iterable[Evidence], ms: int) -> Evidence | None:
    """The frame that stands for this time of the clip."""
    for frame in frames:
        if isinstance(frame.locator, FrameAt) and frame.locator.ms <= ms < frame.locator.end_ms:
            return frame
    return None


def many(frame: Evidence | None, label: str) -> int:
    """How many the evidence counts; a vehicle is one of any kind."""
    counts: Mapping[str, int] = frame.data["counts"] if frame else {}
    return sum(counts.get(one, 0) for one in (KINDS if label == VEHICLE else (label,)))


def figures(seconds: Sequence[Second]) -> dict[str, Any]:
    """{seconds, there, unsure, runs, precision, recall, F1, with their 95 % intervals}; None for shares of nothing."""
    scored = [one for one in seconds if one.there is not None]
    rows = np.array([tallied(run) for run in runs(scored)], np.float64).reshape(
        -1, 3
    )  # (runs, 3): both, seen only, there only
    told = {
        "seconds": len(scored),
        "there": sum(bool(one.there) for one in scored),
        "unsure": len(seconds) - len(scored),
        "runs": len(rows),
    }
    return told | _shares(rows)


def _shares(rows: NDArray[np.float64]) -> dict[str, float | None]:
    """Precision, recall and F1 of all runs. A draw holds as many runs with something there as without."""
    groups = [bool(row[0] + row[2]) for row in rows]
    both, only_seen, only_there = rows.sum(axis=0)
    wholes = (both + only_seen, both + only_there, both + only_there)
    told: dict[str, float | None] = {}
    for place, (name, whole) in enumerate(zip(("precision", "recall", "F1"), wholes, strict=True)):
        spread = interval(partial(_rate, rows, place), groups)
        values = (_rate(rows, place), spread.low, spread.high)
        told |= {
            f"{name}{end}": value if whole else None for end, value in zip(("", " low", " high"), values, strict=True)
        }
    return told


def _rate(rows: NDArray[np.float64], place: int, chosen: NDArray[np.intp] | None = None) -> float:
    return rates((rows if chosen is None else rows[chosen]).sum(axis=0))[place]


def runs(seconds: Iterable[Second]) -> list[list[Second]]:
    """Stretches of one clip with one truth."""
    return [list(some) for _, some in groupby(seconds, key=lambda one: (one.clip, one.there))]


def tallied(seconds: Iterable[Second]) -> tuple[int, int, int]:
    """(there and seen, seen only, there only)."""
    pairs = [(bool(one.there), one.seen) for one in seconds]
    return pairs.count((True, True)), pairs.count((False, True)), pairs.count((True, False))


def rates(counts: NDArray[np.float64]) -> Rates:
    """`counts` is (there and seen, seen only, there only)."""
    both, only_seen, only_there = (float(one) for one in counts)
    precision = both / (both + only_seen) if both + only_seen else 1.0
    recall = both / (both + only_there) if both + only_there else 1.0
    f1 = 2 * both / (2 * both + only_seen + only_there) if both + only_seen + only_there else 1.0
    return Rates(precision, recall, f1)


def tally(seconds: Sequence[Second]) -> dict[str, int]:
    """Seconds of a clip by what is there and what is seen; without the unsure ones."""
    scored = [one for one in seconds if one.there is not None]
    both, only_seen, only_there = tallied(scored)
    return {
        "seconds": len(scored),
        "there and seen": both,
        "missed": only_there,
        "false": only_seen,
        "neither": len(scored) - both - only_seen - only_there,
    }


def counting(annotated: Iterable[Annotation], stored: Mapping[str, Stored], label: str) -> dict[str, Any]:
    """{seconds, mean_error, too_many, too_few}, over seconds in which something was counted by eye; and the most at once, by clip."""
    errors, most = [], {}
    for each in annotated:
        seen = [many(standing(stored[each.clip].frames, s * 1000 + 500), label) for s in range(each.seconds)]
        pairs = [(eye, box) for eye, box in zip(each.counted(label), seen, strict=True) if eye]
        errors += [box - eye for eye, box in pairs]
        if pairs:
            most[each.clip] = {"by eye": max(eye for eye, _ in pairs), "stored": max(box for _, box in pairs)}
    return {
        "seconds": len(errors),
        "mean_error": float(np.mean(np.abs(errors))) if errors else None,
        "too_many": sum(error > 0 for error in errors),
        "too_few": sum(error < 0 for error in errors),
        "most": most,
    }


def missing(seconds: Sequence[Second], stored: Iterable[Stored], label: str) -> dict[str, Any]:
    """{missed, seconds, clips, rate, stated}: seconds with the label there in which it was not seen, the mean over the clips of the share
    in each, and what coverage states."""
    there = [one for one in seconds if one.there]
    clips = {one.clip: [not other.seen for other in there if other.clip == one.clip] for one in there}
    stated = {record.able[label] for each in stored for record in each.examined if label in record.able}
    return {
        "missed": sum(sum(some) for some in clips.values()),
        "seconds": len(there),
        "clips": len(clips),
        "rate": float(np.mean([np.mean(some) for some in clips.values()])),
        "stated": sorted(stated),
    }
