"""Frames of one moment are one hit: the best of them."""

from __future__ import annotations

from collections.abc import Iterable

from retrieval.types import Evidence, FrameAt, Hit, Kind


def collapse(hits: Iterable[Hit]) -> list[Hit]:
    """Drop each frame that shows the same moment as a better-ranked one. Order and everything else stay."""
    kept: list[Hit] = []
    frames: dict[str, list[Evidence]] = {}
    for hit in hits:
        if hit.evidence.kind is Kind.FRAME:
            shown = frames.setdefault(hit.evidence.source, [])
            if any(same_moment(hit.evidence, other) for other in shown):
                continue
            shown.append(hit.evidence)
        kept.append(hit)
    return kept


def same_moment(one: Evidence, other: Evidence) -> bool:
    """Two frames of one source: by the moment the ingester gave both, else whether their spans touch."""
    if "moment" in one.data and "moment" in other.data:
        return bool(one.data["moment"] == other.data["moment"])
    return _touch(one, other)


def _touch(one: Evidence, other: Evidence) -> bool:
    a, b = one.locator, other.locator
    if not isinstance(a, FrameAt) or not isinstance(b, FrameAt) or not a.end_ms or not b.end_ms:
        return False
    return a.ms <= b.end_ms and b.ms <= a.end_ms
