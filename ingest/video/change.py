"""Has anything changed since the last kept frame, anywhere in the picture, even something as small as a person far away?

Frames are compared as Y, U and V planes at a work size whose sides are multiples of 8. Each plane is smoothed 3x3, the
absolute difference is taken and its maximum over every 8x8 block is the block's score: a small thing raises one block by
its whole contrast, and a mean over the picture would bury it. A block has changed when its score passes a threshold drawn
from the noise of the clip. Blocks that change in (nearly) every pair of looks, such as the seconds of a burnt-in clock, are
called busy and do not count, and neither do their direct neighbours that change again and again; a change in any other
block does.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 8
_LEAST = 10.0
_NOISE_FACTOR = 2.0
_HISTORY = 20
_WARM = 8
_BUSY_RATE = 0.8
_FRINGE_RATE = 0.1
_BUSY_SHARE = 0.05
_NEAR_BUSY = 10
# a digit 10 pixels high, drawn at 1080 lines, still moves a mean by more
_VISIBLE = 6.0

_ROW = np.ones((1, BLOCK), np.uint8)

Plane = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class Planes(NamedTuple):
    """Smoothed planes: y of shape (h, w), u and v of shape (h/2, w/2)."""

    y: Plane
    u: Plane
    v: Plane


class Change(NamedTuple):
    """What differs from the reference: the share of blocks that changed outside the busy ones, and the same without the
    blocks right beside the busy ones (a clock's slower digits)."""

    share: float
    apart: float


class Unlike(NamedTuple):
    """What tells two pictures apart: the share of blocks that differ anywhere, by over 6 levels even where noise would excuse more, and
    of those that have changed outside the lines of busy ones (a clock, its slower digits included)."""

    visibly: float
    elsewhere: float


def work_size(width: int, height: int, lines: int) -> tuple[int, int]:
    """Width and height to compare at: at most `lines` high, both multiples of 8 and at least 16."""
    scale = min(1.0, lines / height)
    return tuple(max(16, round(side * scale / BLOCK) * BLOCK) for side in (width, height))  # type: ignore[return-value]


def planes(yuv420: Plane, height: int) -> Planes:
    """Split and smooth a yuv420p picture stored as one array of shape (height * 3/2, width)."""
    width = yuv420.shape[1]
    quarter = height // 4
    u = yuv420[height : height + quarter].reshape(height // 2, width // 2)
    v = yuv420[height + quarter : height + 2 * quarter].reshape(height // 2, width // 2)
    return smoothed(Planes(yuv420[:height], u, v))


def smoothed(raw: Planes) -> Planes:
    """Each plane averaged over 3x3 pixels."""
    import cv2

    return Planes(*(np.asarray(cv2.blur(plane, (3, 3)), np.uint8) for plane in raw))


def sampled(luma: Plane) -> Plane:
    """One pixel of each 8x8 block, shape (h/8, w/8)."""
    return np.ascontiguousarray(luma[BLOCK // 2 :: BLOCK, BLOCK // 2 :: BLOCK])


def scores(left: Planes, right: Planes) -> NDArray[np.uint8]:
    """Score of each 8x8 block, shape (h/8, w/8): the largest smoothed difference in it; chroma counts double."""
    import cv2

    luma = _block_max(np.asarray(cv2.absdiff(left.y, right.y), np.uint8), BLOCK)
    chroma = cv2.max(cv2.absdiff(left.u, right.u), cv2.absdiff(left.v, right.v))
    colour = _block_max(np.asarray(chroma, np.uint8), BLOCK // 2)
    return np.asarray(np.maximum(luma, np.minimum(colour, 127) * 2), np.uint8)


def _block_max(plane: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    import cv2

    rows = plane.reshape(len(plane) // side, side, -1).max(axis=1)
    wide = cv2.dilate(rows, _ROW[:, :side], anchor=(0, 0))  # the maximum of so many columns from here on
    return np.ascontiguousarray(wide[:, ::side])


class _Counting(NamedTuple):
    """Which blocks count: all but the busy ones, but those right beside them too, or but the lines that they stand in."""

    calm: Mask
    apart: Mask
    elsewhere: Mask


def _counting(busy: Mask) -> _Counting:
    return _Counting(~busy, ~_around(busy, 1, _NEAR_BUSY), ~_around(busy, 0, _NEAR_BUSY))


class ChangeDetector:
    """Feeds on looks in order, evenly spaced; `compare` holds the newest look, `differs` any picture, against the reference (the
    last kept frame)."""

    def __init__(self) -> None:
        self._previous: Planes | None = None
        self._reference: Planes | None = None
        self._score: NDArray[np.uint8] | None = None
        self._noise: deque[float] = deque(maxlen=32)
        self._changed: deque[Mask] = deque(maxlen=_HISTORY)
        self._times: NDArray[np.int64] | None = None  # how often each block is in `_changed`
        self._counting: _Counting | None = None  # None: all blocks count

    def look(self, now: Planes) -> None:
        """Take the next look into the noise and busy statistics."""
        if self._previous is not None:
            self._score = scores(self._previous, now)
            self._noise.append(float(np.median(self._score)))
            busy = self._too_busy(self._score > self._threshold())
            self._counting = None if busy is None else _counting(busy)
        # the reference is the look before, more often than not: then the two are compared already
        self._score = self._score if self._reference is self._previous else None
        self._previous = now

    def keep(self, now: Planes | None = None) -> None:
        """Make the newest look the reference, or a picture between two looks."""
        self._reference, self._score = (self._previous if now is None else now), None

    def compare(self) -> Change:
        """The newest look against the reference. Before the first `keep` everything has changed."""
        return self._against(self._previous, self._score)

    def differs(self, now: Planes) -> Change:
        """A picture between two looks against the reference. It says nothing of noise: it is nearer than looks are."""
        return self._against(now, None)

    def unlike(self, earlier: Planes, now: Planes) -> Unlike:
        """Two pictures of this clip, however far apart."""
        score, threshold = scores(earlier, now), self._threshold()
        visible = score > min(threshold, _VISIBLE)
        return Unlike(float(visible.mean()), float(self._elsewhere(score > threshold).mean()))

    def plainly_unlike(self, earlier: Plane, now: Plane) -> bool:
        """Whether one pixel a block, `sampled`, is enough to tell that `unlike` finds a difference elsewhere; it costs a hundredth."""
        import cv2

        changed: Mask = cv2.absdiff(earlier, now) > self._threshold()
        return bool(self._elsewhere(changed).any())

    def _elsewhere(self, changed: Mask) -> Mask:
        """Those that are in no line of busy ones."""
        return changed if self._counting is None else changed & self._counting.elsewhere

    def _against(self, now: Planes | None, score: NDArray[np.uint8] | None) -> Change:
        if self._reference is None or now is None:
            return Change(1.0, 1.0)
        changed = (scores(self._reference, now) if score is None else score) > self._threshold()
        if self._counting is None:
            share = float(changed.mean())
            return Change(share, share)
        return Change(float((changed & self._counting.calm).mean()), float((changed & self._counting.apart).mean()))

    def _threshold(self) -> float:
        """The lower quarter's end over recent pairs: a pair in which most of the picture moves says nothing about noise."""
        noise = sorted(self._noise)[len(self._noise) // 4] if self._noise else 0.0
        return max(_LEAST, _NOISE_FACTOR * noise + 4.0)

    def _too_busy(self, changed: Mask) -> Mask | None:
        """Blocks that change too often to count, after one more pair of looks."""
        if self._times is None:
            self._times = np.zeros(changed.shape, np.int64)
        if len(self._changed) == _HISTORY:
            self._times -= self._changed[0]
        self._times += changed
        self._changed.append(changed)
        if len(self._changed) < _WARM:
            return None
        rate = self._times / len(self._changed)
        seeds: Mask = rate >= _BUSY_RATE
        busy: Mask = seeds | (_around(seeds, 1, 2) & (rate >= _FRINGE_RATE))
        return busy if 0 < busy.mean() <= _BUSY_SHARE else None


def _around(busy: Mask, rows: int, columns: int) -> Mask:
    """The blocks of the mask and those up to so many rows and columns away."""
    import cv2

    return np.asarray(cv2.dilate(busy.astype(np.uint8), np.ones((2 * rows + 1, 2 * columns + 1), np.uint8)), bool)
