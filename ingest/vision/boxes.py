"""Boxes as arrays: from centres to corners, the best of those that overlap, and out of a resized picture."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.ports import Detection

Floats = NDArray[np.float32]
# boxes of one label that share more of their area than this are one thing
SAME_THING = 0.5
MOST = 300


class Found(NamedTuple):
    """Boxes of one picture: `corners` (n, 4) as x0, y0, x1, y1; `scores` (n,) in [0, 1]; `labels` (n,) indices."""

    corners: Floats
    scores: Floats
    labels: NDArray[np.int64]


def best(corners: Floats, scores: Floats, least: float) -> Found:
    """Each box with its best label, those that score at least `least`. `corners` (n, 4), `scores` (n, labels)."""
    labels = scores.argmax(axis=1) if scores.shape[1] else np.zeros(len(scores), np.int64)
    top = scores.max(axis=1, initial=0.0)
    keep = top >= least
    return Found(corners[keep], top[keep], labels[keep])


def to_corners(centred: Floats) -> Floats:
    """(n, 4) cx, cy, w, h → x0, y0, x1, y1."""
    half = centred[:, 2:4] / 2
    return np.concatenate([centred[:, :2] - half, centred[:, :2] + half], axis=1)


def suppressed(found: Found, share: float = SAME_THING) -> Found:
    """Greedy non-maximum suppression within each label, best first, at most 300."""
    order = np.argsort(-found.scores, kind="stable")
    kept: list[int] = []
    while order.size and len(kept) < MOST:
        first, rest = int(order[0]), order[1:]
        kept.append(first)
        same = (found.labels[rest] == found.labels[first]) & (
            _shares(found.corners[first], found.corners[rest]) > share
        )
        order = rest[~same]
    return Found(found.corners[kept], found.scores[kept], found.labels[kept])


def _shares(box: Floats, boxes: Floats) -> Floats:
    """Intersection over union of one box with each of (n, 4)."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    both = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - shared
    return np.asarray(shared / np.maximum(both, 1e-12), np.float32)


def detections(
    found: Found, names: list[str], scale: tuple[float, float], shift: tuple[float, float]
) -> list[Detection]:
    """Best first, in fractions of the picture: (corner - shift) / scale, cut at its edges. Boxes without an area are left out."""
    made = []
    placed = np.clip((found.corners - np.tile(shift, 2)) / np.tile(scale, 2), 0.0, 1.0)
    for at in np.argsort(-found.scores, kind="stable"):
        x0, y0, x1, y1 = (float(corner) for corner in placed[at])
        if x1 > x0 and y1 > y0:
            made.append(Detection(names[int(found.labels[at])], float(found.scores[at]), (x0, y0, x1, y1)))
    return made
