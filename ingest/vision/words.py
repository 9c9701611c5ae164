"""Detections as words and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ingest.ports import Detection


def counts(detections: Sequence[Detection]) -> dict[str, int]:
    """How many boxes of each label, most first; a whole-picture attribute counts once."""
    found = Counter(each.label for each in detections if each.box is not None)
    found.update({each.label for each in detections if each.box is None} - set(found))
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def detections_text(detections: Sequence[Detection]) -> str:
    """A line words can find: "sees: person ×3, truck ×1"; attributes of the whole picture without a figure; "" for nothing."""
    boxed = {each.label for each in detections if each.box is not None}
    parts = [f"{label} ×{times}" if label in boxed else label for label, times in counts(detections).items()]
    return f"sees: {', '.join(parts)}" if parts else ""
