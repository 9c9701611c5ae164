"""Has a clip shown this picture before? Runs in the sandbox's child.

A door that opens and shuts, a camera that swings back, a yard at rest: the same picture comes again and again, and each time it is evidence
of its own second. A question about 14:03 must find a frame of 14:03, play it there, and not learn of 13:10 instead; so every return is
kept as a frame of its own, in a moment of its own. What is spared is the work. Where nothing differs from a frame kept before, its
picture is stored once, and what was seen in it and its vector serve again; where only a burnt-in clock differs, the frame has its own
picture and shares the rest. Data of such a frame name the earlier one (`like_ms`).

A perceptual hash finds candidates; it does not decide, and neither would the likeness of two embeddings: somebody far away moves no bit of
the one and hardly the other. What decides is the comparison by blocks that tells a change from none (change.py). The candidate is always
a frame that had its own picture and was looked at, so that small differences do not add up from return to return; and one that stood for
two looks, since nothing in motion comes back as it was.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.video.change import ChangeDetector, Plane, Planes, sampled

# frames held to compare with; the one not met for longest goes first
MOST = 64
_BITS = 8
_NEAR = 12
_TRIED = 2


class Like(NamedTuple):
    """The media time (ms) of the earlier frame; `whole`: its picture stands for this one, else a clock differs."""

    ms: int
    whole: bool


class _Shown(NamedTuple):
    hash: int
    points: Plane
    planes: Planes


class Gallery:
    """Frames of one clip that stood still for a while and were kept with a picture of their own, by the media time of each in ms."""

    def __init__(self, detector: ChangeDetector) -> None:
        self._detector = detector
        self._shown: OrderedDict[int, _Shown] = OrderedDict()

    def add(self, ms: int, planes: Planes) -> None:
        """Compare with this frame from now on; `planes` are smoothed."""
        self._shown[ms] = _shown(planes)
        if len(self._shown) > MOST:
            self._shown.popitem(last=False)

    def find(self, planes: Planes) -> Like | None:
        """The frame that these smoothed planes look like; of two candidates as near, the later one."""
        if not self._shown:
            return None
        now = _shown(planes)
        away = sorted(((now.hash ^ each.hash).bit_count(), -ms) for ms, each in self._shown.items())
        for ms in [-late for distance, late in away[:_TRIED] if distance <= _NEAR]:
            if like := self._like(ms, now):
                self._shown.move_to_end(ms)
                return like
        return None

    def _like(self, ms: int, now: _Shown) -> Like | None:
        earlier = self._shown[ms]
        if self._detector.plainly_unlike(earlier.points, now.points):
            return None
        unlike = self._detector.unlike(earlier.planes, now.planes)
        return Like(ms, unlike.visibly == 0) if unlike.elsewhere == 0 else None


def _shown(planes: Planes) -> _Shown:
    points = sampled(planes.y)
    return _Shown(perceptual_hash(points), points, planes)


def perceptual_hash(points: Plane) -> int:
    """63 bits: whether each of the 8x8 lowest frequencies but the mean, of the cosine transform of a small picture, is above their
    median. `points` are its pixels, of any shape.

    After pHash (Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010), without its scaling to a square.
    """
    height, width = points.shape
    low = (_cosines(height) @ points.astype(np.float32) @ _cosines(width).T).ravel()[1:]
    return int.from_bytes(np.packbits(low > np.sort(low)[low.size // 2]).tobytes(), "big")


@lru_cache(maxsize=16)
def _cosines(length: int) -> NDArray[np.float32]:
    """The first rows of the orthonormal cosine transform (DCT-II) of so many values, shape (8, length)."""
    k, n = np.arange(_BITS)[:, None], np.arange(length)[None, :]
    scale = np.where(k == 0, 1.0, np.sqrt(2.0)) / np.sqrt(length)
    return np.asarray(scale * np.cos(np.pi * k * (2 * n + 1) / (2 * length)), np.float32)
