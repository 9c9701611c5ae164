"""Is it enough to decode the keyframes of a clip? Runs in the sandbox's child.

A keyframe costs no other frame to decode. Where they stand close enough that nothing that lasts two seconds falls between two of them, the
frames in between are left in the file; they are decoded only where something begins.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import av

from ingest.video.messages import Sampling


class Plan(NamedTuple):
    """`keys`: decode keyframes only. `step_ms` is the time between two looks, as planned."""

    keys: bool
    step_ms: int


def plan(container: Any, announced_ms: int, fixed: bool, sampling: Sampling) -> Plan:
    """Keyframes suffice where no two are further apart than `brief_ms` and the clip has `short_looks` such gaps."""
    gap = widest_gap_ms(container, announced_ms)
    if gap is not None and gap <= sampling.brief_ms and announced_ms >= gap * sampling.short_looks:
        return Plan(True, max(gap, sampling.step_ms))
    step = sampling.step_ms if fixed else sampling.floor_ms
    step = min(step, announced_ms // sampling.short_looks) if announced_ms else sampling.step_ms
    return Plan(False, max(step, 20))


def widest_gap_ms(container: Any, announced_ms: int) -> int | None:
    """The longest time between two keyframes by the container's own index, its end included, in ms; None where it has none.

    The container is left at its start.
    """
    stream = container.streams.video[0]
    if not stream.time_base or not announced_ms:
        return None
    tick: float = float(stream.time_base * 1000)
    keys = sorted({entry.timestamp * tick for entry in _index(container, stream) if entry.is_keyframe})
    if not keys:
        return None
    ends: list[float] = [*keys, keys[0] + announced_ms]  # an index may count decoding times, which run ahead
    return round(max(b - a for a, b in pairwise(ends)))


def _index(container: Any, stream: Any) -> list[Any]:
    """Matroska's is read when something is first sought."""
    if container.format.name.startswith("matroska"):
        try:
            container.seek(container.duration or 0)
            container.seek(0)
        except av.error.FFmpegError:
            return []
    return [entry for entry in stream.index_entries if not entry.is_discard]
