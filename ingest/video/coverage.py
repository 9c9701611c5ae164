"""What a clip recorded, and what was looked at in it, by what and how often."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from ingest.ports import Detector, Item, TextReader
from ingest.video.drafts import between
from ingest.video.veil import Veil
from retrieval.types import Coverage, Layer, Micros

_TEXT_MISSED = 1.0


class ClipCoverage:
    """Coverage of one source: [0, length) in media time, in UTC where the start is known."""

    def __init__(self, item: Item, tenant: str, subject: str, start: Micros | None, length_ms: int) -> None:
        self._item = item
        self._tenant = tenant
        self._subject = subject
        self._start = start
        self._length = length_ms

    def recorded(self) -> Coverage:
        return self._record(Layer.RECORDED, "", 0.0, {})

    def examined(self, detectors: Sequence[Detector], longest_ms: int, how: str) -> list[Coverage]:
        """One record a detector. A near-duplicate counts as looked at through the kept frame it is like."""
        return [self._record(Layer.EXAMINED, how + each.name, longest_ms / 1000, each.able) for each in detectors]

    def hidden(self, veil: Veil, longest_ms: int, how: str) -> list[Coverage]:
        """What was looked for to be blurred, how often and how well; none where nothing had to be."""
        if not veil.wanted:
            return []
        return [self._record(Layer.EXAMINED, how + veil.name, longest_ms / 1000, veil.able)]

    def text(self, reader: TextReader, looked_ms: Sequence[int]) -> list[Coverage]:
        """What was read: the longest time between two frames that were really read."""
        if not looked_ms:
            return []
        stops = [*looked_ms, self._length]
        longest = max((later - earlier for earlier, later in pairwise(stops)), default=self._length)
        able: dict[str, float] = getattr(reader, "able", {"text": _TEXT_MISSED})
        return [self._record(Layer.EXAMINED, reader.name, max(longest, 0) / 1000, able)]

    def _record(self, layer: Layer, by: str, interval_s: float, able: dict[str, float]) -> Coverage:
        span = (0, self._length)
        valid = between(self._start, span)
        return Coverage(
            source=self._item.uri,
            subject=self._subject,
            layer=layer,
            tenant=self._tenant,
            valid=valid,
            span_ms=None if valid else span,
            by=by,
            interval_s=interval_s,
            able=dict(able),
            labels=self._item.policy.labels,
        )
