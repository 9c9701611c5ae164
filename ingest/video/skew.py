"""How far a camera's burnt-in clock runs ahead of another clock: of one clip, and of a camera over its clips."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

import msgspec

from ingest.video.slope import slope
from retrieval.types import Evidence, Micros, Relation

_HOUR = 3_600_000_000
_DAY = 24 * _HOUR
# below that, the whole seconds that clocks show are a larger slope than any drift
_DRIFT_AFTER = _HOUR // 6
_CAMERA_DRIFT_AFTER = _DAY


class Skew(msgspec.Struct, frozen=True, omit_defaults=True):
    """One clip's. `seconds`: burnt-in clock − other clock, the median over `readings`; `mad` their median absolute deviation.

    `against` is the other clock: sidecar, name (of the file) or container. A clock shows whole seconds, so it is up to 1 s behind;
    nothing is added for that. `drift` in seconds an hour, where the readings span ten minutes.
    """

    seconds: float
    mad: float
    readings: int
    against: str
    drift: float | None = None


class CameraSkew(msgspec.Struct, frozen=True):
    """A camera's: the median over `clips`, their median absolute deviation, and the drift in seconds a day where they span a day."""

    subject: str
    against: str
    seconds: float
    mad: float
    clips: int
    drift: float | None
    example: str


class ClipSkew(NamedTuple):
    """The skew of a clip, and when the frame that tells it was (UTC µs)."""

    source: str
    at: Micros
    skew: Skew


def skew(votes: Sequence[tuple[int, Micros]], against: str) -> Skew | None:
    """The skew from (media µs, burnt-in − other clock in µs) pairs; None for none."""
    if not votes:
        return None
    middle, spread = _middle([each for _, each in votes])
    steep = slope(votes, _DRIFT_AFTER)
    drift = None if steep is None else round(steep * 3600, 3)
    return Skew(round(middle / 1e6, 2), round(spread / 1e6, 2), len(votes), against, drift)


def told_by(frame: Evidence) -> tuple[str, ClipSkew] | None:
    """(camera, skew of its clip) as a frame holds it, the source where no camera is known; None where it holds none."""
    held: Mapping[str, Any] | None = frame.data.get("skew")
    if held is None or frame.valid is None:
        return None
    camera = next((m.entity for m in frame.entities if m.relation is Relation.OBSERVED_AT), frame.source)
    return camera, ClipSkew(frame.source, frame.valid.t0, msgspec.convert(held, Skew))


def of_camera(subject: str, clips: Iterable[ClipSkew]) -> list[CameraSkew]:
    """One for each clock that the clips were compared with, by its name; the latest frame of a clip tells the clip's skew."""
    latest: dict[str, ClipSkew] = {}
    for clip in sorted(clips, key=lambda each: (each.at, each.skew.readings)):
        latest[clip.source] = clip
    grouped: dict[str, list[ClipSkew]] = defaultdict(list)
    for clip in latest.values():
        grouped[clip.skew.against].append(clip)
    return [_summed(subject, against, grouped[against]) for against in sorted(grouped)]


def of_cameras(frames: Iterable[Evidence]) -> list[CameraSkew]:
    """The skews of every camera among the frames, as a catalog's `scan` gives them."""
    found: dict[str, list[ClipSkew]] = defaultdict(list)
    for frame in frames:
        if told := told_by(frame):
            found[told[0]].append(told[1])
    return [each for subject in sorted(found) for each in of_camera(subject, found[subject])]


def _summed(subject: str, against: str, clips: Sequence[ClipSkew]) -> CameraSkew:
    middle, spread = _middle([clip.skew.seconds for clip in clips])
    steep = slope([(clip.at, clip.skew.seconds * 1e6) for clip in clips], _CAMERA_DRIFT_AFTER)
    drift = None if steep is None else round(steep * 86_400, 3)
    worst = max(clips, key=lambda clip: (abs(clip.skew.seconds), clip.source))
    return CameraSkew(subject, against, round(middle, 2), round(spread, 2), len(clips), drift, worst.source)


def _middle(values: Sequence[float]) -> tuple[float, float]:
    """Median and median absolute deviation from it."""
    middle = median(values)
    return middle, median(abs(value - middle) for value in values)
