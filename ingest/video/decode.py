"""The decoder: runs in the sandbox's child (worker "ingest.video.decode:frames") and imports av, numpy and cv2 only.

Damage is told apart: an index that cannot be read or a clip that ends well before its announced length is truncated.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import msgspec
import numpy as np

from ingest.packets import Packets, refuse_short_riff
from ingest.video.change import ChangeDetector, planes, work_size
from ingest.video.keep import Choice, Keeper
from ingest.video.messages import Closed, Kept, Message, Opened, Order, Sampling
from ingest.video.steady import SceneCuts, stands_still
from retrieval.errors import SourceRejected

_MISSING = 0.9
_SLACK_MS = 1500


def frames(args: dict[str, Any]) -> Iterator[Message]:
    """Yield Opened, Kept…, Closed. Raises SourceRejected (truncated, too_large, unreadable)."""
    order = msgspec.convert(args, Order)
    _refuse_cut_off(order.path)
    opened = _describe(order)
    yield opened
    with _open(order.path) as container:
        clip = _Clip(order.sampling, opened)
        yield from clip.kept(container)
    closed = clip.closed()
    if not closed.decoded:
        raise SourceRejected("no frame could be decoded", kind="truncated")
    if opened.announced_ms and closed.length_ms < opened.announced_ms * _MISSING - _SLACK_MS:
        said, got = opened.announced_ms / 1000, closed.length_ms / 1000
        raise SourceRejected(f"the clip is cut off: {got:.1f} s of {said:.1f} s could be decoded", kind="truncated")
    yield closed


def _open(path: str) -> Any:
    try:
        container = av.open(path)
    except av.error.InvalidDataError as error:
        raise SourceRejected(f"the index of the clip cannot be read ({error.strerror})", kind="truncated") from error
    except (av.error.FFmpegError, OSError) as error:
        # the library's own words carry the path
        raise SourceRejected(f"the clip cannot be opened ({error.strerror})") from error
    if not container.streams.video:
        container.close()
        raise SourceRejected("the file has no video in it", kind="no_video")
    container.streams.video[0].thread_type = "AUTO"
    container.streams.video[0].codec_context.thread_count = 2
    return container


def _refuse_cut_off(path: str) -> None:
    """What the container's own bytes say. A GIF announces no length, but its last byte is the trailer 0x3B (GIF89a §27), perhaps
    padded with zeros; an AVI is a RIFF file."""
    with Path(path).open("rb") as file:
        head = file.read(8)
        size = file.seek(0, 2)
        file.seek(max(0, size - 64))
        tail = file.read().rstrip(b"\0")
    if head.startswith(b"GIF8") and not tail.endswith(b"\x3b"):
        raise SourceRejected("the animation is cut off: its last bytes are missing", kind="truncated")
    refuse_short_riff(head, size, "clip")


def _describe(order: Order) -> Opened:
    with _open(order.path) as container:
        stream = container.streams.video[0]
        sampling = order.sampling
        if stream.width * stream.height > sampling.max_pixels:
            raise SourceRejected(f"the picture is too large: {stream.width}x{stream.height}", kind="too_large")
        if not stream.width or not stream.height:
            raise SourceRejected("the picture has no size", kind="truncated")
        announced = _announced_ms(container, stream)
        fixed = stands_still(container, stream) if order.fixed is None else order.fixed
        step = sampling.step_ms if fixed else sampling.floor_ms
        step = min(step, announced // sampling.short_looks) if announced else sampling.step_ms
        return Opened(
            width=stream.width,
            height=stream.height,
            announced_ms=announced,
            step_ms=max(step, 20),
            fixed=fixed,
            codec=stream.codec_context.name,
            made=container.metadata.get("creation_time", ""),
            sound=bool(container.streams.audio),
        )


def _announced_ms(container: Any, stream: Any) -> int:
    if stream.duration:
        return int(stream.duration * stream.time_base * 1000)
    return int(container.duration / 1000) if container.duration else 0


class _Clip:
    """One pass over the frames: times made sane, looks taken, survivors encoded; the newest survivor is held back until the
    next one tells how long it stands."""

    def __init__(self, sampling: Sampling, opened: Opened) -> None:
        self._sampling = sampling
        self._opened = opened
        self._size = work_size(opened.width, opened.height, sampling.work_height)
        self._detector = ChangeDetector()
        self._keeper = Keeper(sampling, opened.fixed, opened.step_ms)
        self._cuts = None if opened.fixed else SceneCuts()
        self._held: Kept | None = None
        self._origin: float | None = None
        self._ms = -1
        self._frame_ms = 40.0
        self._last_look = -(1 << 40)
        self._decoded = self._looks = self._longest = 0
        self._packets = Packets("clip")

    def kept(self, container: Any) -> Iterator[Kept]:
        stream = container.streams.video[0]
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        self._frame_ms = float(1000 / rate)
        for frame in self._packets.frames(container, stream):
            ms = self._time(frame)
            if self._due(ms, frame):
                yield from self._look(ms, frame)
        if self._held is not None:
            self._held.end_ms = max(self._length(), self._held.ms)
            yield self._held

    def closed(self) -> Closed:
        longest = max(self._longest, self._length() - max(self._last_look, 0))
        return Closed(self._length(), self._decoded, self._looks, longest, self._packets.damaged)

    def _length(self) -> int:
        return round(self._ms + self._frame_ms) if self._decoded else 0

    def _time(self, frame: Any) -> int:
        """Media time that starts at 0 and always grows; a frame without a stamp follows the one before."""
        self._decoded += 1
        expected = self._ms + self._frame_ms if self._ms >= 0 else 0.0
        if frame.time is not None:
            self._origin = frame.time if self._origin is None else self._origin
            expected = (frame.time - self._origin) * 1000
        self._ms = max(self._ms + 1, round(expected))
        return self._ms

    def _due(self, ms: int, frame: Any) -> bool:
        since = ms - self._last_look
        timely = since >= self._opened.step_ms - self._frame_ms / 2
        if self._cuts is None:
            return timely
        cut = self._cuts.feed(ms, frame)
        return cut or timely or (bool(frame.key_frame) and since >= self._sampling.step_ms)

    def _look(self, ms: int, frame: Any) -> Iterator[Kept]:
        if self._looks:
            self._longest = max(self._longest, ms - self._last_look)
        self._looks, self._last_look = self._looks + 1, ms
        width, height = self._size
        small = frame.reformat(width=width, height=height, format="yuv420p", interpolation="AREA").to_ndarray()
        self._detector.look(planes(small, height))
        change = self._detector.compare()
        cut = self._cuts is not None and self._cuts.latest == ms
        choice = self._keeper.decide(ms, change, cut=cut, key=bool(frame.key_frame) and not self._opened.fixed)
        if choice is None:
            return
        self._detector.keep()
        if self._held is not None:
            self._held.end_ms = ms
            self._held.moment = choice.moment if choice.settles else self._held.moment
            yield self._held
        self._held = self._survivor(ms, frame, choice, change.share)

    def _survivor(self, ms: int, frame: Any, choice: Choice, changed: float) -> Kept:
        scale = min(1.0, self._sampling.long_side / max(frame.width, frame.height))
        width, height = (max(2, round(side * scale)) for side in (frame.width, frame.height))
        picture = frame.reformat(width=width, height=height, format="bgr24").to_ndarray()
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        return Kept(
            ms=ms,
            end_ms=ms,
            jpeg=encode_jpeg(picture, self._sampling.jpeg_quality),
            moment=choice.moment,
            why=choice.why,
            changed=round(changed, 4),
            brightness=round(float(grey.mean()), 1),
            sharpness=round(float(cv2.Laplacian(grey, cv2.CV_16S).std()), 1),
        )


def encode_jpeg(bgr: np.ndarray[Any, Any], quality: int) -> bytes:
    """A JPEG of a BGR picture of shape (h, w, 3), uint8."""
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise SourceRejected("a frame could not be encoded")
    return bytes(data)
