"""A stretch of a clip."""

from __future__ import annotations

import msgspec

from retrieval.types import Evidence, Interval


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a clip around a frame: [start, end) in ms of media time, in UTC where known, and its kept frames in order.

    `label` is what was seen in all of them; None = a run of like frames.
    """

    frame: str
    source: str
    label: str | None
    span_ms: tuple[int, int]
    valid: Interval | None
    frames: tuple[Evidence, ...]
