"""What is made of a watch's records: how soon faults were told, how well coverage fits what ran, whether memory grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from retrieval.intervals import clip, gaps
from retrieval.types import Interval

RECORDING = "recording"


class Fault(NamedTuple):
    """A camera was broken from `begun` to `mended`, in unix seconds."""

    camera: str
    kind: str
    begun: float
    mended: float


class Told(NamedTuple):
    """The watch told at a time that a camera's state became another."""

    camera: str
    state: str
    at: float


class Edges(NamedTuple):
    """How coverage fits what ran, in seconds.

    `ran_s`: how long the camera sent moving pictures to somebody; `recorded_s`: what is told; `early_s` and `late_s`: the furthest that
    coverage ended before (+) or after (−) a fault began, and began after (+) or before (−) pictures came again; `worst_s` of both.
    `reconnect_s`: the longest from a camera that was back to pictures from it. `inside_s`: the most that is told of the time of a fault.
    `other_gaps_s`: gaps in coverage without a fault, all together.
    """

    ran_s: float
    recorded_s: float
    early_s: float
    late_s: float
    worst_s: float
    reconnect_s: float
    inside_s: float
    other_gaps_s: float


class Slope(NamedTuple):
    """Over the last two thirds: the median of the slopes between any two samples (Theil and Sen), which something that comes and goes does
    not tilt; medians of the first and the last tenth, and the most, in MiB."""

    mib_per_hour: float
    first_mib: float
    last_mib: float
    most_mib: float


def noticed(faults: Sequence[Fault], told: Sequence[Told]) -> dict[str, float]:
    """Of each kind of fault, the longest from its beginning until the watch told that the camera is not recorded; a fault that was not told
    counts with its whole length."""
    longest: dict[str, float] = {}
    for fault in faults:
        mine = (t.at for t in told if t.camera == fault.camera and t.state != RECORDING and t.at >= fault.begun)
        waited = min(next(mine, fault.mended), fault.mended) - fault.begun
        longest[fault.kind] = max(longest.get(fault.kind, 0.0), round(waited, 2))
    return longest


def edges(faults: Sequence[Fault], playing: Sequence[float], recorded: Sequence[Interval], ran: Interval) -> Edges:
    """Of one camera. `playing` are the times at which sessions began; faults lie apart from each other."""
    down = [Interval(_us(fault.begun), _us(fault.mended)) for fault in faults]
    early, late, again, back = [0.0], [0.0], [0.0], list[Interval]()
    for span in down:
        ended = max((min(r.t1, span.t1) for r in recorded if r.t0 < span.t0), default=span.t0)
        begun = min((r.t0 for r in recorded if r.t1 > span.t1 and r.t0 > ended), default=span.t1)
        sent = max([_us(at) for at in playing if _us(at) <= begun + 500_000] or [0])
        came = max(span.t1, sent)
        early.append((span.t0 - ended) / 1e6)
        late.append((begun - came) / 1e6)
        again.append((came - span.t1) / 1e6)
        back.append(Interval(span.t0, max(came, span.t1)))
    inside = [sum(part.seconds for part in clip(recorded, span)) for span in down]
    others = gaps([*recorded, *back], ran)
    worst = max(early, key=abs), max(late, key=abs)
    return Edges(
        ran_s=round(ran.seconds - sum(span.seconds for span in back), 2),
        recorded_s=round(sum(part.seconds for part in clip(recorded, ran)), 2),
        early_s=round(worst[0], 2),
        late_s=round(worst[1], 2),
        worst_s=round(max(abs(each) for each in worst), 2),
        reconnect_s=round(max(again), 2),
        inside_s=round(max(inside, default=0.0), 2),
        other_gaps_s=round(sum(hole.seconds for hole in others), 2),
    )


def memory(samples: Sequence[tuple[float, int]]) -> Slope:
    """Of (seconds, bytes) in order of time."""
    settled = np.asarray(samples[len(samples) // 3 :], np.float64)
    tenth = max(1, len(settled) // 10)
    mib = settled[:, 1] / 2**20
    earlier, later = np.triu_indices(len(settled), 1)
    slopes = (mib[later] - mib[earlier]) / (settled[later, 0] - settled[earlier, 0])
    slope = float(np.median(slopes)) * 3600 if len(slopes) else 0.0
    ends = (float(np.median(mib[:tenth])), float(np.median(mib[-tenth:])), float(mib.max()))
    return Slope(round(slope, 2), *(round(each, 1) for each in ends))


def _us(at: float) -> int:
    return int(at * 1e6)
