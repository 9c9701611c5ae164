"""Boxes linked across the kept frames of a fixed camera: which are the same thing, how many at once, from when to when.

Kept frames are about a second apart, so the boxes of a walking person often do not overlap from one to the next. What is compared
is therefore the distance from where a thing is expected (its last place and its speed), in units of its own size, within a reach
that grows with the time between: the idea of a buffered matching space (Yang et al., C-BIoU, WACV 2023) with SORT's constant speed
and optimal assignment (Bewley et al., ICIP 2016). Things seen in the frame before are matched first, then those lost for a while
(the two stages of ByteTrack, Zhang et al., ECCV 2022, whose second stage is for unsure boxes). Colours tell apart what passes close by.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from ingest.ports import Detection
from retrieval.types import Box

# in sizes (the longer side of the box): a walking person goes some 0.8 of their height a second
_REACH, _REACH_A_SECOND, _FARTHEST = 0.4, 1.0, 2.0
_GROWTH = 1.8
# one that a look or two have missed; after that another one may have come
_LOST_MS = 3_000
# what stands still may be missed for longer and is still the same thing
_STOOD, _STOOD_MS = 0.6, 60_000
# between mean colours in CIELAB, in hundredths; lightness counts half, since it changes with the shade
_OTHER_COLOURS = 0.35
_COLOUR_WEIGHT = 3.0
_PARTS = ((0.1, 0.5), (0.5, 0.9))
_JOIN_MS = 30_000
_STRETCHES = 200
_FAR = 1e6


Colours = NDArray[np.float32]


class Sight(NamedTuple):
    """A box and the mean colours of its upper and lower half, shape (6,)."""

    box: Box
    colours: Colours


class Stretch(NamedTuple):
    """A time in which a label was seen without a break of over 30 s, in ms of media time, and the most seen at once."""

    ms: int
    end_ms: int
    most: int


class Counted(NamedTuple):
    """What was seen of one label in a clip. `most` is the largest number at once and `most_ms` when; `tracks` how many were told
    apart and `lasting` how many of them were seen in more than one frame. Beyond 200
    stretches the last one takes in what follows."""

    label: str
    by: str
    most: int
    most_ms: int
    tracks: int
    lasting: int
    stretches: tuple[Stretch, ...]

    @property
    def span_ms(self) -> tuple[int, int]:
        return self.stretches[0].ms, self.stretches[-1].end_ms


@dataclass(eq=False)
class _Track:
    id: int
    box: Box
    ms: int
    colours: Colours
    speed: tuple[float, float] = (0.0, 0.0)
    seen: int = 1
    stands: bool = False

    def follow(self, sight: Sight, ms: int) -> None:
        """Take a new place; the speed is that since the last one, in fractions of the picture a ms."""
        before, after, since = _centre(self.box), _centre(sight.box), max(1, ms - self.ms)
        self.speed = ((after[0] - before[0]) / since, (after[1] - before[1]) / since)
        self.stands = overlap(self.box, sight.box) >= _STOOD
        self.colours = np.asarray((self.colours + sight.colours) / 2, np.float32)
        self.box, self.ms, self.seen = sight.box, ms, self.seen + 1


class Tracker:
    """Follows the things of one label through the frames of one clip, in order of time."""

    def __init__(self) -> None:
        self._live: list[_Track] = []
        self._last_ms = -1
        self.ended_lasting = 0

    def follow(self, ms: int, sights: Sequence[Sight], aspect: float, new_id: int) -> list[int]:
        """The track of each box, none twice; new things get `new_id`, `new_id` + 1, … `aspect` is the picture's width / height.

        The same boxes in another order get the same tracks.
        """
        self._forget(ms)
        order = sorted(range(len(sights)), key=lambda at: sights[at].box)
        given: dict[int, int] = {}
        before = [track for track in self._live if track.ms == self._last_ms]
        lost = [track for track in self._live if track.ms != self._last_ms]
        for tracks in (before, lost):
            free = [at for at in order if at not in given]
            for track, at in _pairs(tracks, [sights[at] for at in free], ms, aspect):
                track.follow(sights[free[at]], ms)
                given[free[at]] = track.id
        for at in order:
            if at not in given:
                self._live.append(_Track(new_id, sights[at].box, ms, sights[at].colours))
                given[at] = new_id
                new_id += 1
        self._last_ms = ms
        return [given[at] for at in range(len(sights))]

    @property
    def lasting(self) -> int:
        """How many tracks had more than one box so far."""
        return self.ended_lasting + sum(track.seen > 1 for track in self._live)

    def _forget(self, ms: int) -> None:
        gone = [track for track in self._live if ms - track.ms > (_STOOD_MS if track.stands else _LOST_MS)]
        self.ended_lasting += sum(track.seen > 1 for track in gone)
        self._live = [track for track in self._live if track not in gone]


def _pairs(tracks: Sequence[_Track], sights: Sequence[Sight], ms: int, aspect: float) -> list[tuple[_Track, int]]:
    """The cheapest one-to-one matches of tracks and boxes within reach."""
    if not tracks or not sights:
        return []
    from scipy.optimize import linear_sum_assignment

    costs = np.array([[_cost(track, sight, ms, aspect) for sight in sights] for track in tracks])
    rows, columns = linear_sum_assignment(costs)
    return [(tracks[r], int(c)) for r, c in zip(rows, columns, strict=True) if costs[r, c] < _FAR]


def _cost(track: _Track, sight: Sight, ms: int, aspect: float) -> float:
    """Lower for likelier; `_FAR` for what cannot be the same thing."""
    since, box = ms - track.ms, sight.box
    share = overlap(track.box, box)
    still = share >= _STOOD and track.stands
    if since > _LOST_MS and not still:
        return _FAR
    old, new = _size(track.box, aspect), _size(box, aspect)
    growth = abs(math.log(new / old))
    away = min(_away(track, box, since, aspect), _away(track, box, 0, aspect)) / math.sqrt(old * new)
    reach = min(_FARTHEST, _REACH + _REACH_A_SECOND * since / 1000)
    apart = float(np.linalg.norm(track.colours - sight.colours))
    if not still and (away > reach or growth > math.log(_GROWTH) or apart > _OTHER_COLOURS):
        return _FAR
    return away / reach + growth - share + _COLOUR_WEIGHT * apart


def _away(track: _Track, box: Box, ahead_ms: int, aspect: float) -> float:
    """From where the track is after `ahead_ms` at its speed to the box, in heights of the picture."""
    (x, y), (u, v) = _centre(track.box), _centre(box)
    return math.hypot((x + track.speed[0] * ahead_ms - u) * aspect, y + track.speed[1] * ahead_ms - v)


def _centre(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _size(box: Box, aspect: float) -> float:
    """The longer side, in heights of the picture."""
    return max((box[2] - box[0]) * aspect, box[3] - box[1], 1e-6)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, in [0, 1]; 0 for boxes without an area."""
    shared = area((max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3])))
    both = area(one) + area(other) - shared
    return shared / both if both > 0 else 0.0


def area(box: Box) -> float:
    """0 for a box that is inside out."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def colours_of(image: Image, boxes: Sequence[Box]) -> list[Colours]:
    """Mean CIELAB colours of the upper and lower half of each box, its middle only, so that little of what is behind counts."""
    import cv2

    rgb = np.asarray(image.convert("RGB"))
    return [np.concatenate([_mean_colour(cv2, rgb, box, part) for part in _PARTS]) for box in boxes]


def _mean_colour(cv2: Any, rgb: NDArray[np.uint8], box: Box, part: tuple[float, float]) -> Colours:
    height, width = rgb.shape[:2]
    across, down = box[2] - box[0], box[3] - box[1]
    left, right = int((box[0] + 0.25 * across) * width), math.ceil((box[0] + 0.75 * across) * width)
    top, bottom = int((box[1] + part[0] * down) * height), math.ceil((box[1] + part[1] * down) * height)
    middle = rgb[max(0, top) : max(bottom, top + 1), max(0, left) : max(right, left + 1)]
    if not middle.size:
        return np.zeros(3, np.float32)
    lab = cv2.cvtColor(np.asarray(middle, np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3).mean(axis=0)
    return np.asarray(lab * (0.5, 1.0, 1.0) / 100, np.float32)


class _Count:
    """The running figures of one label as one detector sees it."""

    def __init__(self) -> None:
        self.tracker = Tracker()
        self.tracks = self.most = self.most_ms = 0
        self.stretches: list[Stretch] = []

    def add(self, ms: int, end_ms: int, boxes: int, new: int) -> None:
        self.tracks += new
        if boxes > self.most:
            self.most, self.most_ms = boxes, ms
        joins = bool(self.stretches) and ms - self.stretches[-1].end_ms <= _JOIN_MS
        if joins or len(self.stretches) == _STRETCHES:
            last = self.stretches.pop()
            self.stretches.append(Stretch(last.ms, end_ms, max(last.most, boxes)))
        else:
            self.stretches.append(Stretch(ms, end_ms, boxes))


class Following:
    """Follows everything with a box through the frames of one clip, and counts it. Frames come in order of time."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], _Count] = {}
        self._next = 1

    def frame(
        self, span_ms: tuple[int, int], seen: dict[str, list[Detection]], image: Image
    ) -> dict[str, list[Detection]]:
        """{detector: detections} of a frame that stands for [ms, end_ms), with their tracks; those without a box as they are."""
        return {by: self._of_one(span_ms, by, found, image) for by, found in seen.items()}

    def counted(self) -> list[Counted]:
        """One entry a label, from the detector that saw the most of it at once, by label."""
        best: dict[str, Counted] = {}
        for (by, label), count in self._counts.items():
            made = Counted(
                label, by, count.most, count.most_ms, count.tracks, count.tracker.lasting, tuple(count.stretches)
            )
            if label not in best or (made.most, made.tracks) > (best[label].most, best[label].tracks):
                best[label] = made
        return [best[label] for label in sorted(best)]

    def _of_one(self, span_ms: tuple[int, int], by: str, found: Sequence[Detection], image: Image) -> list[Detection]:
        tracks: dict[int, int] = {}
        # a label that is not seen is looked for all the same: its tracks are then lost
        known = {label for detector, label in self._counts if detector == by}
        for label in sorted(known | {each.label for each in found if each.box}):
            places = [(at, each.box) for at, each in enumerate(found) if each.label == label and each.box]
            count = self._counts.setdefault((by, label), _Count())
            boxes = [box for _, box in places]
            sights = [Sight(*each) for each in zip(boxes, colours_of(image, boxes), strict=True)]
            ids = count.tracker.follow(span_ms[0], sights, image.width / image.height, self._next)
            new = sum(id_ >= self._next for id_ in ids)
            self._next += new
            if ids:
                count.add(*span_ms, len(ids), new)
            tracks.update((at, id_) for (at, _), id_ in zip(places, ids, strict=True))
        return [each._replace(track=tracks.get(at)) for at, each in enumerate(found)]
