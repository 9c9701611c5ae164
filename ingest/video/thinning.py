"""From the frames of a clip to those worth keeping. Runs in the sandbox's child."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from av.video.reformatter import VideoReformatter

from ingest.packets import Packets
from ingest.video.change import Change, ChangeDetector, Plane, Planes, smoothed, work_size
from ingest.video.gallery import Gallery
from ingest.video.keep import OTHER_PICTURE, Choice, Keeper
from ingest.video.messages import Closed, Kept, Opened, Order
from ingest.video.passes import Between, Keyframes, MediaTime, Opener, Timed, every_frame
from ingest.video.shrink import Shrinker, upright
from ingest.video.steady import SceneCuts
from retrieval.errors import SourceRejected


class Encoded(NamedTuple):
    """A frame to keep: its JPEG, the mean of its luma and the standard deviation of the luma's Laplacian, both in 0–255 units."""

    jpeg: bytes
    brightness: float
    sharpness: float


class Encoder(Protocol):
    """What makes of a frame what is kept. `luma` is its Y plane at the work size."""

    def encode(self, frame: Any, luma: Plane) -> Encoded: ...


class Thinning:
    """One pass: looks taken, survivors encoded; the newest survivor is held back until the next one tells how long it stands.

    Looks are evenly spaced. Between two of them frames are looked at closely where something begins after stillness, so that a
    moment begins when it began, and where the order's focus lies.
    """

    def __init__(
        self, order: Order, opened: Opened, container: Any, opener: Opener, pictures: Encoder | None = None
    ) -> None:
        self._sampling, self._focus, self._opened = order.sampling, order.focus, opened
        self._container = container
        self._times = MediaTime(container.streams.video[0], opened.announced_ms)
        self._packets = Packets("clip")
        self._between = Between(opener, self._times)
        self._keyframes = Keyframes(container, self._times, self._packets, order.sampling)
        self._shrinker = Shrinker(work_size(opened.width, opened.height, order.sampling.work_height))
        self._pictures = pictures or Pictures(order.sampling.long_side, order.sampling.jpeg_quality)
        self._detector = ChangeDetector()
        self._gallery = Gallery(self._detector)
        self._keeper = Keeper(order.sampling, opened.fixed, opened.step_ms)
        self._cuts = None if opened.fixed else SceneCuts()
        self._held: Kept | None = None
        self._shown: Planes | None = None  # of the held one
        self._last_look = self._last_fine = -(1 << 40)
        self._looks = self._longest = 0
        self._decoded_between = 0
        self._resting = False

    def kept(self) -> Iterator[Kept]:
        """Raises SourceRejected: truncated."""
        for timed in self._frames():
            if self._opened.keys or self._due(timed):
                yield from self._look(timed)
            elif self._near(timed.ms):
                yield from self._closely(timed, "focus")
        self._between.close()
        if self._held is not None:
            self._held.end_ms = max(self._length(), self._held.ms)
            yield self._held

    def closed(self) -> Closed:
        longest = max(self._longest, self._length() - max(self._last_look, 0))
        return Closed(self._length(), self._times.decoded, self._looks, longest, self._packets.damaged)

    def _frames(self) -> Iterable[Timed]:
        stream = self._container.streams.video[0]
        if self._opened.keys:
            stream.thread_type = "NONE"  # one keyframe needs no other: threads would only wait
            return self._keyframes
        stream.thread_type, stream.codec_context.thread_count = "AUTO", 2
        return every_frame(self._container, self._times, self._packets)

    def _length(self) -> int:
        if not self._times.decoded:
            return 0
        end = round(self._times.latest + self._times.frame_ms)
        return max(end, self._keyframes.end_ms) if self._opened.keys else end

    def _due(self, timed: Timed) -> bool:
        since = timed.ms - self._last_look
        timely = since >= self._opened.step_ms - self._times.frame_ms / 2
        if self._cuts is None:
            return timely
        cut = self._cuts.feed(timed.ms, timed.frame)
        return cut or timely or (bool(timed.frame.key_frame) and since >= self._sampling.step_ms)

    def _near(self, ms: int) -> bool:
        """Whether a frame between two looks lies in the focus, and far enough from the last one looked at."""
        if ms - max(self._last_look, self._last_fine) < self._sampling.fine_ms - self._times.frame_ms / 2:
            return False
        return any(start <= ms < end for start, end in self._focus)

    def _look(self, timed: Timed) -> Iterator[Kept]:
        ms, frame = timed
        before = self._last_look
        if self._looks:
            self._longest = max(self._longest, ms - before)
        if self._opened.keys and self._cuts is not None:
            self._cuts.feed(ms, frame)
        small = self._shrinker.small(frame)
        now = smoothed(small)
        self._detector.look(now)
        change, held = self._detector.compare(), self._held
        if self._opened.keys and self._looks:
            yield from self._inside(before, ms, change)
        self._looks, self._last_look = self._looks + 1, ms
        if self._held is not held:  # something in between is the reference now
            change = self._detector.compare()
        cut = self._cuts is not None and self._cuts.latest == ms
        key = bool(frame.key_frame) and not self._opened.fixed
        choice = self._keeper.decide(ms, change, cut=cut, key=key)
        if choice is None and self._held is not None:
            self._held.stands = self._held.like_ms is None
        yield from self._keep(timed, (small, now), choice, change)
        self._resting = change.apart == 0

    def _inside(self, before: int, ms: int, change: Change) -> Iterator[Kept]:
        """What a keyframe pass left out between two looks and is worth decoding; `change` is that of the later one."""
        if any(start < ms and before < end for start, end in self._focus):
            for timed in self._between.frames(before, ms, self._sampling.fine_ms):
                if self._near(timed.ms):
                    yield from self._closely(timed, "focus")
        elif self._resting and change.apart > 0 and self._affordable(ms - before):
            yield from self._onset(before, ms)

    def _affordable(self, length_ms: int) -> bool:
        """Onsets may cost a share of the clip so far, and the first one is free."""
        spent = self._decoded_between + length_ms
        if self._decoded_between and spent > self._sampling.onset_share * self._times.latest:
            return False
        self._decoded_between = spent
        return self._sampling.onset_share > 0

    def _onset(self, before: int, ms: int) -> Iterator[Kept]:
        """The first frame that shows what the look at `ms` shows for the first time."""
        least = 0.0 if self._opened.fixed else OTHER_PICTURE
        for timed in self._between.frames(before, ms, self._sampling.fine_ms):
            if self._detector.differs(smoothed(self._shrinker.small(timed.frame))).apart > least:
                yield from self._closely(timed, "onset")
                return

    def _closely(self, timed: Timed, why: str) -> Iterator[Kept]:
        """Look at a frame between two looks. It is no part of the statistics: those compare frames that are as far apart as looks."""
        self._last_fine = timed.ms
        small = self._shrinker.small(timed.frame)
        now = smoothed(small)
        change = self._detector.differs(now)
        choice = self._keeper.decide(timed.ms, change, rests=False)
        yield from self._keep(timed, (small, now), choice._replace(why=why) if choice else None, change)

    def _keep(
        self, timed: Timed, looked: tuple[Planes, Planes], choice: Choice | None, change: Change
    ) -> Iterator[Kept]:
        """`looked` are its planes, as they are and smoothed."""
        if choice is None:
            return
        small, now = looked
        self._detector.keep(now)
        if self._held is not None:
            self._held.end_ms = timed.ms
            self._held.moment = choice.moment if choice.settles else self._held.moment
            if self._held.stands and self._shown is not None:
                self._gallery.add(self._held.ms, self._shown)
            yield self._held
        like, self._shown = self._gallery.find(now), now
        whole = like is not None and like.whole
        made = measured(small.y) if whole else self._pictures.encode(timed.frame, small.y)
        self._held = Kept(
            ms=timed.ms,
            end_ms=timed.ms,
            jpeg=made.jpeg,
            moment=choice.moment,
            why=choice.why,
            changed=round(change.share, 4),
            brightness=made.brightness,
            sharpness=made.sharpness,
            like_ms=like.ms if like else None,
        )


class Pictures:
    """Frames as JPEG, upright, the longer side at most `long_side` pixels."""

    def __init__(self, long_side: int, quality: int) -> None:
        self._long_side, self._quality = long_side, quality
        self._scaler = VideoReformatter()

    def encode(self, frame: Any, luma: Plane) -> Encoded:
        """Raises SourceRejected where it cannot be encoded."""
        return measured(luma)._replace(jpeg=self._jpeg(frame))

    def _jpeg(self, frame: Any) -> bytes:
        scale = min(1.0, self._long_side / max(frame.width, frame.height))
        width, height = (max(2, round(side * scale)) for side in (frame.width, frame.height))
        picture = np.asarray(self._scaler.reformat(frame, width, height, "bgr24").to_ndarray(), np.uint8)
        return encode_jpeg(upright(picture, frame.rotation), self._quality)


def measured(luma: Plane) -> Encoded:
    """A frame's figures, without a JPEG."""
    spread = cv2.meanStdDev(cv2.Laplacian(luma, cv2.CV_16S))[1]
    return Encoded(b"", round(float(cv2.mean(luma)[0]), 1), round(float(spread[0, 0]), 1))


def encode_jpeg(bgr: np.ndarray[Any, Any], quality: int) -> bytes:
    """A JPEG of a BGR picture of shape (h, w, 3), uint8."""
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise SourceRejected("a frame could not be encoded")
    return bytes(data)
