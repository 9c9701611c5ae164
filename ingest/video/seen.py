"""What the detectors see in frames, as data and as words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from PIL.Image import Image

from ingest.ports import Detection, Detector

BATCH = 16
Seen = dict[str, list[Detection]]


def look(detectors: Sequence[Detector], images: Sequence[Image]) -> list[Seen]:
    """One {detector name: detections} a picture; pictures go to each detector 16 at a time."""
    seen: list[Seen] = [{} for _ in images]
    for detector in detectors:
        for first in range(0, len(images), BATCH):
            for offset, found in enumerate(detector.detect(images[first : first + BATCH])):
                seen[first + offset][detector.name] = found
    return seen


def counts(seen: Seen) -> dict[str, int]:
    """Label → how many, most first; where two detectors report a label, the larger number."""
    totals: dict[str, int] = {}
    for found in seen.values():
        for label, count in Counter(detection.label for detection in found).items():
            totals[label] = max(totals.get(label, 0), count)
    return dict(sorted(totals.items(), key=lambda entry: (-entry[1], entry[0])))


def words(totals: dict[str, int]) -> str:
    """{"person": 2, "forklift": 1} → "sees: person ×2, forklift"; "" for nothing."""
    named = [label if count == 1 else f"{label} ×{count}" for label, count in totals.items()]
    return f"sees: {', '.join(named)}" if named else ""


def as_data(seen: Seen) -> list[dict[str, Any]]:
    """Detections as plain JSON, best first; with their track where they were followed."""
    flat = [(name, detection) for name, found in seen.items() for detection in found]
    flat.sort(key=lambda entry: -entry[1].score)
    return [
        {"label": item.label, "score": round(item.score, 3), "box": list(item.box) if item.box else None, "by": name}
        | ({} if item.track is None else {"track": item.track})
        for name, item in flat
    ]
